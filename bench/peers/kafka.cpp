// SPDX-License-Identifier: Apache-2.0
// Kafka by librdkafka: one partition, acks=all, idempotent, batches of 1 MB or 10 ms; a consumer
// that takes what is there and commits once a batch, the last time synchronously.
#include <librdkafka/rdkafka.h>

#include <memory>
#include <vector>

#include "bench/peers/client.hpp"

namespace {

constexpr const char* topic = "bench";
constexpr int deadline_ms = 60'000;
constexpr std::size_t taken_at_once = 10'000;

using Settings = std::vector<std::pair<std::string, std::string>>;
using Kafka = std::unique_ptr<rd_kafka_t, decltype(&rd_kafka_destroy)>;

void check(rd_kafka_resp_err_t error, const char* what) {
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return;
  bench::give_up(std::string("Kafka: ") + what + ": " + rd_kafka_err2str(error));
}

// Takes the configuration over, unless it fails.
Kafka make(rd_kafka_type_t type, const bench::Arguments& load, const Settings& settings,
           rd_kafka_conf_t* conf = rd_kafka_conf_new()) {
  char error[512];
  Settings all = settings;
  all.emplace_back("bootstrap.servers", "127.0.0.1:" + load.endpoint);
  all.emplace_back("log_level", "3");  // it tries again by itself, and says so
  for (const auto& [name, value] : all) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), error, sizeof error) !=
        RD_KAFKA_CONF_OK) {
      bench::give_up(error);
    }
  }
  Kafka kafka(rd_kafka_new(type, conf, error, sizeof error), rd_kafka_destroy);
  if (kafka == nullptr) bench::give_up(error);
  return kafka;
}

void on_confirm(rd_kafka_t*, const rd_kafka_message_t* message, void* confirmed) {
  check(message->err, "a message was refused");
  ++*static_cast<std::uint64_t*>(confirmed);
}

void produce(const bench::Arguments& load) {
  std::uint64_t confirmed = 0;
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set_dr_msg_cb(conf, on_confirm);
  rd_kafka_conf_set_opaque(conf, &confirmed);
  const Kafka kafka = make(RD_KAFKA_PRODUCER, load,
                           {{"acks", "all"},
                            {"enable.idempotence", "true"},
                            {"linger.ms", "10"},
                            {"batch.size", "1000000"},
                            {"batch.num.messages", "10000"},
                            {"queue.buffering.max.messages", "500000"},
                            {"queue.buffering.max.kbytes", "65536"}},
                           conf);
  rd_kafka_topic_t* to = rd_kafka_topic_new(kafka.get(), topic, nullptr);
  std::string body(load.bytes, 'x');
  bench::tell("first_send", bench::now_s());
  for (std::uint64_t sent = 0; sent < load.count; ++sent) {
    while (rd_kafka_produce(to, 0, RD_KAFKA_MSG_F_COPY, body.data(), body.size(), nullptr, 0,
                            nullptr) != 0) {
      if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        check(rd_kafka_last_error(), "produce");
      }
      rd_kafka_poll(kafka.get(), 100);
    }
    if (sent % 1'024 == 0) rd_kafka_poll(kafka.get(), 0);
  }
  while (confirmed < load.count) rd_kafka_poll(kafka.get(), 100);
  bench::tell("all_confirmed", bench::now_s());
  rd_kafka_topic_destroy(to);
}

// Asking for a topic makes it.
void make_topic(rd_kafka_t* kafka) {
  rd_kafka_topic_t* to = rd_kafka_topic_new(kafka, topic, nullptr);
  for (int partitions = 0; partitions == 0;) {
    const rd_kafka_metadata_t* metadata = nullptr;
    check(rd_kafka_metadata(kafka, 0, to, &metadata, deadline_ms), "topic");
    partitions = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(metadata);
  }
  rd_kafka_topic_destroy(to);
}

// Waits until the group has given us the partition, at whose end the messages will come.
void join(rd_kafka_t* kafka) {
  rd_kafka_topic_partition_list_t* topics = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(topics, topic, RD_KAFKA_PARTITION_UA);
  check(rd_kafka_subscribe(kafka, topics), "subscribe");
  rd_kafka_topic_partition_list_destroy(topics);
  for (int given = 0; given == 0;) {
    if (rd_kafka_message_t* message = rd_kafka_consumer_poll(kafka, 100)) {
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) bench::give_up("Kafka: an old message");
      rd_kafka_message_destroy(message);
    }
    check(rd_kafka_assignment(kafka, &topics), "assignment");
    given = topics->cnt;
    rd_kafka_topic_partition_list_destroy(topics);
  }
}

void consume(const bench::Arguments& load) {
  const Kafka kafka = make(RD_KAFKA_CONSUMER, load,
                           {{"group.id", "workers"},
                            {"auto.offset.reset", "earliest"},
                            {"enable.auto.commit", "false"},
                            {"allow.auto.create.topics", "true"},
                            {"topic.metadata.refresh.interval.ms", "100"},
                            {"fetch.wait.max.ms", "10"},
                            {"queued.min.messages", "500000"}});
  rd_kafka_poll_set_consumer(kafka.get());
  make_topic(kafka.get());
  join(kafka.get());
  bench::tell("ready", bench::now_s());
  rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(kafka.get());
  std::vector<rd_kafka_message_t*> batch(taken_at_once);
  for (std::uint64_t got = 0; got < load.count;) {
    const ssize_t taken = rd_kafka_consume_batch_queue(queue, 100, batch.data(), batch.size());
    for (ssize_t i = 0; i < taken; ++i) {
      const rd_kafka_message_t& message = *batch[static_cast<std::size_t>(i)];
      check(message.err, "message");
      if (message.len != load.bytes) bench::give_up("a body of a wrong size");
      rd_kafka_message_destroy(batch[static_cast<std::size_t>(i)]);
    }
    if (taken <= 0) continue;
    got += static_cast<std::uint64_t>(taken);
    const auto committed = rd_kafka_commit(kafka.get(), nullptr, got < load.count ? 1 : 0);
    if (committed != RD_KAFKA_RESP_ERR__NO_OFFSET) check(committed, "commit");  // else it was
  }
  bench::tell("all_acked", bench::now_s());
  rd_kafka_queue_destroy(queue);
  rd_kafka_consumer_close(kafka.get());
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_client(argc, argv, produce, consume);
}
