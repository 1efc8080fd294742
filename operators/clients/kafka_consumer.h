// Reads given ranges of topics' partitions, each in its order. Takes no part in the group protocol.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "operators/clients/kafka_handle.h"
#include "operators/clients/kafka_message.h"
#include "operators/clients/kafka_offsets.h"
#include "runner/operator/record_reader.h"

namespace streamrun {

// Of messages that were fetched and wait to be read: how many, and from how many partitions at a time.
constexpr std::size_t kKafkaQueue = 120'000;
constexpr std::size_t kKafkaLanes = 8;

// One thread at a time. It is a client of its own, since a broker answers a connection's
// requests one after the other, and a fetch may wait there.
class KafkaConsumer {
 public:
  // `partitions`: about how many, for what may be held of one that waits to be read.
  static Result<std::unique_ptr<KafkaConsumer>> open(const KafkaSettings& settings, const std::string& group,
                                                     std::size_t partitions, KafkaLog log, std::stop_token stop = {});
  ~KafkaConsumer();
  KafkaConsumer(const KafkaConsumer&) = delete;
  KafkaConsumer& operator=(const KafkaConsumer&) = delete;

  // Headers are kept, which costs each message something.
  void keep_headers(bool keep) { keep_headers_ = keep; }

  // Partitions from now on fetched from these offsets, besides the others that are.
  Result<> assign(const KafkaOffsets& from);
  // It is fetched, and all below `offset` has been handed out, or lies below where it began.
  bool stands_at(const KafkaPartition& partition, std::int64_t offset) const;
  // What is fetched of a partition before it is read. When more than kKafkaLanes are assigned, they begin paused.
  void pause(const KafkaOffsets& partitions) { set_paused(partitions, true); }
  void resume(const KafkaOffsets& partitions) { set_paused(partitions, false); }
  // Adds messages of offsets below `until` to `out` until it is full; false: there are no more of them. The partition
  // is not paused. Waits for brokers that are away, with a warning now and then.
  Result<bool> fetch(const KafkaPartition& partition, std::int64_t until, BufferPool& pool, KafkaMessages& out);
  // A fetch has failed, because its topic or its offset was no longer there.
  bool lost() const { return lost_; }

 private:
  struct Lane;
  struct Taking;

  explicit KafkaConsumer(std::unique_ptr<KafkaHandle> handle);
  bool is_there(const KafkaPartition& partition);
  void set_paused(const KafkaOffsets& partitions, bool paused);

  std::unique_ptr<KafkaHandle> handle_;
  bool keep_headers_ = true;
  bool lost_ = false;
  std::size_t taken_ = 0;         // bytes, since the client was woken
  std::set<std::string> topics_;  // that the client knows
  std::map<KafkaPartition, std::unique_ptr<Lane>> lanes_;
};

}  // namespace streamrun
