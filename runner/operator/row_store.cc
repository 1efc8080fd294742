#include "runner/operator/row_store.h"

#include <bit>
#include <numeric>
#include <span>
#include <utility>

namespace streamrun {

void RowStore::append(const std::vector<ColumnPtr>& columns, const Selection& selection) {
  if (!selection.dense()) return append(columns, selection.rows());
  std::vector<std::uint32_t> all(selection.count());
  std::iota(all.begin(), all.end(), 0U);
  append(columns, all);
}

void RowStore::append(const std::vector<ColumnPtr>& columns, std::span<const std::uint32_t> rows) {
  builders_.resize(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!columns[i]) continue;
    if (!builders_[i]) builders_[i].emplace(columns[i]->type());
    builders_[i]->append(*columns[i], rows);
  }
  count_ += static_cast<std::uint32_t>(rows.size());
}

std::size_t RowStore::bytes() const {
  std::size_t total = 0;
  for (const auto& builder : builders_) total += builder ? builder->bytes() : 0;
  return total;
}

std::size_t RowStore::growth(const std::vector<ColumnPtr>& columns, std::uint32_t rows) const {
  const std::uint64_t room = std::bit_ceil(std::uint64_t{count_} + rows);
  if (count_ != 0 && room == std::bit_ceil(count_)) return 0;
  std::size_t total = 0;
  for (const ColumnPtr& column : columns) total += column ? room * storage_size(column->type().kind()) : 0;
  return total;
}

std::vector<ColumnPtr> RowStore::finish() {
  std::vector<ColumnPtr> columns(builders_.size());
  for (std::size_t i = 0; i < builders_.size(); ++i) {
    if (builders_[i]) columns[i] = builders_[i]->finish();
  }
  builders_.clear();
  count_ = 0;
  return columns;
}

}  // namespace streamrun
