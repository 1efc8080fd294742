#include "runner/operator/row_order.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <type_traits>

namespace streamrun {
namespace {

constexpr std::uint64_t kSign = std::uint64_t{1} << 63;

// In the order of the values; equal for some that differ.
template <class T>
std::uint64_t ordered_bits(const T& value) {
  if constexpr (std::is_same_v<T, StringRef>) {
    std::uint64_t bits = 0;
    for (std::uint32_t i = 0; i < 8; ++i) {
      const auto byte = i < value.size() ? static_cast<unsigned char>(value.data()[i]) : 0U;
      bits = bits << 8 | byte;
    }
    return bits;
  } else if constexpr (std::is_floating_point_v<T>) {
    const double wide = std::isnan(value) ? std::abs(static_cast<double>(value)) : static_cast<double>(value) + 0.0;
    const auto bits = std::bit_cast<std::uint64_t>(wide);
    return (bits & kSign) != 0 ? ~bits : bits | kSign;
  } else if constexpr (std::is_same_v<T, Int128>) {
    return static_cast<std::uint64_t>(static_cast<UInt128>(value) >> 64) ^ kSign;
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(value)) ^ kSign;
  } else {
    return 0;
  }
}

}  // namespace

RowOrder::Prefix RowOrder::prefix(std::span<const ColumnPtr> keys, std::uint32_t row) const {
  if (keys.empty()) return 0;
  const Column& key = *keys[0];
  if (key.is_null(row)) return directions_[0].nulls_last ? ~std::uint64_t{0} : 0;
  const std::uint64_t bits = with_storage(key.type().kind(), [&]<class T>() -> std::uint64_t {
    if constexpr (std::is_void_v<T>) {
      return 0;
    } else {
      return ordered_bits(key.value<T>(row));
    }
  });
  // Between the nulls.
  const std::uint64_t within = (directions_[0].descending ? ~bits : bits) >> 1;
  return directions_[0].nulls_last ? within : within | kSign;
}

int RowOrder::compare(std::span<const ColumnPtr> a, std::uint32_t row_a, std::span<const ColumnPtr> b,
                      std::uint32_t row_b, std::size_t count) const {
  for (std::size_t i = 0; i < count; ++i) {
    const bool null_a = a[i]->is_null(row_a);
    const bool null_b = b[i]->is_null(row_b);
    if (null_a && null_b) continue;
    if (null_a || null_b) return null_a == directions_[i].nulls_last ? 1 : -1;
    const int one = compare_values(*a[i], row_a, *b[i], row_b);
    if (one != 0) return directions_[i].descending ? -one : one;
  }
  return 0;
}

std::vector<OrderedRow> sorted_rows(const RowOrder& order, std::span<const ColumnPtr> keys, std::uint32_t count) {
  std::vector<OrderedRow> rows(count);
  for (std::uint32_t row = 0; row < count; ++row) rows[row] = {order.prefix(keys, row), row};
  if (order.keys() == 0) return rows;
  std::sort(rows.begin(), rows.end(), [&](const OrderedRow& a, const OrderedRow& b) {
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    const int compared = order.compare(keys, a.row, keys, b.row, order.keys());
    return compared != 0 ? compared < 0 : a.row < b.row;
  });
  return rows;
}

}  // namespace streamrun
