// Kernels of dates, timestamps and intervals that operators and functions share.
#pragma once

#include <cmath>
#include <limits>

#include "runner/data/time_pattern.h"
#include "runner/expr/kernels.h"

namespace streamrun {

constexpr std::int64_t kDayMicros = 86'400'000'000;
constexpr std::int64_t kSecondMicros = 1'000'000;
constexpr const char* kTimeOverflow = "date or time out of range";

inline std::int64_t floor_quotient(std::int64_t a, std::int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}
inline std::int64_t floor_remainder(std::int64_t a, std::int64_t b) {
  return a % b < 0 ? a % b + b : a % b;
}
// The day of a moment.
inline std::int32_t day_of(std::int64_t micros) {
  return static_cast<std::int32_t>(floor_quotient(micros, kDayMicros));
}
inline std::int32_t days_in_month(std::int32_t year, std::uint32_t month) {
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  if (month == 2) return leap ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

// Clamps to the end of the month. False past the days that there are.
inline bool plus_months(std::int32_t days, std::int64_t months, std::int32_t& out) {
  CivilDate date = civil_from_days(days);
  const std::int64_t month = std::int64_t{date.year} * 12 + date.month - 1 + months;
  constexpr std::int64_t kLastYear = 5'881'580;
  const std::int64_t year = floor_quotient(month, 12);
  if (year >= kLastYear || year <= -5'877'641) return false;
  date.year = static_cast<std::int32_t>(year);
  date.month = static_cast<std::uint32_t>(floor_remainder(month, 12)) + 1;
  const auto last = static_cast<std::uint32_t>(days_in_month(date.year, date.month));
  if (date.day > last) date.day = last;
  out = days_from_civil(date);
  return true;
}

// Wraps around at the ends of the range, as Spark's days do.
inline std::int32_t plus_days(std::int32_t days, std::int64_t by) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(days) + static_cast<std::uint32_t>(by));
}

namespace time_math {
inline const char* shift_days(std::int32_t days, std::int64_t by, std::int32_t& out) {
  out = plus_days(days, by);
  return nullptr;
}
inline const char* shift_date(std::int32_t days, std::int64_t months, std::int32_t& out) {
  return plus_months(days, months, out) ? nullptr : kTimeOverflow;
}
inline const char* shift_timestamp(std::int64_t micros, std::int64_t months, std::int64_t& out) {
  std::int32_t day = 0;
  const bool good = plus_months(day_of(micros), months, day) &&
                    !__builtin_mul_overflow(std::int64_t{day}, kDayMicros, &out) &&
                    !__builtin_add_overflow(out, floor_remainder(micros, kDayMicros), &out);
  return good ? nullptr : kTimeOverflow;
}
template <class T>
const char* rounded(double value, T& out) {
  const double whole = std::round(value);
  const double limit = std::ldexp(1.0, std::numeric_limits<T>::digits);
  if (!(whole >= -limit && whole < limit)) return kTimeOverflow;
  out = static_cast<T>(whole);
  return nullptr;
}
template <int sign>
constexpr auto date_days = [](const std::int32_t& d, const std::int32_t& n, std::int32_t& out) -> const char* {
  return shift_days(d, std::int64_t{sign} * n, out);
};
constexpr auto days_date = [](const std::int32_t& n, const std::int32_t& d, std::int32_t& out) -> const char* {
  return shift_days(d, n, out);
};
template <int sign>
constexpr auto date_interval = [](const std::int32_t& d, const std::int64_t& n, std::int32_t& out) -> const char* {
  return shift_days(d, sign * (n / kDayMicros), out);
};
constexpr auto interval_date = [](const std::int64_t& n, const std::int32_t& d, std::int32_t& out) -> const char* {
  return shift_days(d, n / kDayMicros, out);
};
template <int sign>
constexpr auto date_months = [](const std::int32_t& d, const std::int32_t& n, std::int32_t& out) -> const char* {
  return shift_date(d, std::int64_t{sign} * n, out);
};
constexpr auto months_date = [](const std::int32_t& n, const std::int32_t& d, std::int32_t& out) -> const char* {
  return shift_date(d, n, out);
};
template <int sign>
constexpr auto timestamp_months = [](const std::int64_t& t, const std::int32_t& n, std::int64_t& out) -> const char* {
  return shift_timestamp(t, std::int64_t{sign} * n, out);
};
constexpr auto months_timestamp = [](const std::int32_t& n, const std::int64_t& t, std::int64_t& out) -> const char* {
  return shift_timestamp(t, n, out);
};
constexpr auto between_dates = [](const std::int32_t& a, const std::int32_t& b, std::int64_t& out) -> const char* {
  return __builtin_mul_overflow(std::int64_t{a} - b, kDayMicros, &out) ? kTimeOverflow : nullptr;
};
template <class T, bool divide>
constexpr auto scale_interval = [](const T& a, const double& b, T& out) -> const char* {
  if (divide && b == 0) return "division by zero";
  return rounded(divide ? static_cast<double>(a) / b : static_cast<double>(a) * b, out);
};
}  // namespace time_math

template <int sign>
constexpr CallKernel add_days = checked_binary<std::int32_t, std::int32_t, std::int32_t, time_math::date_days<sign>>;
constexpr CallKernel days_plus_date = checked_binary<std::int32_t, std::int32_t, std::int32_t, time_math::days_date>;
template <int sign>
constexpr CallKernel add_interval_to_date =
    checked_binary<std::int32_t, std::int32_t, std::int64_t, time_math::date_interval<sign>>;
constexpr CallKernel interval_plus_date =
    checked_binary<std::int32_t, std::int64_t, std::int32_t, time_math::interval_date>;
template <int sign>
constexpr CallKernel add_months_to_date =
    checked_binary<std::int32_t, std::int32_t, std::int32_t, time_math::date_months<sign>>;
constexpr CallKernel months_plus_date =
    checked_binary<std::int32_t, std::int32_t, std::int32_t, time_math::months_date>;
template <int sign>
constexpr CallKernel add_months_to_timestamp =
    checked_binary<std::int64_t, std::int64_t, std::int32_t, time_math::timestamp_months<sign>>;
constexpr CallKernel months_plus_timestamp =
    checked_binary<std::int64_t, std::int32_t, std::int64_t, time_math::months_timestamp>;
constexpr CallKernel date_minus_date =
    checked_binary<std::int64_t, std::int32_t, std::int32_t, time_math::between_dates>;
constexpr CallKernel scale_day_interval =
    checked_binary<std::int64_t, std::int64_t, double, time_math::scale_interval<std::int64_t, false>>;
constexpr CallKernel scale_month_interval =
    checked_binary<std::int32_t, std::int32_t, double, time_math::scale_interval<std::int32_t, false>>;
constexpr CallKernel divide_day_interval =
    checked_binary<std::int64_t, std::int64_t, double, time_math::scale_interval<std::int64_t, true>>;
constexpr CallKernel divide_month_interval =
    checked_binary<std::int32_t, std::int32_t, double, time_math::scale_interval<std::int32_t, true>>;

}  // namespace streamrun
