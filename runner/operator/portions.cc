#include "runner/operator/portions.h"

#include <algorithm>

#include "runner/expr/join_condition.h"

namespace streamrun {
namespace {

std::size_t bytes_at(const Column& column, std::uint32_t row) {
  return row == kMissingRow ? 0 : value_bytes(column, row, kPortionBytes);
}

}  // namespace

std::size_t largest_value(const Column& column, const Selection& selection) {
  if (fixed_size(column.type())) return 0;
  std::size_t most = 0;
  selection.for_each([&](std::uint32_t row) { most = std::max(most, value_bytes(column, row, kPortionBytes)); });
  return most;
}

void Portions::repeat(const Column& column, std::span<const std::uint32_t> from) {
  if (fixed_size(column.type())) return;
  parts_.push_back({&column, from});
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < from.size() && bytes_ <= kPortionBytes; ++i) {
    if (i == 0 || from[i] != from[i - 1]) bytes = bytes_at(column, from[i]);
    bytes_ += bytes;
  }
}

std::uint32_t Portions::end_of(std::uint32_t first) const {
  const std::uint32_t most = std::min(kPortionRows, rows_ - first);
  if (bytes_ <= kPortionBytes) return first + most;
  std::size_t total = 0;
  for (std::uint32_t row = first; row < first + most; ++row) {
    for (const Part& part : parts_) total += bytes_at(*part.column, part.from[row]);
    if (total > kPortionBytes && row != first) return row;
  }
  return first + most;
}

}  // namespace streamrun
