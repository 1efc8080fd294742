// What a join asks of its condition, without the tree behind it.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "runner/expr/expression.h"

namespace streamrun {

// `left = right` conjuncts of a condition over left's columns, then right's (from number `right_begin` on).
// The two sides of a pair have one type; right's are numbered over right alone.
struct JoinEqualities {
  std::vector<std::pair<Expression, Expression>> pairs;
  bool complete = false;  // the condition says nothing else
};
JoinEqualities join_equalities(const Expression& condition, std::uint32_t right_begin);

// Rows of a join's outer side that are not there.
constexpr std::uint32_t kMissingRow = 0xffffffffU;
// Rows of `from` in that order, kMissingRow being null.
ColumnPtr gather_or_null(const ColumnPtr& from, std::span<const std::uint32_t> rows);

}  // namespace streamrun
