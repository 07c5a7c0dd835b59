// SPDX-License-Identifier: Apache-2.0
// pawl-queue's configuration file: TOML, read once at start.
//
//   [hub]           lease, beat, margin, limits
//   [defaults]      the policy of every queue that has no table of its own
//   [queue.NAME]    the policy of one queue; what it leaves out comes from [defaults]
//
// Nothing is ignored: an unknown key, a wrong type or a bad value is an error that names the file,
// the line, the key and what is allowed there.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include <pawl/hub.hpp>

namespace pawl::devices {

// what(): "FILE:LINE: KEY: what is wrong; what is allowed".
class ConfigError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Sets timing, defaults, queues and limits of `options` from the file; leaves the rest alone.
void read_config_file(const std::string& path, HubOptions& options);
// The same from text; `name` stands in messages for the file.
void read_config(std::string_view text, const std::string& name, HubOptions& options);

// Whether a queue (or a producer) may be called so: [A-Za-z0-9._-]{1,128}.
bool is_name(std::string_view name);

}  // namespace pawl::devices
