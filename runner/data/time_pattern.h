// Spark's date and time patterns (java.time's without `w W Y e u c A n N B p`; expression-traps 12).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/result.h"

namespace streamrun {

// Compiled once, const afterwards.
class TimePattern {
 public:
  // An error names the letter and what stands for it.
  static Result<TimePattern> compile(std::string_view pattern);
  // An error where it holds letters that write only: names of days and quarters.
  Result<> check_parsing() const;

  void format(std::int64_t micros, std::string& out) const;
  // Strict, as Spark's: widths hold, the whole text is used, fields that are missing take their first value.
  bool parse(std::string_view text, std::int64_t& micros) const;

 private:
  struct Item {
    char letter = 0;  // 0: literal text
    int count = 0;
    std::string literal;
    bool optional_begin = false;
    bool optional_end = false;
  };
  std::vector<Item> items_;
  bool with_era_ = false;  // years count from 1 in their era; else those before the year 1 have signs
};

// Proleptic Gregorian calendar, days since 1970-01-01 (Howard Hinnant's algorithms, by way of `date`).
struct CivilDate {
  std::int32_t year = 1970;
  std::uint32_t month = 1;
  std::uint32_t day = 1;
};
CivilDate civil_from_days(std::int32_t days);
std::int32_t days_from_civil(CivilDate);

}  // namespace streamrun
