#include "operators/clients/kafka_reader.h"

#include "operators/clients/kafka_origin.h"

namespace streamrun {

KafkaReader::KafkaReader(std::vector<KafkaRange> ranges, const KafkaOffsets& idle, KafkaConsumer& consumer,
                         std::shared_ptr<BufferPool> pool, MeanSize& mean)
    : ranges_(std::move(ranges)), consumer_(consumer), pool_(std::move(pool)), mean_(mean) {
  KafkaOffsets read;
  for (const KafkaRange& range : ranges_) {
    read[range.partition] = range.first;
    rest_ += range.size();
  }
  consumer_.resume(read);
  consumer_.pause(idle, rest_);
}

Result<bool> KafkaReader::next(Morsel& morsel) {
  for (; at_ < ranges_.size(); ++at_) {
    const KafkaRange& range = ranges_[at_];
    KafkaMessages messages;
    auto more = consumer_.fetch(range.partition, range.until, *pool_, messages);
    if (!more) return more;
    if (!*more) {
      rest_ -= range.size();
      consumer_.pause({{range.partition, range.until}}, rest_);
      continue;
    }
    mean_.bytes += messages.used;
    mean_.records += messages.size();
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
