// Where the reading of topics begins: the option `start`.
#pragma once

#include "operators/clients/kafka_offsets.h"
#include "runner/operator/options.h"

namespace streamrun {

// Where partitions begin that neither a checkpoint nor the group knows: a word, a time, or an offset each.
struct KafkaStart {
  std::int64_t time = kKafkaEnd;  // ms since 1970, or kKafkaBeginning or kKafkaEnd
  KafkaOffsets offsets;           // where these stand; partitions that are not among them are read from their beginning
};

STREAMRUN_DECLARE_CODEC(KafkaStart);

}  // namespace streamrun
