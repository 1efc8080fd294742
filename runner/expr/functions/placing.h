// Results that are rows of another column.
#pragma once

#include <limits>
#include <vector>

#include "runner/expr/function.h"

namespace streamrun {

constexpr std::uint32_t kNoValue = std::numeric_limits<std::uint32_t>::max();

// Row `rows[i]` of `values` is the result of selected row i of the call; kNoValue is null. Strings, lists and
// elements are shared.
void place_rows(const KernelCall& call, const ColumnPtr& values, const std::vector<std::uint32_t>& rows);
// Row i of `values` is the result of selected row i.
void place_rows(const KernelCall& call, const ColumnPtr& values);

}  // namespace streamrun
