#include "operators/clients/kafka_offsets.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "runner/data/column.h"

namespace streamrun {

namespace {

constexpr std::size_t kLongestTopic = 249;
constexpr std::size_t kShownTopic = 40;  // of one that is longer
constexpr std::string_view kBrokersOwn[] = {"__consumer_offsets", "__transaction_state", "__share_group_state",
                                            "__cluster_metadata"};

}  // namespace

bool is_kafka_topic(std::string_view name) {
  return !name.empty() && name.size() <= kLongestTopic && name != "." && name != ".." &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
                  c == '-';
         });
}

std::string no_kafka_topic(std::string_view name) {
  return fmt::format("'{}' is no name of a topic: letters, digits, '.', '_' and '-', {} at most",
                     name.size() > kLongestTopic ? std::string(name.substr(0, kShownTopic)) + "…" : std::string(name),
                     kLongestTopic);
}

std::optional<std::string> fault_of_written_topic(std::string_view name) {
  if (!is_kafka_topic(name)) return no_kafka_topic(name);
  if (std::ranges::find(kBrokersOwn, name) == std::end(kBrokersOwn)) return std::nullopt;
  return fmt::format("'{}' is a topic of the brokers' own, which take no messages to it; write to another", name);
}

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

void cut_ranges(const KafkaOffsets& begin, std::optional<std::uint64_t> of_each, std::uint64_t of_all,
                KafkaOffsets& until) {
  std::uint64_t waiting = 0;
  for (auto& [partition, end] : until) {
    const std::int64_t from = begin.at(partition);
    if (of_each) end = from + static_cast<std::int64_t>(std::min(*of_each, static_cast<std::uint64_t>(end - from)));
    waiting += static_cast<std::uint64_t>(end - from);
  }
  if (waiting <= of_all) return;
  std::uint64_t before = 0;  // of those above: shares are differences of rounded sums, so that they add up
  for (auto& [partition, end] : until) {
    const std::int64_t from = begin.at(partition);
    const std::uint64_t behind = before + static_cast<std::uint64_t>(end - from);
    const auto share = [&](std::uint64_t of) {
      return static_cast<std::int64_t>(static_cast<UInt128>(of) * of_all / waiting);
    };
    end = from + share(behind) - share(before);
    before = behind;
  }
}

}  // namespace streamrun
