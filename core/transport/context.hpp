// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace pawl::transport {

// The one libzmq context of this process, made at first use: pawl's only global, since inproc
// endpoints meet only within one context. Never terminated: zmq_ctx_term at exit would wait for
// whatever socket somebody forgot. Any thread.
void* process_context();

}  // namespace pawl::transport
