// What writing and reading by time patterns share.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "runner/data/time_pattern.h"

namespace streamrun {

inline constexpr std::int32_t kModifiedJulianEpoch = 40587;  // of 1970-01-01

inline constexpr std::array<std::string_view, 12> kMonthNames = {"January",   "February", "March",    "April",
                                                                 "May",       "June",     "July",     "August",
                                                                 "September", "October",  "November", "December"};
inline constexpr std::array<std::string_view, 7> kDayNames = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                              "Friday", "Saturday", "Sunday"};
inline constexpr std::array<std::string_view, 4> kQuarterNames = {"1st quarter", "2nd quarter", "3rd quarter",
                                                                  "4th quarter"};

// Monday is 0.
inline std::int32_t day_of_week(std::int32_t days) {
  return ((days % 7) + 10) % 7;
}

inline std::int32_t first_of_year(std::int32_t year) {
  return days_from_civil({year, 1, 1});
}

}  // namespace streamrun
