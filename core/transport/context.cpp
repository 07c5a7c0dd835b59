// SPDX-License-Identifier: Apache-2.0
#include "core/transport/context.hpp"

#include <zmq.h>

#include <cstdlib>

#include "core/check.hpp"

namespace pawl::transport {
namespace {

// libzmq's own default of 1,023 is met by a test with a thousand peers in one process.
constexpr int sockets_max = 16 * 1024;

// Frames of some 100 KiB come and go, allocated by one thread and freed by another. By default
// glibc gives the end of a heap back to the system as soon as 128 KiB of it are free, and so takes
// a page fault for each page of the next frame. It learns from what a process frees: a mapped block
// of 4 MiB, as much as a worker has at hand, makes that 8 MiB. Nothing is learnt where the user has
// set a threshold (mallopt, MALLOC_TRIM_THRESHOLD_), nor by another malloc.
void keep_room_for_frames() {
  constexpr std::size_t frames_bytes = 4 * 1024 * 1024;
  void* const block = std::malloc(frames_bytes);
  if (block == nullptr) return;
  *static_cast<volatile char*>(block) = 0;  // or the pair of calls would be left out
  std::free(block);
}

void* make_context() {
  keep_room_for_frames();
  void* context = zmq_ctx_new();
  PAWL_CHECK(context != nullptr);
  zmq_ctx_set(context, ZMQ_MAX_SOCKETS, sockets_max);
  return context;
}

}  // namespace

void* process_context() {
  static void* const context = make_context();
  return context;
}

}  // namespace pawl::transport
