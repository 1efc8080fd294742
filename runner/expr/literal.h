// Literals of the grammar as constants.
#pragma once

#include <string>
#include <string_view>

#include "runner/base/result.h"
#include "runner/data/column.h"

namespace streamrun {

ColumnPtr string_constant(std::string_view text);
ColumnPtr int_constant(std::int32_t value);
ColumnPtr bigint_constant(std::int64_t value);
ColumnPtr boolean_constant(bool value);
// A number as it is written, sign and suffix included: `-1`, `1.5`, `1e3`, `2L`, `1.5BD`.
Result<ColumnPtr> number_constant(std::string_view text);
// date'…', timestamp'…', x'…'.
Result<ColumnPtr> date_constant(std::string_view text);
Result<ColumnPtr> timestamp_constant(std::string_view text);
Result<ColumnPtr> binary_constant(std::string_view text);

// Adds up `interval 1 day 2 hours`; units of months and units of days do not mix.
class IntervalBuilder {
 public:
  // An Error where unit or amount are none.
  Result<bool> add(std::string_view amount, std::string_view unit);
  // `interval '1-2' year to month`, `'1 02:03:04.5' day to second`…
  Result<bool> add_range(std::string_view text, std::string_view from, std::string_view to);
  // `interval '1 day 2 hours'`.
  Result<bool> add_text(std::string_view text);
  Result<ColumnPtr> finish() const;

 private:
  void include(IntervalUnit unit);

  // The units that were named, and those between them, are the fields of the type.
  IntervalUnit first_ = IntervalUnit::second;
  IntervalUnit last_ = IntervalUnit::year;
  bool any_months_ = false;
  bool any_time_ = false;
  std::int64_t months_ = 0;
  Int128 micros_ = 0;
};

}  // namespace streamrun
