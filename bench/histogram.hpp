// SPDX-License-Identifier: Apache-2.0
// Latencies in buckets that are 1/32 of their own size wide, so that a percentile is off by 3 % at
// most; printed as one line of JSON for the driver, which adds rounds up.
#pragma once

#include <bit>
#include <cstdint>
#include <cstdio>
#include <vector>

namespace bench {

class Histogram {
 public:
  void add(std::uint64_t nanoseconds) { ++buckets_[index_of(nanoseconds)]; }

  // `latency [[from ns, count], …]`
  void tell() const {
    std::printf("latency [");
    const char* comma = "";
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      if (buckets_[i] == 0) continue;
      std::printf("%s[%llu, %llu]", comma, static_cast<unsigned long long>(from(i)),
                  static_cast<unsigned long long>(buckets_[i]));
      comma = ", ";
    }
    std::puts("]");
    std::fflush(stdout);
  }

 private:
  static constexpr unsigned fine_bits = 5;  // 32 buckets to a power of two

  static std::size_t index_of(std::uint64_t value) {
    const auto bits = static_cast<unsigned>(std::bit_width(value));
    if (bits <= fine_bits + 1) return value;
    const unsigned shift = bits - fine_bits - 1;
    return (std::size_t{shift} << fine_bits) + (value >> shift);
  }

  static std::uint64_t from(std::size_t index) {
    if (index < (std::size_t{2} << fine_bits)) return index;
    const std::size_t shift = (index >> fine_bits) - 1;
    return (index - (shift << fine_bits)) << shift;
  }

  std::vector<std::uint64_t> buckets_ = std::vector<std::uint64_t>(64U << fine_bits);
};

}  // namespace bench
