// What aggregates keep, a row of states a group.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runner/expr/aggregate.h"

namespace streamrun {

// States of all calls side by side, in segments of groups. One thread at a time; `finish` of different groups by many.
class GroupStates {
 public:
  explicit GroupStates(std::span<const std::shared_ptr<const Aggregator>> aggregators);
  ~GroupStates();
  GroupStates(const GroupStates&) = delete;
  GroupStates& operator=(const GroupStates&) = delete;

  // Makes states for groups up to `groups`.
  void reach(std::uint32_t groups);
  std::uint32_t groups() const { return groups_; }
  // The states of call `call`, until the next reach().
  StateRows states(std::size_t call) { return {segments_.data(), stride_, offsets_[call], heap_}; }
  // Adds groups from `first` on of `from`, which may be emptied, to these groups.
  void merge(std::span<const std::uint32_t> groups, GroupStates& from, std::uint32_t first);
  ColumnPtr finish(std::size_t call, std::span<const std::uint32_t> groups, RowErrors& errors);
  // As they are now; nothing is looked at group by group.
  std::size_t bytes() const;

 private:
  struct Free {
    void operator()(std::byte* memory) const;
  };

  std::vector<std::shared_ptr<const Aggregator>> aggregators_;
  std::vector<std::size_t> offsets_;
  std::size_t stride_ = 0;
  std::uint32_t groups_ = 0;
  std::vector<std::unique_ptr<std::byte, Free>> memory_;
  std::vector<std::byte*> segments_;
  std::int64_t heap_ = 0;
};

}  // namespace streamrun
