// Places in topics, and their text, which is the cursor of a source.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "runner/base/result.h"

namespace streamrun {

struct KafkaPartition {
  std::string topic;
  std::int32_t number = 0;
  friend auto operator<=>(const KafkaPartition&, const KafkaPartition&) = default;
  std::string name() const { return topic + "[" + std::to_string(number) + "]"; }
};

using KafkaOffsets = std::map<KafkaPartition, std::int64_t>;

// For offsets_at: these instead of milliseconds since 1970.
constexpr std::int64_t kKafkaBeginning = -2;
constexpr std::int64_t kKafkaEnd = -1;

// Whether brokers take it for the name of a topic, and what is wrong with one that they do not.
bool is_kafka_topic(std::string_view name);
std::string no_kafka_topic(std::string_view name);

// What is wrong with a name of a topic to write to, if something is: nobody else writes to the brokers' own.
std::optional<std::string> fault_of_written_topic(std::string_view name);

// The number of a partition, as a text.
std::optional<std::int32_t> parse_partition(std::string_view text);

// {"topics":{"orders":{"0":12,"1":7}}}
std::string to_text(const KafkaOffsets& offsets);
Result<KafkaOffsets> to_kafka_offsets(const std::string& text);

// Cuts `until` to `of_each` records behind `begin`, and to `of_all`, by the partitions' shares of what waits.
void cut_ranges(const KafkaOffsets& begin, std::optional<std::uint64_t> of_each, std::uint64_t of_all,
                KafkaOffsets& until);

}  // namespace streamrun
