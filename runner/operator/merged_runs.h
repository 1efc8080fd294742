// Sorted runs of the same columns, merged range after range of their order: the rows of a range are few enough to be
// merged within a cache, and ranges are independent of each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runner/data/column.h"
#include "runner/operator/row_order.h"

namespace streamrun {

// Const once it is made: shared by threads.
class MergedRuns {
 public:
  // Rows that are equal keep the order of their numbers. `columns` end in the keys.
  MergedRuns(const RowOrder& order, std::vector<ColumnPtr> columns, std::vector<std::vector<OrderedRow>> runs);

  const std::vector<ColumnPtr>& columns() const { return columns_; }
  std::uint32_t ranges() const;
  // Those of range `index`, in order; there may be none.
  std::vector<OrderedRow> rows(std::uint32_t index) const;

 private:
  bool earlier(const OrderedRow& a, const OrderedRow& b) const;
  // The first row of `run` that is not before range `index`.
  std::size_t begin_of(std::uint32_t index, const std::vector<OrderedRow>& run) const;
  void merge(std::vector<OrderedRow>& rows, std::vector<std::size_t> ends) const;

  const RowOrder* order_;
  std::vector<ColumnPtr> columns_;
  std::vector<std::vector<OrderedRow>> runs_;
  std::vector<OrderedRow> bounds_;  // between ranges: the first row of the later one
};

}  // namespace streamrun
