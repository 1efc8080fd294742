// Reads given ranges of topics' partitions, each in its order. Takes no part in the group protocol: a group only keeps
// offsets.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "operators/clients/kafka_handle.h"
#include "operators/clients/kafka_message.h"
#include "operators/clients/kafka_offsets.h"
#include "runner/operator/record_reader.h"

namespace streamrun {

// Asking is for one thread, fetching for another.
class KafkaConsumer {
 public:
  static Result<std::unique_ptr<KafkaConsumer>> open(const KafkaSettings& settings, const std::string& group,
                                                     KafkaLog log);
  ~KafkaConsumer();
  KafkaConsumer(const KafkaConsumer&) = delete;
  KafkaConsumer& operator=(const KafkaConsumer&) = delete;

  // Headers are kept, which costs each message something.
  void keep_headers(bool keep) { keep_headers_ = keep; }

  const std::string& brokers() const { return asking_->brokers(); }
  // What was asked for last got no answer, which may pass.
  bool away() const { return asking_->away(); }
  // Who waits for brokers that are away gives up, soon.
  void interrupt();

  // Those of one topic; none: there is no such topic.
  Result<std::vector<KafkaPartition>> partitions(const std::string& topic, std::chrono::milliseconds patience);
  Result<std::vector<std::string>> topics(std::chrono::milliseconds patience);
  // The first offset at or behind each time; the end where there is none. Ends are those that committed readers see.
  Result<KafkaOffsets> offsets_at(const KafkaOffsets& times, std::chrono::milliseconds patience);
  // What the group has committed; partitions that it knows nothing of are left out.
  Result<KafkaOffsets> committed(const std::vector<KafkaPartition>& of, std::chrono::milliseconds patience);
  // Sent at once; settle() waits for the answers.
  void commit(const KafkaOffsets& offsets);
  Result<> settle(std::chrono::milliseconds patience);

  // Partitions from now on fetched from these offsets, besides the others that are.
  Result<> assign(const KafkaOffsets& from);
  // Adds messages of offsets below `until` to `out` until it is full; false: there are no more of them. Waits for
  // brokers that are away, with a warning now and then.
  Result<bool> fetch(const KafkaPartition& partition, std::int64_t until, BufferPool& pool, KafkaMessages& out);

 private:
  struct Lane;
  struct Taking;

  KafkaConsumer(std::unique_ptr<KafkaHandle> asking, std::unique_ptr<KafkaHandle> fetching);

  // A broker answers a connection's requests one after the other, and a fetch may wait there for half a second.
  std::unique_ptr<KafkaHandle> asking_;
  std::unique_ptr<KafkaHandle> fetching_;
  bool keep_headers_ = true;
  std::set<std::string> topics_;  // that the fetching client knows
  std::map<KafkaPartition, std::unique_ptr<Lane>> lanes_;
  struct Commits;
  std::unique_ptr<Commits> commits_;
};

}  // namespace streamrun
