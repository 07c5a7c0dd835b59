// SPDX-License-Identifier: Apache-2.0
// What is said when no device has answered.
#pragma once

#include <string>

namespace pawl::devices {

// "no device at ENDPOINT" and the words, and that its name does not resolve if that is why. Waits a
// second at most for the resolver.
std::string no_device_at(const std::string& endpoint, const std::string& words = "");

}  // namespace pawl::devices
