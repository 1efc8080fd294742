// A column of a simple type that is filled with texts, as of CSV fields and groups of a pattern.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "runner/data/cell.h"
#include "runner/data/column.h"
#include "runner/data/text_scan.h"
#include "runner/data/text_value.h"

namespace streamrun {

// Plain forms at once, all others as Spark's cast does. These look up to kPadding bytes behind the text.
template <class Int>
bool read_integer_cell(std::string_view text, Int& out) {
  if (!text.empty()) {
    const bool negative = text.front() == '-';
    const std::size_t sign = negative ? 1 : 0;
    std::uint64_t value = 0;
    const unsigned digits = text.size() - sign < 18 ? read_digits(text.data() + sign, value) : 0;
    // What stands behind the text may be a digit too; then there are too many.
    if (digits != 0 && digits + sign == text.size() && (sizeof(Int) == 8 || value <= 0x7FFF'FFFFU)) {
      out = static_cast<Int>(negative ? -static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value));
      return true;
    }
  }
  if constexpr (sizeof(Int) == 8) {
    return parse_bigint(text, out);
  } else {
    return parse_int(text, out);
  }
}

inline bool read_double_cell(std::string_view text, double& out) {
  constexpr double kTens[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
  constexpr std::uint64_t kShift[] = {1, 10, 100, 1000, 10'000, 100'000, 1'000'000};
  if (!text.empty() && text.size() < 16) {
    const bool negative = text.front() == '-';
    const std::size_t sign = negative ? 1 : 0;
    std::uint64_t value = 0;
    std::size_t used = read_digits(text.data() + sign, value) + sign;
    unsigned places = 0;
    bool good = used > sign && used < 11;
    if (good && used < text.size() && text[used] == '.') {
      std::uint64_t fraction = 0;
      places = read_digits(text.data() + used + 1, fraction);
      used += places + 1;
      good = places > 0 && places < 7;
      if (good) value = value * kShift[places] + fraction;
    }
    if (good && used == text.size() && value <= std::uint64_t{1} << 53) {
      const double size = static_cast<double>(value) / kTens[places];
      out = negative ? -size : size;
      return true;
    }
  }
  return parse_double(text, out);
}

// One thread.
class CellColumn {
 public:
  // `index`: of the field among those of the schema.
  CellColumn(const Field& field, std::uint32_t index, std::uint32_t rows)
      : field_(&field),
        index_(index),
        column_(Column::make(field.type, rows)),
        arena_(std::make_shared<StringArena>()),
        values_(column_->values<std::byte>()),
        width_(storage_size(field.type.kind())) {}

  std::uint32_t index() const { return index_; }

  void set_null(std::uint32_t row) {
    column_->set_null(row);
    // A string that is null must not dangle either.
    std::memset(values_ + row * width_, 0, width_);
  }

  // `stays`: what finish() keeps holds the text. False: it is none of the column's type, and the fault says so.
  bool set(std::uint32_t row, std::string_view text, bool stays, const CompiledTime& time, std::string& fault) {
    std::byte* const out = values_ + row * width_;
    bool good = false;
    switch (field_->type.kind()) {
      case TypeKind::int64: good = read_integer_cell(text, *reinterpret_cast<std::int64_t*>(out)); break;
      case TypeKind::int32: good = read_integer_cell(text, *reinterpret_cast<std::int32_t*>(out)); break;
      case TypeKind::float64: good = read_double_cell(text, *reinterpret_cast<double*>(out)); break;
      case TypeKind::string:
        if (stays) {
          *reinterpret_cast<StringRef*>(out) = string_ref(text.data(), static_cast<std::uint32_t>(text.size()));
          return true;
        }
        [[fallthrough]];
      default: good = parse_cell(field_->type, text, time, *arena_, out); break;
    }
    if (good) [[likely]]
      return true;
    fault = fmt::format("column '{}': '{}' is no {}", field_->name, excerpt(text), field_->type.name());
    return false;
  }

  MutableColumn finish(const std::shared_ptr<const void>& keep) {
    if (keep) column_->keep(keep);
    if (arena_->bytes() != 0) column_->keep(arena_);
    return std::move(column_);
  }

 private:
  const Field* field_;
  std::uint32_t index_;
  MutableColumn column_;
  std::shared_ptr<StringArena> arena_;
  std::byte* values_;
  std::size_t width_;
};

}  // namespace streamrun
