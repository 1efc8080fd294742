// Rows that outlive their morsels: columns as they grow, which copy what they take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "runner/data/column.h"
#include "runner/data/selection.h"

namespace streamrun {

class RowStore {
 public:
  // Columns that are null stay so.
  void append(const std::vector<ColumnPtr>& columns, const Selection& selection);
  void append(const std::vector<ColumnPtr>& columns, std::span<const std::uint32_t> rows);
  std::uint32_t count() const { return count_; }
  // Bytes held.
  std::size_t bytes() const;
  // What so many rows more of these columns may take: columns double where their rows pass a power of two.
  std::size_t growth(const std::vector<ColumnPtr>& columns, std::uint32_t rows) const;
  // The columns so far; it is empty afterwards.
  std::vector<ColumnPtr> finish();

 private:
  std::vector<std::optional<ColumnBuilder>> builders_;
  std::uint32_t count_ = 0;
};

}  // namespace streamrun
