// Hands out the messages of a batch, partition by partition.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "operators/clients/kafka_consumer.h"
#include "runner/operator/source.h"

namespace streamrun {

// Messages of offsets [first, until).
struct KafkaRange {
  KafkaPartition partition;
  PartitionIndex index;
  std::int64_t first = 0;
  std::int64_t until = 0;
  std::uint64_t size() const { return static_cast<std::uint64_t>(until - first); }
};

// Of the messages that came so far, to turn a limit of bytes into one of records.
struct MeanSize {
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;
  std::uint64_t value() const { return records == 0 ? 1024 : std::max<std::uint64_t>(1, bytes / records); }
};

class KafkaReader final : public RangeReader {
 public:
  // `idle`: the partitions of which nothing is read in this batch. `timed`: somebody looks at `_timestamp`.
  KafkaReader(std::vector<KafkaRange> ranges, const KafkaOffsets& idle, KafkaConsumer& consumer,
              std::shared_ptr<BufferPool> pool, MeanSize& mean, bool timed);

  Result<bool> next(Morsel& morsel) override;

 private:
  // Only the next partitions are fetched. A fetch that finds nothing waits at the broker, and what the one that is read
  // needs waits behind it; and what one holds unread is as large as its producer's batches.
  bool crowded() const;
  void end_range();

  std::vector<KafkaRange> ranges_;
  std::size_t idle_ = 0;  // partitions
  std::size_t at_ = 0;
  std::uint64_t rest_ = 0;  // messages of the range that is read and of those behind it
  KafkaConsumer& consumer_;
  std::shared_ptr<BufferPool> pool_;
  MeanSize& mean_;
  const bool timed_;
};

}  // namespace streamrun
