// SPDX-License-Identifier: Apache-2.0
// Coroutines of C++20, without any library: `co_await worker.next()` gives a delivery, or nothing
// at the end; `co_await receipt.on(executor)` gives an outcome. They go on on the executor that was
// named. Here one stage of a pipeline takes from a queue and sends to the next, and acks only when
// the next queue has confirmed.
#include <atomic>
#include <cstdio>
#include <string>

#include <pawl/coroutine.hpp>
#include <pawl/hub.hpp>
#include <pawl/pawl.hpp>

namespace {

pawl::Task pass_on(pawl::Worker& from, pawl::Producer& to, pawl::Executor& executor) {
  while (std::optional<pawl::Delivery> d = co_await from.next()) {
    const pawl::Outcome outcome = co_await to.send(std::string(d->text()) + "!").on(executor);
    if (outcome.confirmed()) {
      d->ack();
    } else {
      d->nack(outcome.text);
    }
  }
}

}  // namespace

int main() {
  using namespace std::chrono_literals;
  const pawl::Hub hub{{.endpoints = {"inproc://stages"}}};

  pawl::Producer source{{.endpoint = "inproc://stages", .queue = "raw"}};
  for (int i = 0; i < 100; ++i) source.send(std::to_string(i));

  pawl::ThreadExecutor executor;
  pawl::Producer next{{.endpoint = "inproc://stages", .queue = "done"}};
  pawl::Worker stage{{.endpoint = "inproc://stages", .queue = "raw", .executor = &executor}};
  for (int i = 0; i < 4; ++i) pass_on(stage, next, executor);  // four at once

  int seen = 0;
  pawl::Worker sink{{.endpoint = "inproc://stages", .queue = "done", .count_max = 100}};
  sink.run([&](const pawl::Delivery& d) { seen += d.text().ends_with("!") ? 1 : 0; });
  std::printf("%d passed through\n", seen);
  // Everything is settled, the waiting coroutines are told that there is nothing more, and end.
  const pawl::CloseResult end = stage.close(5s);
  return seen == 100 && end.clean && end.progress.acked == 100 ? 0 : 1;
}
