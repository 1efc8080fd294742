#include "operators/clients/kafka_reader.h"

#include <fmt/format.h>

#include "operators/clients/kafka_origin.h"

namespace streamrun {
namespace {

// A producer may write any number as a time. Spark fails for one that has no place in a timestamp.
std::vector<RowError> faults_of(const KafkaMessages& messages) {
  std::vector<RowError> faults;
  for (std::uint32_t i = 0; i < messages.size(); ++i) {
    if (messages.timestamps[i] <= kKafkaLastTime) continue;
    faults.push_back({i, fmt::format("its timestamp of {} ms since 1970 is later than any that `_timestamp` can hold",
                                     messages.timestamps[i])});
  }
  return faults;
}

}  // namespace

KafkaReader::KafkaReader(std::vector<KafkaRange> ranges, const KafkaOffsets& idle, KafkaConsumer& consumer,
                         std::shared_ptr<BufferPool> pool, MeanSize& mean, bool timed)
    : ranges_(std::move(ranges)),
      idle_(idle.size()),
      consumer_(consumer),
      pool_(std::move(pool)),
      mean_(mean),
      timed_(timed) {
  for (const KafkaRange& range : ranges_) rest_ += range.size();
  KafkaOffsets fetched;
  KafkaOffsets resting;
  for (const KafkaRange& range : ranges_) {
    (fetched.size() < kKafkaLanes ? fetched : resting)[range.partition] = range.first;
  }
  (crowded() ? resting : fetched).insert(idle.begin(), idle.end());
  consumer_.pause(resting);
  consumer_.resume(fetched);
}

bool KafkaReader::crowded() const {
  return rest_ > kKafkaQueue || ranges_.size() + idle_ > kKafkaLanes;
}

void KafkaReader::end_range() {
  const KafkaRange& range = ranges_[at_];
  rest_ -= range.size();
  if (!crowded()) return;
  consumer_.pause({{range.partition, range.until}});
  if (ranges_.size() - at_ <= kKafkaLanes) return;
  const KafkaRange& next = ranges_[at_ + kKafkaLanes];
  consumer_.resume({{next.partition, next.first}});
}

Result<bool> KafkaReader::next(Morsel& morsel) {
  for (; at_ < ranges_.size(); ++at_) {
    const KafkaRange& range = ranges_[at_];
    KafkaMessages messages;
    auto more = consumer_.fetch(range.partition, range.until, *pool_, messages);
    if (!more) return more;
    if (!*more) {
      end_range();
      continue;
    }
    mean_.bytes += messages.used;
    mean_.records += messages.size();
    if (timed_) morsel.faults = faults_of(messages);
    auto origin = std::make_shared<KafkaOrigin>(range.partition, std::move(messages));
    morsel.partition = range.index;
    morsel.raw.keep = origin->messages().buffer;
    morsel.raw.records = origin->messages().values;
    morsel.origin = std::move(origin);
    morsel.rows.reset();
    return true;
  }
  return false;
}

}  // namespace streamrun
