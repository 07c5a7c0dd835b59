// SPDX-License-Identifier: Apache-2.0
// A handler for a whole batch, with an outcome for each message: one database transaction for what
// is at hand, say. All outcomes are `ack` to begin with; a throw would apply to the whole batch.
#include <atomic>
#include <cstdio>
#include <set>
#include <string>

#include <pawl/hub.hpp>
#include <pawl/pawl.hpp>

int main() {
  using namespace std::chrono_literals;
  const pawl::Hub hub{{.endpoints = {"inproc://batches"}, .defaults = {.backoff = {10ms}}}};

  pawl::Producer producer{{.endpoint = "inproc://batches", .queue = "rows"}};
  for (int i = 0; i < 1000; ++i) producer.send("row " + std::to_string(i));
  producer.flush(5s);

  std::set<std::string> written;
  int batches = 0;
  int retried = 0;
  pawl::Worker worker{{.endpoint = "inproc://batches", .queue = "rows"}};
  worker.run_batch(
      [&](std::span<const pawl::Delivery> batch, std::span<pawl::HandlerOutcome> outcomes) {
        ++batches;
        for (std::size_t i = 0; i < batch.size(); ++i) {
          if (batch[i].text() == "row 500" && batch[i].attempt() == 1) {
            outcomes[i] = {.verdict = pawl::Verdict::nack, .reason = "locked by somebody"};
            ++retried;
            continue;
          }
          written.emplace(batch[i].text());
        }
        if (written.size() == 1000) worker.stop();
      });
  std::printf("%zu rows in %d batches, %d retried\n", written.size(), batches, retried);
  const pawl::CloseResult end = worker.close(5s);
  return end.progress.acked == 1000 && end.progress.nacked == 1 && batches < 500 ? 0 : 1;
}
