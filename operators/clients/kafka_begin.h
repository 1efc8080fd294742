// Where the reading of partitions begins.
#pragma once

#include <optional>
#include <vector>

#include "operators/clients/kafka_group.h"
#include "operators/clients/kafka_lookup.h"
#include "operators/clients/kafka_start.h"

namespace streamrun {

// At `resume`, which a checkpoint has kept, else at the group's offsets; where it has none, as `start` says, or, of
// partitions that came after those it knows, at the beginning: nothing of them has been read. `by_pattern`: topics come
// as well. An error if there is nothing there.
Result<KafkaOffsets> begin_of(KafkaLookup& lookup, KafkaGroup& group, const KafkaStart& start,
                              const std::vector<KafkaPartition>& partitions, bool by_pattern,
                              const std::optional<KafkaOffsets>& resume);

}  // namespace streamrun
