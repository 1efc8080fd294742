// Dates and timestamps: parts, differences, units.
#include <algorithm>
#include <cctype>
#include <cmath>

#include "runner/data/text_value.h"
#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"
#include "runner/expr/functions/time_math.h"

namespace streamrun {

namespace {

using Days = std::int32_t;
using Micros = std::int64_t;

// Monday is 0; 1970-01-01 was a Thursday.
std::int32_t weekday(Days d) {
  return static_cast<std::int32_t>(floor_remainder(std::int64_t{d} + 3, 7));
}

constexpr auto year_of = [](const Days& d) { return civil_from_days(d).year; };
constexpr auto month_of = [](const Days& d) { return static_cast<std::int32_t>(civil_from_days(d).month); };
constexpr auto quarter_of = [](const Days& d) { return static_cast<std::int32_t>((civil_from_days(d).month + 2) / 3); };
constexpr auto day_number = [](const Days& d) { return static_cast<std::int32_t>(civil_from_days(d).day); };
constexpr auto day_of_week = [](const Days& d) { return (weekday(d) + 1) % 7 + 1; };
constexpr auto weekday_of = [](const Days& d) { return weekday(d); };
constexpr auto day_of_year = [](const Days& d) {
  return plus_days(d, 1 - std::int64_t{days_from_civil({civil_from_days(d).year, 1, 1})});
};
// ISO 8601: the week of a date is that of its Thursday.
constexpr auto week_of_year = [](const Days& d) {
  const Days thursday = plus_days(d, 3 - weekday(d));
  return plus_days(thursday, -std::int64_t{days_from_civil({civil_from_days(thursday).year, 1, 1})}) / 7 + 1;
};
constexpr auto last_day = [](const Days& d) {
  const CivilDate c = civil_from_days(d);
  return plus_days(d, days_in_month(c.year, c.month) - static_cast<std::int64_t>(c.day));
};
constexpr auto hour_of = [](const Micros& t) { return floor_remainder(t, kDayMicros) / (3600 * kSecondMicros); };
constexpr auto minute_of = [](const Micros& t) {
  return floor_remainder(t, 3600 * kSecondMicros) / (60 * kSecondMicros);
};
constexpr auto second_of = [](const Micros& t) { return floor_remainder(t, 60 * kSecondMicros) / kSecondMicros; };
constexpr auto days_between = [](const Days& a, const Days& b) { return plus_days(a, -std::int64_t{b}); };
constexpr auto unix_millis = [](const Micros& t) { return floor_quotient(t, 1000); };
constexpr auto unix_micros = [](const Micros& t) { return t; };
template <std::int64_t unit>
constexpr auto timestamp_of = [](const std::int64_t& n, Micros& out) -> const char* {
  return __builtin_mul_overflow(n, unit, &out) ? kTimeOverflow : nullptr;
};

void batch_time(const KernelCall& call) {
  Micros* out = call.out.values<Micros>();
  call.selection.for_each([&](std::uint32_t row) { out[row] = call.context.batch.value * 1000; });
}
void batch_date(const KernelCall& call) {
  Days* out = call.out.values<Days>();
  call.selection.for_each([&](std::uint32_t row) { out[row] = day_of(call.context.batch.value * 1000); });
}

enum class Unit { none, microsecond, millisecond, second, minute, hour, day, week, month, quarter, year };
Unit unit_of(std::string_view text) {
  std::string name;
  for (const char c : text) name.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  if (name == "year" || name == "yyyy" || name == "yy") return Unit::year;
  if (name == "quarter") return Unit::quarter;
  if (name == "month" || name == "mon" || name == "mm") return Unit::month;
  if (name == "week") return Unit::week;
  if (name == "day" || name == "dd") return Unit::day;
  if (name == "hour") return Unit::hour;
  if (name == "minute") return Unit::minute;
  if (name == "second") return Unit::second;
  if (name == "millisecond") return Unit::millisecond;
  if (name == "microsecond") return Unit::microsecond;
  return Unit::none;
}
Days truncated_day(Days d, Unit unit) {
  CivilDate c = civil_from_days(d);
  switch (unit) {
    case Unit::year: return days_from_civil({c.year, 1, 1});
    case Unit::quarter: return days_from_civil({c.year, (c.month - 1) / 3 * 3 + 1, 1});
    case Unit::month: return days_from_civil({c.year, c.month, 1});
    case Unit::week: return d - weekday(d);
    default: return d;
  }
}
void date_trunc(const KernelCall& call) {
  Micros* out = call.out.values<Micros>();
  const bool fixed_unit = call.arguments[0]->constant();
  Unit unit = Unit::none;
  bool first = true;
  call.selection.for_each([&](std::uint32_t row) {
    if (first || !fixed_unit) unit = unit_of(text_at(call, 0, row));
    first = false;
    const Micros t = value_at<Micros>(call, 1, row);
    const auto down = [&](std::int64_t step) {
      Micros start = 0;
      if (__builtin_sub_overflow(t, floor_remainder(t, step), &start)) call.context.errors.add(row, kTimeOverflow);
      return start;
    };
    switch (unit) {
      case Unit::none:
        out[row] = 0;
        call.out.set_null(call.out.slot(row));
        break;
      case Unit::microsecond: out[row] = t; break;
      case Unit::millisecond: out[row] = down(1000); break;
      case Unit::second: out[row] = down(kSecondMicros); break;
      case Unit::minute: out[row] = down(60 * kSecondMicros); break;
      case Unit::hour: out[row] = down(3600 * kSecondMicros); break;
      default:
        if (__builtin_mul_overflow(Micros{truncated_day(day_of(t), unit)}, kDayMicros, &out[row])) {
          call.context.errors.add(row, kTimeOverflow);
        }
        break;
    }
  });
}
void trunc_date(const KernelCall& call) {
  Days* out = call.out.values<Days>();
  call.selection.for_each([&](std::uint32_t row) {
    const Unit unit = unit_of(text_at(call, 1, row));
    out[row] = truncated_day(value_at<Days>(call, 0, row), unit);
    if (unit < Unit::week) call.out.set_null(call.out.slot(row));
  });
}

// A constant that is no unit makes null, whatever the time is: a text that says none is not looked at.
TypeRule truncating(FixedRule rule, std::size_t unit, Unit least) {
  return [rule = fixed(std::move(rule)), unit, least](const CallTypes& call) -> Result<ResolvedCall> {
    Result<ResolvedCall> resolved = rule(call);
    if (!resolved || call.constants[unit] == nullptr || call.constants[unit]->is_null(0)) return resolved;
    std::string name;
    append_text(*call.constants[unit], 0, name);
    const Unit known = unit_of(name);
    if (known != Unit::none && known >= least) return resolved;
    const auto nothing = [](const KernelCall& k) {
      k.selection.for_each([&](std::uint32_t row) { k.out.set_null(k.out.slot(row)); });
    };
    return call_of({call.types.begin(), call.types.end()}, resolved->result, nothing, false, NullRule::kernel);
  };
}

void months_between(const KernelCall& call) {
  double* out = call.out.values<double>();
  call.selection.for_each([&](std::uint32_t row) {
    const Micros a = value_at<Micros>(call, 0, row), b = value_at<Micros>(call, 1, row);
    const bool round = call.arguments.size() < 3 || value_at<std::uint8_t>(call, 2, row) != 0;
    const CivilDate x = civil_from_days(day_of(a)), y = civil_from_days(day_of(b));
    const double months = (x.year - y.year) * 12.0 + static_cast<double>(x.month) - static_cast<double>(y.month);
    const bool ends = static_cast<std::int32_t>(x.day) == days_in_month(x.year, x.month) &&
                      static_cast<std::int32_t>(y.day) == days_in_month(y.year, y.month);
    out[row] = months;
    if (x.day == y.day || ends) return;
    const auto seconds = static_cast<double>(
        (static_cast<std::int64_t>(x.day) - static_cast<std::int64_t>(y.day)) * 86400 +
        floor_remainder(a, kDayMicros) / kSecondMicros - floor_remainder(b, kDayMicros) / kSecondMicros);
    out[row] = months + seconds / (31.0 * 86400.0);
    if (round) out[row] = std::round(out[row] * 1e8) / 1e8;
  });
}

void make_date(const KernelCall& call) {
  Days* out = call.out.values<Days>();
  call.selection.for_each([&](std::uint32_t row) {
    const std::int32_t y = value_at<std::int32_t>(call, 0, row), m = value_at<std::int32_t>(call, 1, row),
                       d = value_at<std::int32_t>(call, 2, row);
    out[row] = 0;
    if (y < -999'999'999 || y > 999'999'999 || m < 1 || m > 12 || d < 1 ||
        d > days_in_month(y, static_cast<std::uint32_t>(m)) || y < -5'000'000 || y > 5'000'000) {
      call.context.errors.add(
          row, "no date has year " + std::to_string(y) + ", month " + std::to_string(m) + ", day " + std::to_string(d));
      return;
    }
    out[row] = days_from_civil({y, static_cast<std::uint32_t>(m), static_cast<std::uint32_t>(d)});
  });
}

}  // namespace

std::vector<Function> time_functions() {
  FunctionList list("Time");
  const Type text = TypeKind::string, number = TypeKind::int32, big = TypeKind::int64, date = TypeKind::date,
             timestamp = TypeKind::timestamp;
  const auto part = [&](std::vector<std::string_view> names, std::string_view signature, std::string_view summary,
                        std::string_view example, Type from, CallKernel kernel) {
    const std::string name(names[0]);
    list.add(std::move(names), signature, summary, example, fixed({name, {from}, 1, number, kernel}));
  };
  list.add({"current_timestamp", "batch_time", "now"}, "current_timestamp -> timestamp", "the batch's time",
           "current_timestamp is not null",
           fixed({"current_timestamp", {}, 0, timestamp, batch_time, false, nullptr, true}))
      .bare = true;

  list.add({"current_date"}, "current_date -> date", "the day of the batch's time", "current_date is not null",
           fixed({"current_date", {}, 0, date, batch_date, false, nullptr, true}))
      .bare = true;

  list.add({"date_trunc"}, "date_trunc(unit, t) -> timestamp", "the start of the year, month, hour… of t",
           "date_trunc('month', timestamp'2024-02-29 12:00:00') = timestamp'2024-02-01 00:00:00'",
           truncating({"date_trunc", {text, timestamp}, 2, timestamp, date_trunc, true}, 0, Unit::none));
  list.add({"trunc"}, "trunc(d, unit) -> date", "the first day of the year, quarter, month or week",
           "trunc(date'2024-02-29', 'month') = date'2024-02-01'",
           truncating({"trunc", {date, text}, 2, date, trunc_date}, 1, Unit::week));
  part({"year"}, "year(d) -> int", "the year", "year(date'2024-02-29') = 2024", date,
       unary<std::int32_t, Days, year_of>);
  part({"quarter"}, "quarter(d) -> int", "the quarter, 1 to 4", "quarter(date'2024-02-29') = 1", date,
       unary<std::int32_t, Days, quarter_of>);
  part({"month"}, "month(d) -> int", "the month, 1 to 12", "month(date'2024-02-29') = 2", date,
       unary<std::int32_t, Days, month_of>);
  part({"day", "dayofmonth"}, "day(d) -> int", "the day of the month", "day(date'2024-02-29') = 29", date,
       unary<std::int32_t, Days, day_number>);
  part({"dayofweek"}, "dayofweek(d) -> int", "the day of the week, 1 is Sunday", "dayofweek(date'2024-02-29') = 5",
       date, unary<std::int32_t, Days, day_of_week>);
  part({"weekday"}, "weekday(d) -> int", "the day of the week, 0 is Monday", "weekday(date'2024-02-29') = 3", date,
       unary<std::int32_t, Days, weekday_of>);
  part({"dayofyear"}, "dayofyear(d) -> int", "the day of the year", "dayofyear(date'2024-02-29') = 60", date,
       unary<std::int32_t, Days, day_of_year>);
  part({"weekofyear"}, "weekofyear(d) -> int", "the week of the year, as ISO 8601 counts",
       "weekofyear(date'2024-02-29') = 9", date, unary<std::int32_t, Days, week_of_year>);
  part({"hour"}, "hour(t) -> int", "the hour", "hour(timestamp'2024-02-29 12:30:45') = 12", timestamp,
       unary<std::int32_t, Micros, hour_of>);
  part({"minute"}, "minute(t) -> int", "the minute", "minute(timestamp'2024-02-29 12:30:45') = 30", timestamp,
       unary<std::int32_t, Micros, minute_of>);
  part({"second"}, "second(t) -> int", "the second", "second(timestamp'2024-02-29 12:30:45') = 45", timestamp,
       unary<std::int32_t, Micros, second_of>);
  list.add({"last_day"}, "last_day(d) -> date", "the last day of its month",
           "last_day(date'2024-02-01') = date'2024-02-29'",
           fixed({"last_day", {date}, 1, date, unary<Days, Days, last_day>}));
  list.add({"date_add", "dateadd"}, "date_add(d, days) -> date", "the date some days later",
           "date_add(date'2024-02-28', 1) = date'2024-02-29'",
           fixed({"date_add", {date, number}, 2, date, add_days<1>, true}));
  list.add({"date_sub"}, "date_sub(d, days) -> date", "the date some days before",
           "date_sub(date'2024-03-01', 1) = date'2024-02-29'",
           fixed({"date_sub", {date, number}, 2, date, add_days<-1>, true}));
  list.add({"datediff", "date_diff"}, "datediff(end, start) -> int", "days from start to end",
           "datediff(date'2024-03-01', date'2024-02-28') = 2",
           fixed({"datediff", {date, date}, 2, number, binary<std::int32_t, Days, Days, days_between>}));
  list.add({"add_months"}, "add_months(d, months) -> date", "the date some months later, clamped to the month's end",
           "add_months(date'2024-01-31', 1) = date'2024-02-29'",
           fixed({"add_months", {date, number}, 2, date, add_months_to_date<1>, true}));
  list.add({"months_between"}, "months_between(a, b[, rounded]) -> double", "months from b to a",
           "months_between(date'2024-03-01', date'2024-01-01') = 2",
           fixed({"months_between", {timestamp, timestamp, TypeKind::boolean}, 2, TypeKind::float64, months_between}));
  list.add({"make_date"}, "make_date(year, month, day) -> date", "a date of its parts",
           "make_date(2024, 2, 29) = date'2024-02-29'",
           fixed({"make_date", {number, number, number}, 3, date, make_date, true}));
  list.add({"unix_seconds"}, "unix_seconds(t) -> bigint", "seconds since 1970",
           "unix_seconds(timestamp'1970-01-01 00:00:01') = 1",
           fixed({"unix_seconds",
                  {timestamp},
                  1,
                  big,
                  unary<std::int64_t, Micros, [](const Micros& t) { return floor_quotient(t, kSecondMicros); }>}));
  list.add({"unix_millis"}, "unix_millis(t) -> bigint", "milliseconds since 1970",
           "unix_millis(timestamp'1970-01-01 00:00:01') = 1000",
           fixed({"unix_millis", {timestamp}, 1, big, unary<std::int64_t, Micros, unix_millis>}));
  list.add({"unix_micros"}, "unix_micros(t) -> bigint", "microseconds since 1970",
           "unix_micros(timestamp'1970-01-01 00:00:01') = 1000000",
           fixed({"unix_micros", {timestamp}, 1, big, unary<std::int64_t, Micros, unix_micros>}));
  list.add({"timestamp_seconds"}, "timestamp_seconds(n) -> timestamp", "the moment n seconds after 1970",
           "timestamp_seconds(1) = timestamp'1970-01-01 00:00:01'",
           fixed({"timestamp_seconds",
                  {big},
                  1,
                  timestamp,
                  checked_unary<Micros, std::int64_t, timestamp_of<1'000'000>>,
                  true}));
  list.add(
      {"timestamp_millis"}, "timestamp_millis(n) -> timestamp", "the moment n milliseconds after 1970",
      "timestamp_millis(1000) = timestamp'1970-01-01 00:00:01'",
      fixed({"timestamp_millis", {big}, 1, timestamp, checked_unary<Micros, std::int64_t, timestamp_of<1000>>, true}));
  list.add(
      {"timestamp_micros"}, "timestamp_micros(n) -> timestamp", "the moment n microseconds after 1970",
      "timestamp_micros(1000000) = timestamp'1970-01-01 00:00:01'",
      fixed({"timestamp_micros", {big}, 1, timestamp, checked_unary<Micros, std::int64_t, timestamp_of<1>>, true}));
  return list.take();
}

}  // namespace streamrun
