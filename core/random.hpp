// SPDX-License-Identifier: Apache-2.0
// Randomness is handed in: Random is the seeded generator of machines and simulations (the same
// numbers with every standard library), Entropy is where tokens and seeds come from.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace pawl {

// SplitMix64 (Steele, Lea, Flood 2014): one 64-bit word of state, passes BigCrush.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }

  // Uniform in [0, bound); 0 for bound 0. The bias of the multiply is below 2^-32 for our bounds.
  std::uint64_t below(std::uint64_t bound) {
    return static_cast<std::uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
  }

 private:
  __extension__ using Wide = unsigned __int128;

  std::uint64_t state_;
};

using Bytes16 = std::array<std::byte, 16>;

// Session tokens and store ids must not be guessed: the kernel's generator in production, a seeded
// one in simulation.
class Entropy {
 public:
  virtual ~Entropy() = default;
  virtual Bytes16 bytes16() = 0;
};

class SystemEntropy final : public Entropy {
 public:
  Bytes16 bytes16() override;  // getrandom(2); aborts if the kernel has none
};

class SeededEntropy final : public Entropy {
 public:
  explicit SeededEntropy(std::uint64_t seed) : random_(seed) {}
  Bytes16 bytes16() override;

 private:
  Random random_;
};

}  // namespace pawl
