#include "operators/clients/kafka_group.h"

#include <fmt/format.h>

#include <algorithm>

#include "operators/clients/kafka_note.h"

namespace streamrun {
namespace {

constexpr std::chrono::seconds kReach{30};          // for brokers at the start
constexpr std::chrono::milliseconds kAnswer{1000};  // between batches
constexpr std::chrono::seconds kLastAnswer{10};
constexpr std::chrono::hours kRenewEvery{1};  // brokers drop offsets that nobody has committed for some days

}  // namespace

Result<KafkaOffsets> KafkaGroup::find(const std::vector<KafkaPartition>& partitions) {
  auto found = lookup_.committed(partitions, kReach);
  if (!found) return pass_on(found);
  for (const std::string& note : found->notes) batch_ = std::max(batch_, batch_of_note(note));
  return known_ = sent_ = std::move(found->offsets);
}

Result<> KafkaGroup::holds() {
  if (!lost_) return {};
  told_ = true;
  return std::unexpected(*lost_);
}

Result<> KafkaGroup::look() {
  const Result<> answered = ask(kAnswer);
  static_cast<void>(answered);
  return holds();
}

std::unexpected<Error> KafkaGroup::lose(Error error) {
  told_ = true;
  return std::unexpected(lost_.emplace(std::move(error)));
}

Result<> KafkaGroup::settle(std::chrono::milliseconds patience) {
  auto settled = lookup_.settle(patience);
  if (lookup_.committing()) return settled;
  if (settled) {
    for (const auto& [partition, offset] : under_way_) known_[partition] = offset;
  }
  under_way_.clear();
  return settled;
}

Result<> KafkaGroup::ask(std::chrono::milliseconds patience) {
  std::vector<KafkaPartition> ours;
  for (const auto& [partition, offset] : known_) ours.push_back(partition);
  const auto now = lookup_.committed(ours, patience);
  if (!now) return pass_on(now);
  for (const auto& [partition, before] : known_) {
    const auto at = now->offsets.find(partition);
    if (at == now->offsets.end()) {
      lost_ = Error{fmt::format(
          "{}@{}: the offset of group '{}' is gone: the topic was deleted, and perhaps made again, or somebody has "
          "reset "
          "the group; nothing is read on; the next run begins where `start` says, unless the group is given an offset",
          partition.name(), before, name_)};
      return {};
    }
    // One of those that were sent, even if the answer never came.
    const auto sent = sent_.find(partition);
    const std::int64_t most = sent == sent_.end() ? before : std::max(before, sent->second);
    if (at->second >= before && at->second <= most) continue;
    lost_ = Error{
        fmt::format("group '{}' is used by another program too: its offset of {} was {} and is {}; give each pipeline "
                    "a `group` of its own",
                    name_, partition.name(), before, at->second)};
    return {};
  }
  return {};
}

Result<> KafkaGroup::commit(const KafkaOffsets& offsets, BatchTime batch, bool counts) {
  const SteadyClock::time_point now = SteadyClock::now();
  const bool all = !renewed_ || now - *renewed_ >= kRenewEvery;
  batch_ = batch;
  due_ = offsets;
  if (lost_ || offsets.empty() || (!all && !counts && offsets == known_)) return {};
  if (!under_way_.empty()) {
    auto before = settle(kAnswer);
    if (!under_way_.empty()) return before;
  }
  // Each time: what is committed to a topic that was made again would skip as many of its records, and nobody could see
  // it any more.
  if (auto answered = ask(kAnswer); !answered) {
    return failure(fmt::format("cannot commit offsets: {}", answered.error().message));
  }
  if (lost_) return {};
  KafkaOffsets changed;
  for (const auto& [partition, offset] : offsets) {
    const auto before = known_.find(partition);
    if (all || before == known_.end() || before->second != offset) changed[partition] = offset;
  }
  if (changed.empty()) changed.insert(*offsets.begin());
  sent_ = offsets;
  lookup_.commit(changed, note_of_batch(batch));
  // Whether it is answered or not: a renewal that is lost has days until it matters.
  if (all) renewed_ = now;
  under_way_ = std::move(changed);
  return settle(kAnswer);
}

Result<> KafkaGroup::close() {
  if (lost_) return told_ ? Result<>{} : holds();
  if (due_.empty()) return {};
  if (!under_way_.empty()) {
    auto before = settle(kLastAnswer);
    if (!under_way_.empty()) return before;
  }
  // What has been answered already is not worth a complaint.
  const bool known = due_ == known_;
  const auto patience = known ? kAnswer : kLastAnswer;
  if (auto answered = ask(patience); !answered) {
    if (known) return {};
    return failure(
        fmt::format("cannot commit offsets: {}; the next run reads the last batch again", answered.error().message));
  }
  if (lost_) return holds();
  sent_ = due_;
  lookup_.commit(due_, batch_ ? note_of_batch(*batch_) : "");
  auto settled = settle(patience);
  return known ? Result<>{} : settled;
}

}  // namespace streamrun
