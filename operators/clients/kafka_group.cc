#include "operators/clients/kafka_group.h"

#include <fmt/format.h>

#include <algorithm>

namespace streamrun {
namespace {

constexpr std::chrono::seconds kReach{30};          // for brokers at the start
constexpr std::chrono::milliseconds kAnswer{1000};  // between batches
constexpr std::chrono::seconds kLastAnswer{10};
constexpr std::chrono::seconds kLookEvery{1};
constexpr std::chrono::hours kRenewEvery{1};  // brokers drop offsets that nobody has committed for some days

}  // namespace

Result<KafkaOffsets> KafkaGroup::find(const std::vector<KafkaPartition>& partitions) {
  auto found = lookup_.committed(partitions, kReach);
  if (found) known_ = sent_ = *found;
  return found;
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
  for (const auto& [partition, offset] : *now) {
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

Result<> KafkaGroup::commit(const KafkaOffsets& offsets) {
  const SteadyClock::time_point now = SteadyClock::now();
  const bool all = !renewed_ || now - *renewed_ >= kRenewEvery;
  if (shared_ || (!all && offsets == known_)) return {};
  if (auto alone = look(); !alone) {
    shared_ = alone.error();
    return {};
  }
  KafkaOffsets changed;
  for (const auto& [partition, offset] : offsets) {
    const auto before = known_.find(partition);
    if (all || before == known_.end() || before->second != offset) changed[partition] = offset;
  }
  sent_ = offsets;
  lookup_.commit(changed);
  // Whether it is answered or not: a renewal that is lost has days until it matters.
  if (all) renewed_ = now;
  if (auto settled = lookup_.settle(kAnswer); !settled) return settled;
  for (const auto& [partition, offset] : changed) known_[partition] = offset;
  return {};
}

Result<> KafkaGroup::close() {
  if (shared_ || sent_.empty()) return {};
  lookup_.commit(sent_);
  // What has been answered already is not worth a complaint.
  const bool known = sent_ == known_;
  auto settled = lookup_.settle(known ? kAnswer : kLastAnswer);
  return known ? Result<>{} : settled;
}

}  // namespace streamrun
