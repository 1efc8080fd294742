// Rows that a step makes of fewer ones, in portions: what they repeat takes no memory here, but it does wherever they
// are written or computed with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runner/data/column.h"
#include "runner/data/selection.h"

namespace streamrun {

// A portion is no larger than that, unless it is a single row.
constexpr std::uint32_t kPortionRows = 65536;
constexpr std::size_t kPortionBytes = std::size_t{16} << 20;

// The largest of the selected values, in bytes; 0 where the column has all of them in itself.
std::size_t largest_value(const Column& column, const Selection& selection);

class Portions {
 public:
  explicit Portions(std::uint32_t rows) : rows_(rows) {}

  // Row i has the value of row from[i] of the column, kMissingRow being none. Both are to outlive this.
  void repeat(const Column& column, std::span<const std::uint32_t> from);

  // f(first, count), in order.
  template <class F>
  void for_each(F&& f) const {
    for (std::uint32_t first = 0; first < rows_;) {
      const std::uint32_t end = end_of(first);
      f(first, end - first);
      first = end;
    }
  }

 private:
  struct Part {
    const Column* column;
    std::span<const std::uint32_t> from;
  };
  std::uint32_t end_of(std::uint32_t first) const;

  std::uint32_t rows_;
  std::size_t bytes_ = 0;    // of all rows; above kPortionBytes it only says that there are more
  std::vector<Part> parts_;  // whose values differ in size
};

}  // namespace streamrun
