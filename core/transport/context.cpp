// SPDX-License-Identifier: Apache-2.0
#include "core/transport/context.hpp"

#include <zmq.h>

#include "core/check.hpp"

namespace pawl::transport {
namespace {

// libzmq's own default of 1,023 is met by a test with a thousand peers in one process.
constexpr int sockets_max = 16 * 1024;

void* make_context() {
  void* context = zmq_ctx_new();
  PAWL_CHECK(context != nullptr);
  zmq_ctx_set(context, ZMQ_MAX_SOCKETS, sockets_max);
  return context;
}

}  // namespace

void* process_context() {
  static void* const context = make_context();
  return context;
}

}  // namespace pawl::transport
