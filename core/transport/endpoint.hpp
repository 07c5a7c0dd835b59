// SPDX-License-Identifier: Apache-2.0
// What libzmq takes without complaint and yet is a mistake.
#pragma once

#include <string>

#include "core/codes.hpp"

namespace pawl::transport {

// ok for an endpoint of a transport that pawl uses; else a sentence with the forms. A tcp port is 1
// to 65535, or "*" where one binds: libzmq would wrap a larger one and listen elsewhere.
Fault check_endpoint(const std::string& endpoint, bool to_bind);

// tcp://[ADDRESS]:PORT. Other endpoints stay without IPv6: names would be looked up in it first.
bool is_ipv6(const std::string& endpoint);

}  // namespace pawl::transport
