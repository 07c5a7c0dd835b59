// SPDX-License-Identifier: Apache-2.0
// All that a peer needs. <pawl/hub.hpp> (target pawl::pawl), <pawl/msgpack.hpp> and
// <pawl/coroutine.hpp> are included apart.
#pragma once

#include <pawl/producer.hpp>
#include <pawl/worker.hpp>
