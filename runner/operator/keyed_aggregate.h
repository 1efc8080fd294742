// Aggregation by key: count, count_by_value, reduce and reduce_by_key are one breaker.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runner/expr/aggregate.h"
#include "runner/expr/expression.h"
#include "runner/operator/kernel.h"

namespace streamrun {

// What users write as `start`, `add` and `merge`: a group's value is folded from its rows, in their order.
struct Fold {
  Expression value;  // over the input
  Expression start;  // over (v); empty: the value itself
  Expression add;    // over (acc, v)
  Expression merge;  // over (a, b), where b saw later rows
  Type type;         // of acc, a and b, and of each result
};

struct KeyedAggregateSpec {
  std::uint32_t inputs = 0;      // columns of the input
  std::vector<Expression> keys;  // over the input; none: all rows are one group
  std::vector<AggregateCall> calls;
  std::vector<Expression> finish;  // over the keys, then the calls' results
  std::optional<Fold> fold;
  bool row_when_empty = false;  // without keys: the one group is there even without rows
  std::uint32_t partitions = 1;
  std::string key_text;  // for `explain`
};

// Its rows: the keys, a column for each of `finish`, the fold's result. Partition after partition by the
// key's hash, groups in order of first occurrence: the same for any number of threads. Where all aggregates
// are exact each thread keeps a table for the whole pass, else there is one a morsel, merged in order.
StepFactory make_keyed_aggregate(KeyedAggregateSpec spec);

}  // namespace streamrun
