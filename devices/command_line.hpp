// SPDX-License-Identifier: Apache-2.0
// Checks of values on the command line, the same for every program: nothing when the value may
// stand, else a sentence that gives the value and what is allowed.
#pragma once

#include <string>

namespace pawl::devices {

// What is empty is a variable that was not set, more often than not: the default is not meant. Nor
// is the next option, which CLI11 takes for the value after `--data=`.
std::string refuse_missing(const std::string& text);
// The name of a queue or a producer.
std::string refuse_bad_name(const std::string& text);
// Where to listen, and where to connect to.
std::string refuse_bad_bind(const std::string& text);
std::string refuse_bad_endpoint(const std::string& text);

// `text` in quotes, cut and cleaned, to be named in a message.
std::string quoted(const std::string& text);

}  // namespace pawl::devices
