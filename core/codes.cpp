// SPDX-License-Identifier: Apache-2.0
#include "core/codes.hpp"

namespace pawl {

std::string_view name_of(Code code) {
  switch (code) {
    case Code::ok: return "OK";
    case Code::bad_frame: return "BAD_FRAME";
    case Code::unsupported: return "UNSUPPORTED";
    case Code::too_large: return "TOO_LARGE";
    case Code::bad_name: return "BAD_NAME";
    case Code::denied: return "DENIED";
    case Code::no_queue: return "NO_QUEUE";
    case Code::no_durability: return "NO_DURABILITY";
    case Code::full: return "FULL";
    case Code::no_space: return "NO_SPACE";
    case Code::retry: return "RETRY";
    case Code::draining: return "DRAINING";
    case Code::stale: return "STALE";
    case Code::already_settled: return "ALREADY_SETTLED";
    case Code::fenced: return "FENCED";
    case Code::gone: return "GONE";
    case Code::unknown_session: return "UNKNOWN_SESSION";
  }
  return "UNKNOWN";
}

}  // namespace pawl
