// Where messages came from: place `orders[3]@1042`, and the hidden columns that Spark's Kafka source has.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "operators/clients/kafka_message.h"
#include "operators/clients/kafka_offsets.h"
#include "runner/data/record_batch.h"

namespace streamrun {

// The last time of a message, in ms since 1970, that `_timestamp` can hold.
constexpr std::int64_t kKafkaLastTime = std::numeric_limits<std::int64_t>::max() / 1000;

// Of `_headers`.
const Type& kafka_headers_type();
// `_key`, `_topic`, `_partition`, `_offset`, `_timestamp`, `_headers`.
std::vector<Field> kafka_columns();

class KafkaOrigin final : public Origin {
 public:
  KafkaOrigin(KafkaPartition partition, KafkaMessages messages)
      : partition_(std::move(partition)), messages_(std::move(messages)) {}

  const KafkaMessages& messages() const { return messages_; }

  std::string place(std::uint32_t record) const override;
  const std::string_view* raw(std::uint32_t record) const override { return &messages_.values[record]; }
  ColumnPtr hidden(std::string_view name, std::uint32_t first, std::uint32_t count) const override;

 private:
  ColumnPtr timestamps(std::uint32_t first, std::uint32_t count) const;
  ColumnPtr keys(std::uint32_t first, std::uint32_t count) const;
  ColumnPtr headers(std::uint32_t first, std::uint32_t count) const;

  KafkaPartition partition_;
  KafkaMessages messages_;
};

}  // namespace streamrun
