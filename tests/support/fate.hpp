// SPDX-License-Identifier: Apache-2.0
// What a worker does with a message of the simulation or the torture, which follows from its number
// alone: so whoever sees the message knows what may become of it.
#pragma once

#include <cstdint>
#include <string>

namespace pawl::testing {

// "P:17" is the seventeenth message of the producer P; "A~3:2" the second of the third life of an
// anonymous one.
std::uint64_t number_of(const std::string& body);
std::string producer_of(const std::string& body);
bool is_anonymous(const std::string& body);

enum class Fate : std::uint8_t { acked, acked_later, rejected, always_nacked, poison };
Fate fate_of(const std::string& body);

}  // namespace pawl::testing
