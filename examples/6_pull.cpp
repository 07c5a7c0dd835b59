// SPDX-License-Identifier: Apache-2.0
// Pulling, for programs with a loop of their own. A delivery that was pulled is yours: it can be
// moved to another thread, kept, and settled when you know. Whatever is dropped without an outcome
// is a failure, so nothing is lost by forgetting it.
#include <cstdio>
#include <vector>

#include <pawl/hub.hpp>
#include <pawl/pawl.hpp>

int main() {
  using namespace std::chrono_literals;
  const pawl::Hub hub{{.endpoints = {"inproc://pull"}, .defaults = {.backoff = {10ms}}}};

  pawl::Producer producer{{.endpoint = "inproc://pull", .queue = "jobs"}};
  for (const char* job : {"keep", "forget", "refuse", "later"}) producer.send(job);
  producer.flush(5s);

  pawl::Worker worker{{.endpoint = "inproc://pull", .queue = "jobs"}};
  std::vector<pawl::Delivery> kept;
  int forgotten = 0;
  int returned = 0;
  while (kept.size() < 3) {
    std::optional<pawl::Delivery> job = worker.receive(5s);
    if (!job) return 1;
    std::printf("attempt %u of %.*s\n", job->attempt(), static_cast<int>(job->text().size()),
                job->text().data());
    if (job->text() == "forget" && job->attempt() == 1) {
      ++forgotten;  // falls out of scope: "dropped without an outcome"
    } else if (job->text() == "refuse") {
      job->reject("no such thing");  // to the dead letters
    } else if (job->text() == "later" && returned == 0) {
      ++returned;
      job->give_back();  // not counted as a failure
    } else {
      kept.push_back(std::move(*job));
    }
  }
  for (pawl::Delivery& job : kept) job.ack();
  const pawl::CloseResult end = worker.close(5s);
  const auto& p = end.progress;
  return p.acked == 3 && p.nacked == 1 && p.rejected == 1 && forgotten == 1 ? 0 : 1;
}
