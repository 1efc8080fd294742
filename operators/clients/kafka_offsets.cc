#include "operators/clients/kafka_offsets.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

namespace streamrun {

std::optional<std::int32_t> parse_partition(std::string_view text) {
  std::int32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [behind, fault] = std::from_chars(text.data(), end, number);
  if (fault != std::errc() || behind != end || number < 0) return std::nullopt;
  return number;
}

std::string to_text(const KafkaOffsets& offsets) {
  nlohmann::json topics = nlohmann::json::object();
  for (const auto& [partition, offset] : offsets) topics[partition.topic][std::to_string(partition.number)] = offset;
  return nlohmann::json{{"topics", topics}}.dump();
}

Result<KafkaOffsets> to_kafka_offsets(const std::string& text) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  const auto bad = [&] { return failure(fmt::format("'{}' is no place in topics", text)); };
  const auto topics = json.is_object() ? json.find("topics") : json.end();
  if (!json.is_object() || topics == json.end() || !topics->is_object()) return bad();
  KafkaOffsets offsets;
  for (const auto& [topic, partitions] : topics->items()) {
    if (!partitions.is_object()) return bad();
    for (const auto& [number, offset] : partitions.items()) {
      const auto partition = parse_partition(number);
      if (!partition || !offset.is_number_unsigned()) return bad();
      offsets[{topic, *partition}] = offset.template get<std::int64_t>();
    }
  }
  return offsets;
}

}  // namespace streamrun
