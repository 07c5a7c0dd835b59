// SPDX-License-Identifier: Apache-2.0
// What a Hub's options must satisfy, whoever wrote them.
#pragma once

#include <pawl/hub.hpp>

namespace pawl {

// Throws HubError with a sentence that names the option, its value and what is allowed.
void check_hub_options(const HubOptions& options);

}  // namespace pawl
