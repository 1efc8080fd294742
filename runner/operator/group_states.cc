#include "runner/operator/group_states.h"

#include <algorithm>
#include <new>
#include <utility>

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

GroupStates::GroupStates(GroupStates&& other) noexcept
    : aggregators_(std::move(other.aggregators_)),
      offsets_(std::move(other.offsets_)),
      stride_(other.stride_),
      groups_(std::exchange(other.groups_, 0)),
      capacity_(std::exchange(other.capacity_, 0)),
      memory_(std::move(other.memory_)) {}

GroupStates::~GroupStates() {
  for (std::size_t call = 0; call < aggregators_.size(); ++call) {
    for (std::uint32_t group = 0; group < groups_; ++group) aggregators_[call]->destroy(state(call, group));
  }
}

void GroupStates::reach(std::uint32_t groups) {
  if (groups <= groups_) return;
  if (groups > capacity_ && stride_ != 0) {
    const std::uint32_t capacity = std::max({groups, capacity_ * 2, std::uint32_t{64}});
    Memory larger(static_cast<std::byte*>(::operator new(capacity * stride_, std::align_val_t{kAlignment})));
    std::swap(memory_, larger);
    // A state may point into itself, so it is moved by what it can do: merging into a new one.
    for (std::size_t call = 0; call < aggregators_.size(); ++call) {
      const Aggregator& aggregator = *aggregators_[call];
      std::byte* old = larger.get() + offsets_[call];
      for (std::uint32_t group = 0; group < groups_; ++group, old += stride_) {
        aggregator.create(state(call, group));
        aggregator.merge(state(call, group), old);
        aggregator.destroy(old);
      }
    }
    capacity_ = capacity;
  }
  for (std::size_t call = 0; call < aggregators_.size(); ++call) {
    for (std::uint32_t group = groups_; group < groups; ++group) aggregators_[call]->create(state(call, group));
  }
  groups_ = groups;
}

void GroupStates::merge(std::uint32_t group, const GroupStates& from, std::uint32_t from_group) {
  for (std::size_t call = 0; call < aggregators_.size(); ++call) {
    aggregators_[call]->merge(state(call, group), from.state(call, from_group));
  }
}

std::size_t GroupStates::bytes() const {
  std::size_t total = capacity_ * stride_;
  for (std::size_t call = 0; call < aggregators_.size(); ++call) {
    if (!aggregators_[call]->keeps_heap()) continue;
    for (std::uint32_t group = 0; group < groups_; ++group) total += aggregators_[call]->heap_bytes(state(call, group));
  }
  return total;
}

}  // namespace streamrun
