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
  virtual void create(std::byte* state) const = 0;
  virtual void destroy(std::byte*) const {}
  // `states` is the first group's state of this aggregate; the next group's is `stride` bytes on.
  // `arguments`: the values of the call's arguments for the selected rows, which all count (`filter` is
  // applied by the caller).
  virtual void update(std::byte* states, std::size_t stride, std::span<const std::uint32_t> groups,
                      std::span<const ColumnPtr> arguments, const Selection& selection) const = 0;
  // Adds `from` to `into`, where `from` saw later rows. `from` may be emptied.
  virtual void merge(std::byte* into, std::byte* from) const = 0;
  // The results of `count` groups, from `states` on. A group that fails (overflow) is an error of its row.
  virtual ColumnPtr finish(std::byte* states, std::size_t stride, std::uint32_t count, RowErrors& errors) const = 0;
  // Bytes that a state holds beyond its size: what a memory budget counts. Called now and then.
  virtual std::size_t heap_bytes(const std::byte*) const { return 0; }
  // Bytes in the heap of all states together grow by what updates keep (collect_list, strings of max).
  virtual bool keeps_heap() const { return false; }
};

// One call of an aggregate within an expression: sum(x) filter (where y).
struct AggregateCall {
  std::shared_ptr<const Aggregator> aggregator;
  std::vector<Expression> arguments;  // over the input's columns; empty: count(*)
  std::optional<Expression> filter;   // boolean, over the input's columns
  Type type;
};

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
