// SPDX-License-Identifier: Apache-2.0
// With a sanitizer the count comes from its allocator's hooks; without one malloc and free are
// wrapped around glibc's own. What other threads allocate is counted too: there are none but
// libFuzzer's watch.
#include "tests/fuzz/support/memory_bound.hpp"

#include <malloc.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PAWL_HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PAWL_HAS_SANITIZER 1
#endif
#endif

namespace pawl::fuzzing {
namespace {

// Signed: what was allocated before the hooks were there may be freed after.
std::atomic<std::ptrdiff_t> live{0};
std::atomic<std::ptrdiff_t> most{0};

void note_allocated(std::size_t bytes) {
  const auto size = static_cast<std::ptrdiff_t>(bytes);
  const std::ptrdiff_t now = live.fetch_add(size, std::memory_order_relaxed) + size;
  if (now > most.load(std::memory_order_relaxed)) most.store(now, std::memory_order_relaxed);
}

void note_freed(std::size_t bytes) {
  live.fetch_sub(static_cast<std::ptrdiff_t>(bytes), std::memory_order_relaxed);
}

}  // namespace
}  // namespace pawl::fuzzing

#ifdef PAWL_HAS_SANITIZER

extern "C" {
int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void*,
                                                                  std::size_t),
                                              void (*free_hook)(const volatile void*));
std::size_t __sanitizer_get_allocated_size(const volatile void* memory);
}

namespace pawl::fuzzing {
namespace {

void on_malloc(const volatile void* memory, std::size_t size) {
  if (memory != nullptr) note_allocated(size);
}
void on_free(const volatile void* memory) {
  if (memory != nullptr) note_freed(__sanitizer_get_allocated_size(memory));
}

const int installed = __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);

}  // namespace
}  // namespace pawl::fuzzing

#else

extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void __libc_free(void* memory);

void* malloc(std::size_t size) {
  void* const memory = __libc_malloc(size);
  pawl::fuzzing::note_allocated(malloc_usable_size(memory));
  return memory;
}
void* calloc(std::size_t count, std::size_t size) {
  void* const memory = __libc_calloc(count, size);
  pawl::fuzzing::note_allocated(malloc_usable_size(memory));
  return memory;
}
void* realloc(void* memory, std::size_t size) {
  pawl::fuzzing::note_freed(malloc_usable_size(memory));
  void* const moved = __libc_realloc(memory, size);
  const bool is_freed = moved == nullptr && size == 0;
  if (!is_freed)
    pawl::fuzzing::note_allocated(malloc_usable_size(moved != nullptr ? moved : memory));
  return moved;
}
void free(void* memory) {
  pawl::fuzzing::note_freed(malloc_usable_size(memory));
  __libc_free(memory);
}

}  // extern "C"

#endif

namespace pawl::fuzzing {

MemoryBound::MemoryBound(const char* what, std::size_t bytes_max)
    : what_(what), bytes_max_(bytes_max), begin_(live.load(std::memory_order_relaxed)) {
  most.store(begin_, std::memory_order_relaxed);
}

std::size_t MemoryBound::peak() const {
  const std::ptrdiff_t grown = most.load(std::memory_order_relaxed) - begin_;
  return grown > 0 ? static_cast<std::size_t>(grown) : 0;
}

void MemoryBound::check() const {
  if (peak() <= bytes_max_) return;
  std::fprintf(stderr, "memory: %s took %zu bytes, at most %zu are allowed\n", what_, peak(),
               bytes_max_);
  std::abort();
}

}  // namespace pawl::fuzzing
