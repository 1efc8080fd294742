// Writes messages to topics, each at least once, in order a partition.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operators/clients/kafka_handle.h"
#include "operators/clients/kafka_lookup.h"
#include "operators/clients/kafka_message.h"

struct rd_kafka_topic_s;

namespace streamrun {

// A message to be sent; its views need to live during send() only.
struct KafkaRecord {
  std::string_view topic;
  std::string_view key;    // a null data(): none
  std::string_view value;  // a null data(): a tombstone
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  std::int32_t partition = -1;  // negative: the partitioner's choice
  std::int64_t timestamp = 0;   // ms since 1970; 0: the time it is sent
  std::string_view place;       // where it came from, for messages; empty: nobody knows
};

// One thread at a time.
class KafkaProducer {
 public:
  // `stop`: whoever waits gives up, soon. `ending`: so does who waits for brokers that are away.
  static Result<std::unique_ptr<KafkaProducer>> open(const KafkaSettings& settings, KafkaLog log,
                                                     std::stop_token stop = {}, std::stop_token ending = {},
                                                     const std::string& transactions = {});
  ~KafkaProducer();
  KafkaProducer(const KafkaProducer&) = delete;
  KafkaProducer& operator=(const KafkaProducer&) = delete;

  const std::string& brokers() const { return handle_->brokers(); }
  // For its transactions, if it was given an id of such.
  KafkaHandle& handle() { return *handle_; }
  // Any thread: finds the topic, or has it made by brokers that make topics on demand; how many partitions it has.
  // None: there is no such topic. `making`: waits for one that may be in the making.
  Result<std::size_t> partitions(const std::string& topic, std::chrono::milliseconds patience, bool making);
  // Any thread: what the topic takes; nothing where brokers do not say it.
  std::optional<KafkaTopicSettings> settings(const std::string& topic, std::chrono::milliseconds patience);
  // Queued; waits while the queue is full. Fails for a record that can never be sent.
  Result<> send(const KafkaRecord& record);
  // All that was sent has been taken by the brokers when it succeeds; else the first message that was not is told of,
  // and nothing is left queued.
  Result<> flush();
  // What has not gone out is dropped.
  void drop();

 private:
  class Delivery;
  using Topic = std::unique_ptr<rd_kafka_topic_s, void (*)(rd_kafka_topic_s*)>;
  KafkaProducer(std::unique_ptr<KafkaHandle> handle, std::stop_token ending);
  rd_kafka_topic_s* topic(std::string_view name);
  // Waits until brokers have taken something, though not for long.
  void make_room();
  // Nothing has been taken for a while, and the run is to end.
  bool gives_up() const;
  std::unexpected<Error> stopped() const;
  // That a message was not taken, if one was not.
  std::optional<Error> refused() const;

  std::unique_ptr<Delivery> delivery_;
  std::unique_ptr<KafkaHandle> handle_;
  std::map<std::string, Topic, std::less<>> topics_;  // that were written to
  std::map<std::string, Topic, std::less<>>::iterator last_ = topics_.end();
  std::uint64_t sent_ = 0;
  const std::stop_token ending_;
  std::chrono::milliseconds patience_{10};  // twice what brokers took lately to take something
};

// Of the value, unless `client` says otherwise: larger ones are refused before they are sent.
constexpr std::size_t kKafkaMessageBytes = 1'000'000;

}  // namespace streamrun
