#include "runner/expr/group_states.h"

#include <algorithm>
#include <new>

namespace streamrun {
namespace {

constexpr std::size_t kAlignment = 64;

std::size_t round_up(std::size_t value, std::size_t to) {
  return (value + to - 1) / to * to;
}

}  // namespace

void GroupStates::Free::operator()(std::byte* memory) const {
  ::operator delete(memory, std::align_val_t{kAlignment});
}

GroupStates::GroupStates(std::span<const std::shared_ptr<const Aggregator>> aggregators)
    : aggregators_(aggregators.begin(), aggregators.end()) {
  std::size_t alignment = 1;
  for (const auto& aggregator : aggregators_) {
    stride_ = round_up(stride_, aggregator->state_alignment());
    offsets_.push_back(stride_);
    stride_ += aggregator->state_size();
    alignment = std::max(alignment, aggregator->state_alignment());
  }
  stride_ = round_up(stride_, alignment);
}

GroupStates::~GroupStates() {
  for (std::size_t call = 0; call < aggregators_.size(); ++call) aggregators_[call]->destroy(states(call), 0, groups_);
}

void GroupStates::reach(std::uint32_t groups) {
  if (groups <= groups_) return;
  while (segments_.size() * StateRows::kSegment < groups) {
    memory_.emplace_back(static_cast<std::byte*>(
        ::operator new(std::max<std::size_t>(stride_, 1) * StateRows::kSegment, std::align_val_t{kAlignment})));
    segments_.push_back(memory_.back().get());
  }
  for (std::size_t call = 0; call < aggregators_.size(); ++call) {
    aggregators_[call]->create(states(call), groups_, groups);
  }
  groups_ = groups;
}

void GroupStates::merge(std::span<const std::uint32_t> groups, GroupStates& from, std::uint32_t first) {
  for (std::size_t call = 0; call < aggregators_.size(); ++call) {
    aggregators_[call]->merge(states(call), groups, from.states(call), first);
  }
}

ColumnPtr GroupStates::finish(std::size_t call, std::span<const std::uint32_t> groups, RowErrors& errors) {
  return aggregators_[call]->finish(states(call), groups, errors);
}

std::size_t GroupStates::bytes() const {
  return segments_.size() * stride_ * StateRows::kSegment + static_cast<std::size_t>(heap_);
}

}  // namespace streamrun
