#include "operators/clients/kafka_group.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace streamrun {
namespace {

constexpr std::chrono::seconds kReach{30};          // for brokers at the start
constexpr std::chrono::milliseconds kAnswer{1000};  // between batches
constexpr std::chrono::seconds kLastAnswer{10};
constexpr std::chrono::seconds kLookEvery{1};
constexpr std::chrono::hours kRenewEvery{1};  // brokers drop offsets that nobody has committed for some days

constexpr const char* kVersion = "streamrun";  // of a note: 1
constexpr const char* kBatch = "batch";
constexpr std::int64_t kLastTime = 253'402'300'800'000;  // the end of year 9999

std::string note_of(BatchTime batch) {
  return nlohmann::json{{kVersion, 1}, {kBatch, batch.value}}.dump();
}

// Nothing: it is none of ours.
std::optional<BatchTime> batch_of(const std::string& note) {
  const nlohmann::json json = nlohmann::json::parse(note, nullptr, false);
  if (!json.is_object() || !json.contains(kVersion) || json[kVersion] != 1) return std::nullopt;
  const auto batch = json.find(kBatch);
  if (batch == json.end() || !batch->is_number_integer()) return std::nullopt;
  const auto time = batch->get<std::int64_t>();
  return time >= 0 && time < kLastTime ? std::optional(BatchTime(time)) : std::nullopt;
}

}  // namespace

Result<KafkaOffsets> KafkaGroup::find(const std::vector<KafkaPartition>& partitions) {
  auto found = lookup_.committed(partitions, kReach);
  if (!found) return pass_on(found);
  for (const std::string& note : found->notes) batch_ = std::max(batch_, batch_of(note));
  return known_ = sent_ = std::move(found->offsets);
}

Result<> KafkaGroup::alone() const {
  if (shared_) return std::unexpected(*shared_);
  return {};
}

Result<> KafkaGroup::look() {
  if (SteadyClock::now() - looked_ < kLookEvery) return {};
  looked_ = SteadyClock::now();
  std::vector<KafkaPartition> ours;
  for (const auto& [partition, offset] : known_) ours.push_back(partition);
  const auto now = lookup_.committed(ours, kAnswer);
  if (!now) return {};  // whoever is away moves nothing
  for (const auto& [partition, offset] : now->offsets) {
    const std::int64_t before = known_.at(partition);
    // One of those that were sent, even if the answer never came.
    if (offset >= before && offset <= std::max(before, sent_.at(partition))) continue;
    return failure(fmt::format(
        "group '{}' is used by another program too: its offset of {} was {} and is {}; give each pipeline a "
        "`group` of its own",
        name_, partition.name(), before, offset));
  }
  return {};
}

Result<> KafkaGroup::commit(const KafkaOffsets& offsets, BatchTime batch, bool counts) {
  const SteadyClock::time_point now = SteadyClock::now();
  const bool all = !renewed_ || now - *renewed_ >= kRenewEvery;
  batch_ = batch;
  if (shared_ || offsets.empty() || (!all && !counts && offsets == known_)) return {};
  if (auto alone = look(); !alone) {
    shared_ = alone.error();
    return {};
  }
  KafkaOffsets changed;
  for (const auto& [partition, offset] : offsets) {
    const auto before = known_.find(partition);
    if (all || before == known_.end() || before->second != offset) changed[partition] = offset;
  }
  if (changed.empty()) changed.insert(*offsets.begin());
  sent_ = offsets;
  lookup_.commit(changed, note_of(batch));
  // Whether it is answered or not: a renewal that is lost has days until it matters.
  if (all) renewed_ = now;
  if (auto settled = lookup_.settle(kAnswer); !settled) return settled;
  for (const auto& [partition, offset] : changed) known_[partition] = offset;
  return {};
}

Result<> KafkaGroup::close() {
  if (shared_ || sent_.empty()) return {};
  lookup_.commit(sent_, batch_ ? note_of(*batch_) : "");
  // What has been answered already is not worth a complaint.
  const bool known = sent_ == known_;
  auto settled = lookup_.settle(known ? kAnswer : kLastAnswer);
  return known ? Result<>{} : settled;
}

}  // namespace streamrun
