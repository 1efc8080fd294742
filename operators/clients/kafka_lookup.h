// What brokers know of topics, of their partitions, and of the offsets of a group. It keeps offsets there, and takes no
// part in the group protocol.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operators/clients/kafka_handle.h"
#include "operators/clients/kafka_offsets.h"

namespace streamrun {

// Those of one topic; none: there is no such topic. Where it was there before, that is asked again for some seconds
// before it is believed.
Result<std::vector<KafkaPartition>> partitions_of(KafkaHandle& handle, const std::string& topic,
                                                  std::chrono::milliseconds patience, bool was_there = false);

// What a topic takes.
struct KafkaTopicSettings {
  std::optional<std::size_t> largest_message;  // max.message.bytes, with all that goes along
  bool compacted = false;                      // by keys, so that each message needs one
};

// Nothing where brokers do not say it.
std::optional<KafkaTopicSettings> settings_of(KafkaHandle& handle, const std::string& topic,
                                              std::chrono::milliseconds patience);

// A group's offsets, and the notes that were committed with them (Kafka's metadata of an offset).
struct KafkaCommitted {
  KafkaOffsets offsets;
  std::vector<std::string> notes;
};

// One thread.
class KafkaLookup {
 public:
  static Result<std::unique_ptr<KafkaLookup>> open(const KafkaSettings& settings, const std::string& group,
                                                   KafkaLog log, std::stop_token stop = {});
  ~KafkaLookup();
  KafkaLookup(const KafkaLookup&) = delete;
  KafkaLookup& operator=(const KafkaLookup&) = delete;

  const std::string& brokers() const { return handle_->brokers(); }
  // Which cluster it is, by whatever addresses it was found: its id, or `brokers` where they do not tell it.
  std::string cluster();
  // What was asked for last got no answer, which may pass.
  bool away() const { return handle_->away(); }

  Result<std::vector<KafkaPartition>> partitions(const std::string& topic, std::chrono::milliseconds patience,
                                                 bool was_there = false);
  Result<std::vector<std::string>> topics(std::chrono::milliseconds patience);
  // The first offset at or behind each time; the end where there is none. Ends are those that committed readers see.
  Result<KafkaOffsets> offsets_at(const KafkaOffsets& times, std::chrono::milliseconds patience);
  // What the group has committed; partitions that it knows nothing of are left out.
  Result<KafkaCommitted> committed(const std::vector<KafkaPartition>& of, std::chrono::milliseconds patience);
  // Sent at once, with `note` to each; settle() waits for the answers.
  void commit(const KafkaOffsets& offsets, std::string_view note);
  Result<> settle(std::chrono::milliseconds patience);
  // What was sent is not answered yet: it may still arrive.
  bool committing() const;

 private:
  struct Commits;

  explicit KafkaLookup(std::unique_ptr<KafkaHandle> handle);

  std::unique_ptr<KafkaHandle> handle_;
  std::unique_ptr<Commits> commits_;
};

}  // namespace streamrun
