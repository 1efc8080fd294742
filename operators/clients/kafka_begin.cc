#include "operators/clients/kafka_begin.h"

#include <fmt/format.h>

#include <algorithm>

namespace streamrun {
namespace {

constexpr std::chrono::seconds kReach{30};  // for brokers at the start

// What `start` names has to be there, or what it says would pass without a word.
Result<> check_named(const KafkaStart& start, const std::vector<KafkaPartition>& partitions,
                     const std::string& brokers) {
  for (const auto& [named, offset] : start.offsets) {
    if (std::ranges::binary_search(partitions, named)) continue;
    const auto count = std::ranges::count(partitions, named.topic, &KafkaPartition::topic);
    return failure(
        fmt::format("{}@{}: `start` says to begin at a partition that is not there: {} at {}; correct `start`",
                    named.name(), offset,
                    count == 0 ? fmt::format("no topic '{}' is read", named.topic)
                               : fmt::format("topic '{}' has {}", named.topic, count),
                    brokers));
  }
  return {};
}

// What a checkpoint knows has to be there.
Result<> check_resumed(const KafkaOffsets& resume, const std::vector<KafkaPartition>& partitions,
                       const std::string& brokers) {
  for (const auto& [partition, offset] : resume) {
    if (std::ranges::binary_search(partitions, partition)) continue;
    return failure(fmt::format(
        "{}@{}: the checkpoint stands at a partition that is not there, at {}: the topic was deleted, or is "
        "no longer read; --reset gives up the source's place in the checkpoint",
        partition.name(), offset, brokers));
  }
  return {};
}

// Offsets of a group or an option may be anything.
Result<> check_offsets(KafkaLookup& lookup, const KafkaGroup& group, const KafkaOffsets& at, bool resumed) {
  KafkaOffsets asked;
  for (const auto& [partition, offset] : at) asked[partition] = kKafkaBeginning;
  const auto begins = lookup.offsets_at(asked, kReach);
  if (!begins) return pass_on(begins);
  for (auto& [partition, time] : asked) time = kKafkaEnd;
  const auto ends = lookup.offsets_at(asked, kReach);
  if (!ends) return pass_on(ends);
  for (const auto& [partition, offset] : at) {
    const std::string from = resumed                  ? std::string("the checkpoint stands")
                             : group.knows(partition) ? fmt::format("group '{}' stands", group.name())
                                                      : std::string("`start` says to begin");
    if (offset < begins->at(partition)) {
      return failure(
          fmt::format("{}@{}: {} at a record that is no longer there, the first is {}: records were deleted, by "
                      "retention or with the topic; {}",
                      partition.name(), offset, from, begins->at(partition),
                      resumed ? "--reset gives up the source's place in the checkpoint"
                              : "set the group's offsets to go on behind the gap, or take another `group` and a "
                                "`start`"));
    }
    if (offset > ends->at(partition)) {
      return failure(fmt::format(
          "{}@{}: {} behind the end of the partition, which is {}: the topic may have been deleted and made "
          "again; {}",
          partition.name(), offset, from, ends->at(partition),
          resumed ? "--reset gives up the source's place in the checkpoint"
                  : "set the group's offsets, or take another `group` and a `start`"));
    }
  }
  return {};
}

}  // namespace

Result<KafkaOffsets> begin_of(KafkaLookup& lookup, KafkaGroup& group, const KafkaStart& start,
                              const std::vector<KafkaPartition>& partitions, bool by_pattern,
                              const std::optional<KafkaOffsets>& resume) {
  if (auto named = check_named(start, partitions, lookup.brokers()); !named) return pass_on(named);
  auto at = group.find(partitions);
  if (!at) return at;
  if (resume) {
    if (auto there = check_resumed(*resume, partitions, lookup.brokers()); !there) return pass_on(there);
    at = *resume;
  }
  const KafkaOffsets known = *at;
  const auto came_later = [&](const KafkaPartition& partition) {
    return std::ranges::any_of(known,
                               [&](const auto& one) { return by_pattern || one.first.topic == partition.topic; });
  };
  KafkaOffsets asked;
  for (const KafkaPartition& partition : partitions) {
    if (at->contains(partition)) continue;
    const auto given = start.offsets.find(partition);
    if (given != start.offsets.end()) {
      at->insert(*given);
    } else {
      asked[partition] = came_later(partition) ? kKafkaBeginning : start.time;
    }
  }
  if (auto there = check_offsets(lookup, group, *at, resume.has_value()); !there) return pass_on(there);
  const auto found = lookup.offsets_at(asked, kReach);
  if (!found) return pass_on(found);
  at->insert(found->begin(), found->end());
  return at;
}

}  // namespace streamrun
