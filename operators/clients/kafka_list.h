// Offsets of partitions as librdkafka takes them. For the files of this folder alone.
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>

#include "operators/clients/kafka_offsets.h"

namespace streamrun {

using KafkaList = std::unique_ptr<rd_kafka_topic_partition_list_t, void (*)(rd_kafka_topic_partition_list_t*)>;

inline KafkaList list_of(const KafkaOffsets& offsets) {
  KafkaList list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())),
                 rd_kafka_topic_partition_list_destroy);
  for (const auto& [partition, offset] : offsets) {
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.number)->offset = offset;
  }
  return list;
}

}  // namespace streamrun
