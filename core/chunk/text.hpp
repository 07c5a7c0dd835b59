// SPDX-License-Identifier: Apache-2.0
// Texts for people (reasons, explanations, names) as they may stand on the wire.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pawl {

// Well-formed UTF-8: no overlong forms, no surrogates, nothing past U+10FFFF (RFC 3629).
bool is_utf8(std::string_view text);

// `text` with each byte that is not part of well-formed UTF-8 replaced by '?', cut between two
// characters to at most `bytes_max`. What comes out passes every decoder: the tail of a failing
// program's stderr can be anything.
std::string clean_text(std::string_view text, std::size_t bytes_max);

}  // namespace pawl
