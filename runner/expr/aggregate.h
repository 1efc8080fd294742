// Aggregate functions: one entry of the function table each, their states side by side in the rows of a
// group table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runner/expr/expression.h"

namespace streamrun {

// The states of one aggregate, by group: in segments, so that more groups move none.
class StateRows {
 public:
  static constexpr std::uint32_t kSegment = 1024;

  // `heap` counts the bytes that all states hold beyond their size.
  StateRows(std::byte* const* segments, std::size_t stride, std::size_t offset, std::int64_t& heap)
      : segments_(segments), stride_(stride), offset_(offset), heap_(&heap) {}
  std::byte* operator[](std::uint32_t group) const {
    return segments_[group / kSegment] + offset_ + group % kSegment * stride_;
  }
  void hold(std::int64_t bytes) const { *heap_ += bytes; }

 private:
  std::byte* const* segments_;
  std::size_t stride_;
  std::size_t offset_;
  std::int64_t* heap_;
};

// What an aggregate keeps for one group: `size` bytes in a table that this object does not own. Const,
// shared by threads; states are touched by one thread at a time. `groups[i]` is the group of selected row i.
class Aggregator {
 public:
  virtual ~Aggregator() = default;
  virtual std::size_t state_size() const = 0;
  virtual std::size_t state_alignment() const { return 16; }
  // The order of updates and merges cannot be seen in the result: such states are kept per thread, the
  // others per morsel and merged in order.
  virtual bool exact() const = 0;
  // Of groups [begin, end).
  virtual void create(const StateRows& states, std::uint32_t begin, std::uint32_t end) const = 0;
  virtual void destroy(const StateRows& states, std::uint32_t begin, std::uint32_t end) const = 0;
  // `arguments`: the values of the call's arguments for the selected rows, which all count (`filter` is
  // applied by the caller). What states hold beyond their size is counted as it changes, here and in merge().
  virtual void update(const StateRows& states, std::span<const std::uint32_t> groups,
                      std::span<const ColumnPtr> arguments, const Selection& selection) const = 0;
  // Adds groups from `first` on of `from`, which saw later rows, to these groups. `from` may be emptied.
  virtual void merge(const StateRows& into, std::span<const std::uint32_t> groups, const StateRows& from,
                     std::uint32_t first) const = 0;
  // The results of these groups, a row each, once; the states may be emptied. A group that fails (overflow) is an error
  // of its row.
  virtual ColumnPtr finish(const StateRows& states, std::span<const std::uint32_t> groups, RowErrors& errors) const = 0;
};

// One call of an aggregate within an expression: sum(x) filter (where y).
struct AggregateCall {
  std::shared_ptr<const Aggregator> aggregator;
  std::vector<Expression> arguments;  // over the input's columns; empty: count(*)
  std::optional<Expression> filter;   // boolean, over the input's columns
  Type type;
  std::uint32_t place = RowError::kNowhere;  // in the pipeline's file
};

// The values of a group in their order as an array, nulls among them or passed over: what groupByKey and cogroup give.
enum class Nulls : std::uint8_t { kept, passed_over };
AggregateCall gather_call(Expression value, Nulls nulls);

// `{name: expression over aggregates}`: `finish` reads the scope's key columns (as given), then the calls'
// results, numbered from `keys` on.
struct AggregateExpression {
  std::vector<AggregateCall> calls;
  Expression finish;
};

// `keys`: columns that stand outside the aggregates (the step's key, by name and type); any other column
// outside of an aggregate is a fault. Calls number from `first_call` + keys.columns.size() on.
std::optional<AggregateExpression> compile_aggregate(const LocatedText& text, const Scope& rows, const Schema& keys,
                                                     std::uint32_t first_call, Diagnostics& diagnostics);

}  // namespace streamrun
