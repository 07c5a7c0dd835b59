// SPDX-License-Identifier: Apache-2.0
// What keeps failing moves, in one commit with its history, to the dead-letter queue (G3, G7): the
// append there, the settle here, or neither.
#include "core/check.hpp"
#include "core/chunk/chunk.hpp"
#include "core/chunk/meta.hpp"
#include "core/limits.hpp"
#include "patterns/hub/hub_machine.hpp"

namespace pawl {
namespace {

// A turn moves at most so many, so that a mass death does not hold up the others.
constexpr std::size_t moves_max = 1024;
constexpr std::uint64_t by_bytes_step = 256;

// A second death appends to the history of the first: both lives are seen.
std::vector<std::byte> dead_meta(Bytes before, const std::string& queue, std::uint64_t offset,
                                 const FailingMessage& record) {
  std::vector<Failure> history;
  std::uint64_t dropped = record.history_dropped;
  if (const Result<Meta> earlier = decode_meta(before)) {
    history = earlier->history;
    dropped += earlier->history_dropped;
  }
  const std::vector<Failure> own = record.history.all();
  history.insert(history.end(), own.begin(), own.end());
  return dead_letter_meta(before, {queue, 0, offset}, history, dropped);
}

}  // namespace

void HubMachine::move_dying(Queue& queue) {
  if (free_bytes_ == 0) return;  // at the reserve the source keeps the message
  for (std::size_t moved = 0; !queue.group.dying().empty(); ++moved) {
    if (moved == moves_max || staged_bytes() > limits::commit_bytes_max / 2) {
      again_.insert(queue.log.id());
      return;
    }
    if (!move_one(queue, *queue.group.dying().begin())) return;
  }
}

// False while the body, or the commit that holds it, is still on its way.
bool HubMachine::move_one(Queue& queue, std::uint64_t offset) {
  if (offset >= queue.log.committed_tail()) {
    queue.waits_for_rows = true;
    return false;
  }
  const ChunkRef ref = *queue.group.chunk_of(offset);
  const Slice* body = body_of(queue, ref);
  if (body == nullptr) return false;
  const Slice one = cut(*body, offset - ref.offset, 1);
  Entry entry;
  PAWL_CHECK(ChunkReader(one.bytes()).next(entry));
  const std::vector<std::byte> meta =
      dead_meta(entry.meta, queue.name, offset, *queue.group.record_of(offset));
  ChunkBuilder builder;
  builder.append(meta, entry.body);
  const std::string target_name = queue.dead_letter_name();
  Queue* found = find_queue(target_name);
  Queue& target = found != nullptr ? *found : make_queue(target_name);
  if (!target.is_dead_letter) target.is_dead_letter = target.name_is_new = true;
  const Slice moved = builder.take();
  staged_bytes_ += moved.size;
  target.log.append(moved, 1);
  ++target.accepted;
  ++target.live;
  touched_.insert(target.log.id());
  const FailingMessage& record = *queue.group.record_of(offset);
  const Failure last = record.history.empty() ? Failure{} : record.history.all().back();
  // A queue that drops its oldest may do so all the time, as it was told to.
  note(last.kind == FailureKind::overflow ? LogLevel::debug : LogLevel::warning,
       queue.name + "/0/" + std::to_string(offset) + " moved to " + target_name + " after " +
           std::to_string(record.failures) + " failures: " + last.reason);
  queue.group.on_moved(offset);
  ++queue.dead;
  return true;
}

// By messages exactly; by bytes a few messages a turn, since only whole chunks give bytes back.
// Runs when this turn's appends are sealed and its settles are known: what is over now is over.
void HubMachine::drop_oldest_over_limit(Queue& queue, Now now) {
  const QueuePolicy& policy = queue.policy;
  if (policy.overflow != Overflow::drop_oldest || rests_in_place(queue)) return;
  queue.take_off_settled();
  const std::uint64_t dying = queue.group.count(RunState::dying);
  std::uint64_t excess = 0;
  if (policy.max_messages != 0 && queue.live - dying > policy.max_messages) {
    excess = queue.live - dying - policy.max_messages;
  } else if (policy.max_bytes != 0 && queue.log.bytes() > policy.max_bytes && dying == 0) {
    excess = by_bytes_step;
  }
  for (std::uint64_t dropped = 0; dropped < excess; ++dropped) {
    if (dropped == moves_max) break;
    const ChunkRef* fresh = at_scan(queue);
    if (!queue.group.condemn_oldest(fresh ? std::optional(*fresh) : std::nullopt,
                                    judge(queue, "", now))) {
      break;  // all of it is leased, or the index is still being read
    }
    again_.insert(queue.log.id());  // moved in the next turn, when it can be read
  }
}

}  // namespace pawl
