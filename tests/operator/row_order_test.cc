#include "runner/operator/row_order.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "runner/data/value_builder.h"

namespace streamrun {
namespace {

constexpr std::uint32_t kRows = 3000;

// Short texts of few bytes, 0 and 1 among them, so that many are equal or begin with each other.
ColumnPtr texts(std::mt19937& random) {
  ValueBuilder values{Type(TypeKind::string)};
  for (std::uint32_t i = 0; i < kRows; ++i) {
    if (random() % 10 == 0) {
      values.append_null();
      continue;
    }
    std::string text(random() % 3 == 0 ? random() % 20 : random() % 3, '\0');
    for (char& c : text) c = static_cast<char>("\x00\x01\x02\xff"[random() % 4]);
    values.append_string(text);
  }
  return values.finish();
}

template <class T>
ColumnPtr numbers(TypeKind kind, std::mt19937& random) {
  const MutableColumn values = Column::make(kind, kRows);
  for (std::uint32_t i = 0; i < kRows; ++i) {
    values->values<T>()[i] = static_cast<T>(static_cast<int>(random() % 7) - 3);
    if (random() % 10 == 0) values->set_null(i);
  }
  return values;
}

TEST_CASE("rows are sorted as their keys compare, whatever of them the prefix holds") {
  std::mt19937 random(1);
  const std::vector<ColumnPtr> columns{texts(random), numbers<std::int64_t>(TypeKind::int64, random), texts(random),
                                       numbers<double>(TypeKind::float64, random)};
  for (int round = 0; round < 40; ++round) {
    std::vector<ColumnPtr> keys;
    std::vector<Direction> directions;
    for (std::size_t i = 0; i < 1 + random() % 3; ++i) {
      keys.push_back(columns[random() % columns.size()]);
      directions.push_back({random() % 2 == 0, random() % 2 == 0});
    }
    const RowOrder order(directions);
    std::vector<std::uint32_t> expected(kRows);
    std::iota(expected.begin(), expected.end(), 0);
    std::ranges::stable_sort(
        expected, [&](std::uint32_t a, std::uint32_t b) { return order.compare(keys, a, keys, b, keys.size()) < 0; });
    std::vector<std::uint32_t> got;
    for (const OrderedRow& row : sorted_rows(order, keys, kRows)) got.push_back(row.row);
    CHECK(got == expected);
  }
}

}  // namespace
}  // namespace streamrun
