// What aggregates keep, a row of states a group.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "runner/data/column.h"
#include "runner/expr/aggregate.h"

namespace streamrun {

// States of all calls side by side, the groups one after the other. One thread at a time.
class GroupStates {
 public:
  explicit GroupStates(std::span<const std::shared_ptr<const Aggregator>> aggregators);
  ~GroupStates();
  GroupStates(GroupStates&&) noexcept;
  GroupStates& operator=(GroupStates&&) = delete;
  GroupStates(const GroupStates&) = delete;

  // Makes states for groups up to `groups`.
  void reach(std::uint32_t groups);
  std::uint32_t groups() const { return groups_; }
  std::size_t stride() const { return stride_; }
  // Group 0's state of call `call`.
  std::byte* states(std::size_t call) const { return memory_.get() + offsets_[call]; }
  std::byte* state(std::size_t call, std::uint32_t group) const { return states(call) + group * stride_; }
  // Adds group `from_group` of `from` to group `group`.
  void merge(std::uint32_t group, const GroupStates& from, std::uint32_t from_group);
  std::size_t bytes() const;

 private:
  struct Free {
    void operator()(std::byte* memory) const;
  };
  using Memory = std::unique_ptr<std::byte, Free>;

  std::vector<std::shared_ptr<const Aggregator>> aggregators_;
  std::vector<std::size_t> offsets_;
  std::size_t stride_ = 0;
  std::uint32_t groups_ = 0;
  std::uint32_t capacity_ = 0;
  Memory memory_;
};

}  // namespace streamrun
