// Sorting: `sort`, `top` and `limit` are one breaker. Each morsel's rows are sorted by the thread that has it, the runs
// that come of it are merged; past its share of the memory they go to the spool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runner/data/type.h"
#include "runner/expr/expression.h"
#include "runner/operator/kernel.h"
#include "runner/operator/row_order.h"

namespace streamrun {

struct SortSpec {
  Schema schema;  // of the input, and of the result
  std::vector<Expression> keys;
  std::vector<Direction> directions;   // of each key
  std::size_t group = 0;               // rows whose first keys are equal, so many of them, are a group
  std::optional<std::uint64_t> limit;  // of each group's rows the first so many stay
  std::string text;                    // for `explain`
};

// One partition, in order; equal rows stay as they came.
StepFactory make_sort(SortSpec spec);

}  // namespace streamrun
