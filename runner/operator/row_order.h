// The order of rows by computed keys, as Spark's ORDER BY has it: nulls first in ascending order and last in descending
// order unless told otherwise, NaN greatest, texts by bytes.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <vector>

#include "runner/data/column.h"
#include "runner/data/selection.h"

namespace streamrun {

struct Direction {
  bool descending = false;
  bool nulls_last = false;
};

// Const, shared by threads. The keys of a row stand in columns, one a direction.
class RowOrder {
 public:
  // What tells most rows apart without a look at their columns: the beginning of their keys. Less is earlier; equal
  // ones say nothing.
  struct Prefix {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    friend auto operator<=>(const Prefix&, const Prefix&) = default;
  };

  explicit RowOrder(std::vector<Direction> directions) : directions_(std::move(directions)) {}

  // Of rows [0, count).
  std::vector<Prefix> prefixes(std::span<const ColumnPtr> keys, std::uint32_t count) const;
  // Negative: a is earlier. Of the first `count` keys.
  int compare(std::span<const ColumnPtr> a, std::uint32_t row_a, std::span<const ColumnPtr> b, std::uint32_t row_b,
              std::size_t count) const;
  std::size_t keys() const { return directions_.size(); }

 private:
  std::vector<Direction> directions_;
};

// A row of one of several inputs, with its prefix.
struct OrderedRow {
  RowOrder::Prefix prefix;
  std::uint32_t row = 0;
};

// Rows [0, count) of these keys, sorted; equal ones stay in their order.
std::vector<OrderedRow> sorted_rows(const RowOrder& order, std::span<const ColumnPtr> keys, std::uint32_t count);

}  // namespace streamrun
