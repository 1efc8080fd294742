// The rows of a batch that count, in order.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace streamrun {

class Selection {
 public:
  Selection() = default;
  static Selection all(std::uint32_t rows) {
    Selection s;
    s.count_ = rows;
    return s;
  }
  // Ascending row numbers.
  static Selection of(std::vector<std::uint32_t> rows) {
    Selection s;
    s.dense_ = false;
    s.count_ = static_cast<std::uint32_t>(rows.size());
    s.rows_ = std::move(rows);
    return s;
  }

  std::uint32_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  // All rows from 0 to count.
  bool dense() const { return dense_; }
  // Only where not dense.
  std::span<const std::uint32_t> rows() const { return rows_; }
  std::uint32_t operator[](std::uint32_t i) const { return dense_ ? i : rows_[i]; }

  // f(row) for each; the two loops are what lets the dense one vectorise.
  template <class F>
  void for_each(F&& f) const {
    if (dense_) {
      for (std::uint32_t i = 0; i < count_; ++i) f(i);
    } else {
      for (const std::uint32_t row : rows_) f(row);
    }
  }

 private:
  bool dense_ = true;
  std::uint32_t count_ = 0;
  std::vector<std::uint32_t> rows_;
};

// `selection` without `rows`, which are ascending.
Selection without(const Selection& selection, std::span<const std::uint32_t> rows);

}  // namespace streamrun
