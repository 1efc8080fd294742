// Dates and timestamps.
#include <algorithm>
#include <cctype>

#include "runner/data/text_value.h"
#include "runner/expr/cast.h"
#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"
#include "runner/expr/functions/time_math.h"

namespace streamrun {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
using Days = std::int32_t;
using Micros = std::int64_t;

Days day_of(Micros t) {
  return static_cast<Days>(floor_quotient(t, kDayMicros));
}
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
constexpr auto day_of_year = [](const Days& d) { return d - days_from_civil({civil_from_days(d).year, 1, 1}) + 1; };
// ISO 8601: the week of a date is that of its Thursday.
constexpr auto week_of_year = [](const Days& d) {
  const Days thursday = d - weekday(d) + 3;
  return (thursday - days_from_civil({civil_from_days(thursday).year, 1, 1})) / 7 + 1;
};
constexpr auto last_day = [](const Days& d) {
  const CivilDate c = civil_from_days(d);
  return d + days_in_month(c.year, c.month) - static_cast<Days>(c.day);
};
constexpr auto hour_of = [](const Micros& t) { return floor_remainder(t, kDayMicros) / (3600 * kSecond); };
constexpr auto minute_of = [](const Micros& t) { return floor_remainder(t, 3600 * kSecond) / (60 * kSecond); };
constexpr auto second_of = [](const Micros& t) { return floor_remainder(t, 60 * kSecond) / kSecond; };
constexpr auto days_between = [](const Days& a, const Days& b) { return a - b; };
constexpr auto unix_seconds = [](const Micros& t) { return t / kSecond; };  // towards zero, as Spark
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

// The pattern of a call is its argument 1.
Result<std::shared_ptr<const void>> prepare_pattern(std::span<const ColumnPtr> constants) {
  if (constants.size() < 2 || constants[1] == nullptr || constants[1]->is_null(0)) return std::shared_ptr<const void>();
  Result<TimePattern> pattern = TimePattern::compile(constants[1]->value<StringRef>(0).view());
  if (!pattern) return pass_on(pattern);
  return std::shared_ptr<const void>(std::make_shared<TimePattern>(*std::move(pattern)));
}

class TimePatterns {
 public:
  explicit TimePatterns(const KernelCall& call) : call_(call), fixed_(static_cast<const TimePattern*>(call.prepared)) {}
  // Null after an error of the row.
  const TimePattern* at(std::uint32_t row) {
    if (fixed_ != nullptr) return fixed_;
    const std::string_view text =
        call_.arguments.size() > 1 ? text_at(call_, 1, row) : std::string_view("yyyy-MM-dd HH:mm:ss");
    if (!made_ || text != text_) {
      Result<TimePattern> pattern = TimePattern::compile(text);
      if (!pattern) {
        call_.context.errors.add(row, pattern.error().message);
        return nullptr;
      }
      text_ = text;
      made_ = std::make_shared<TimePattern>(*std::move(pattern));
    }
    return made_.get();
  }

 private:
  const KernelCall& call_;
  const TimePattern* fixed_;
  std::shared_ptr<const TimePattern> made_;
  std::string text_;
};

enum class Parsed { date, timestamp, seconds };
template <Parsed kind, bool try_parse>
void parse(const KernelCall& call) {
  TimePatterns patterns(call);
  call.selection.for_each([&](std::uint32_t row) {
    const TimePattern* pattern = patterns.at(row);
    if (pattern == nullptr) return;
    Micros micros = 0;
    const std::string_view text = text_at(call, 0, row);
    if (!pattern->parse(text, micros)) {
      if (try_parse) {
        call.out.set_null(call.out.slot(row));
      } else {
        std::string message = "'" + std::string(text) + "' does not match the pattern '";
        message += call.arguments.size() > 1 ? text_at(call, 1, row) : std::string_view("yyyy-MM-dd HH:mm:ss");
        call.context.errors.add(row, message + "'");
      }
      return;
    }
    if constexpr (kind == Parsed::date) {
      call.out.values<Days>()[row] = day_of(micros);
    } else {
      call.out.values<Micros>()[row] = kind == Parsed::seconds ? micros / kSecond : micros;
    }
  });
}

template <std::int64_t unit>
void format(const KernelCall& call) {
  StringWriter writer(call);
  TimePatterns patterns(call);
  std::string text;
  call.selection.for_each([&](std::uint32_t row) {
    text.clear();
    Micros micros = 0;
    if (__builtin_mul_overflow(value_at<std::int64_t>(call, 0, row), unit, &micros)) {
      call.context.errors.add(row, kTimeOverflow);
    } else if (const TimePattern* pattern = patterns.at(row)) {
      pattern->format(micros, text);
    }
    writer.set(row, text);
  });
}

// to_date, to_timestamp and unix_timestamp: of a text by a pattern, of anything else a cast.
template <Parsed kind, bool try_parse>
TypeRule parsing(std::string_view name) {
  return [name](const CallTypes& call) -> Result<ResolvedCall> {
    const Result<> count = check_count(name, call, 1, 2);
    if (!count) return pass_on(count);
    const Type result = kind == Parsed::date      ? TypeKind::date
                        : kind == Parsed::seconds ? TypeKind::int64
                                                  : TypeKind::timestamp;
    const Type& type = call.types[0];
    const bool text = type.kind() == TypeKind::string;
    const bool time = type.kind() == TypeKind::date || type.kind() == TypeKind::timestamp || is_null_type(type);
    if (!text && !time && !(kind == Parsed::timestamp && type.is_numeric())) {
      return failure(wrong_type(name, 0, type, "string, date or timestamp"));
    }
    if (call.types.size() == 2 && !coercible(call.types[1], TypeKind::string)) {
      return failure(wrong_type(name, 1, call.types[1], "string"));
    }
    if (kind == Parsed::seconds && !text) {
      std::vector<Type> arguments{TypeKind::timestamp};
      if (call.types.size() == 2) arguments.emplace_back(TypeKind::string);
      return call_of(std::move(arguments), result, unary<std::int64_t, Micros, unix_seconds>);
    }
    if (text && (call.types.size() == 2 || kind == Parsed::seconds)) {
      std::vector<Type> arguments(call.types.size(), TypeKind::string);
      ResolvedCall resolved = call_of(std::move(arguments), result, parse<kind, try_parse>, true);
      resolved.prepare = prepare_pattern;
      return resolved;
    }
    Result<ResolvedCall> cast = resolve_cast(type, result, try_parse);
    if (cast && call.types.size() == 2) cast->arguments.emplace_back(TypeKind::string);
    return cast;
  };
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
    const auto down = [&](std::int64_t step) { return t - floor_remainder(t, step); };
    switch (unit) {
      case Unit::none:
        out[row] = 0;
        call.out.set_null(call.out.slot(row));
        break;
      case Unit::microsecond: out[row] = t; break;
      case Unit::millisecond: out[row] = down(1000); break;
      case Unit::second: out[row] = down(kSecond); break;
      case Unit::minute: out[row] = down(60 * kSecond); break;
      case Unit::hour: out[row] = down(3600 * kSecond); break;
      default: out[row] = truncated_day(day_of(t), unit) * kDayMicros; break;
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
    const auto seconds =
        static_cast<double>((static_cast<std::int64_t>(x.day) - static_cast<std::int64_t>(y.day)) * 86400 +
                            floor_remainder(a, kDayMicros) / kSecond - floor_remainder(b, kDayMicros) / kSecond);
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
  std::vector<Function> list;
  const Type text = TypeKind::string, number = TypeKind::int32, big = TypeKind::int64, date = TypeKind::date,
             timestamp = TypeKind::timestamp;
  const auto add = [&](std::vector<std::string_view> names, std::string_view signature, std::string_view summary,
                       std::string_view example, TypeRule rule) {
    list.push_back({std::move(names), "Time", signature, summary, example, FunctionKind::scalar, std::move(rule)});
  };
  const auto part = [&](std::vector<std::string_view> names, std::string_view signature, std::string_view summary,
                        std::string_view example, Type from, Kernel kernel) {
    const std::string name(names[0]);
    add(std::move(names), signature, summary, example, fixed({name, {from}, 1, number, kernel}));
  };
  add({"current_timestamp", "batch_time", "now"}, "current_timestamp -> timestamp", "the batch's time",
      "current_timestamp is not null", fixed({"current_timestamp", {}, 0, timestamp, batch_time}));
  add({"current_date"}, "current_date -> date", "the day of the batch's time", "current_date is not null",
      fixed({"current_date", {}, 0, date, batch_date}));
  add({"to_date"}, "to_date(x[, pattern]) -> date", "the date that a text says",
      "to_date('2024-02-29') = date'2024-02-29'", parsing<Parsed::date, false>("to_date"));
  add({"try_to_date"}, "try_to_date(x[, pattern]) -> date", "as to_date, null where there is none",
      "try_to_date('x') is null", parsing<Parsed::date, true>("try_to_date"));
  add({"to_timestamp"}, "to_timestamp(x[, pattern]) -> timestamp", "the moment that a text says",
      "to_timestamp('2024-02-29 12:00:00') = timestamp'2024-02-29 12:00:00'",
      parsing<Parsed::timestamp, false>("to_timestamp"));
  add({"try_to_timestamp"}, "try_to_timestamp(x[, pattern]) -> timestamp", "as to_timestamp, null where there is none",
      "try_to_timestamp('x') is null", parsing<Parsed::timestamp, true>("try_to_timestamp"));
  add({"unix_timestamp", "to_unix_timestamp"}, "unix_timestamp(x[, pattern]) -> bigint",
      "seconds since 1970, cut towards zero", "unix_timestamp(timestamp'1970-01-01 00:01:00') = 60",
      [rule = parsing<Parsed::seconds, false>("unix_timestamp")](const CallTypes& call) -> Result<ResolvedCall> {
        if (call.types.empty())
          return call_of({}, TypeKind::int64, [](const KernelCall& k) {
            k.selection.for_each(
                [&](std::uint32_t row) { k.out.values<std::int64_t>()[row] = k.context.batch.value / 1000; });
          });
        return rule(call);
      });
  const FixedRule by_pattern{"date_format", {timestamp, text}, 2, text, format<1>, true, prepare_pattern};
  add({"date_format"}, "date_format(t, pattern) -> string", "as text, by a pattern",
      "date_format(date'2024-02-29', 'dd.MM.yyyy') = '29.02.2024'", fixed(by_pattern));
  add({"from_unixtime"}, "from_unixtime(seconds[, pattern]) -> string", "seconds since 1970 as text",
      "from_unixtime(0) = '1970-01-01 00:00:00'", [](const CallTypes& call) -> Result<ResolvedCall> {
        std::vector<Type> types(call.types.begin(), call.types.end());
        if (!types.empty() && types[0].is_numeric()) types[0] = TypeKind::int64;
        return fixed({"from_unixtime",
                      {TypeKind::int64, TypeKind::string},
                      1,
                      TypeKind::string,
                      format<kSecond>,
                      true,
                      prepare_pattern})({types, call.constants});
      });
  add({"date_trunc"}, "date_trunc(unit, t) -> timestamp", "the start of the year, month, hour… of t",
      "date_trunc('month', timestamp'2024-02-29 12:00:00') = timestamp'2024-02-01 00:00:00'",
      fixed({"date_trunc", {text, timestamp}, 2, timestamp, date_trunc}));
  add({"trunc"}, "trunc(d, unit) -> date", "the first day of the year, quarter, month or week",
      "trunc(date'2024-02-29', 'month') = date'2024-02-01'", fixed({"trunc", {date, text}, 2, date, trunc_date}));
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
  add({"last_day"}, "last_day(d) -> date", "the last day of its month", "last_day(date'2024-02-01') = date'2024-02-29'",
      fixed({"last_day", {date}, 1, date, unary<Days, Days, last_day>}));
  add({"date_add", "dateadd"}, "date_add(d, days) -> date", "the date some days later",
      "date_add(date'2024-02-28', 1) = date'2024-02-29'",
      fixed({"date_add", {date, number}, 2, date, add_days<1>, true}));
  add({"date_sub"}, "date_sub(d, days) -> date", "the date some days before",
      "date_sub(date'2024-03-01', 1) = date'2024-02-29'",
      fixed({"date_sub", {date, number}, 2, date, add_days<-1>, true}));
  add({"datediff", "date_diff"}, "datediff(end, start) -> int", "days from start to end",
      "datediff(date'2024-03-01', date'2024-02-28') = 2",
      fixed({"datediff", {date, date}, 2, number, binary<std::int32_t, Days, Days, days_between>}));
  add({"add_months"}, "add_months(d, months) -> date", "the date some months later, clamped to the month's end",
      "add_months(date'2024-01-31', 1) = date'2024-02-29'",
      fixed({"add_months", {date, number}, 2, date, add_months_to_date<1>}));
  add({"months_between"}, "months_between(a, b[, rounded]) -> double", "months from b to a",
      "months_between(date'2024-03-01', date'2024-01-01') = 2",
      fixed({"months_between", {timestamp, timestamp, TypeKind::boolean}, 2, TypeKind::float64, months_between}));
  add({"make_date"}, "make_date(year, month, day) -> date", "a date of its parts",
      "make_date(2024, 2, 29) = date'2024-02-29'",
      fixed({"make_date", {number, number, number}, 3, date, make_date, true}));
  add({"unix_seconds"}, "unix_seconds(t) -> bigint", "seconds since 1970",
      "unix_seconds(timestamp'1970-01-01 00:00:01') = 1",
      fixed({"unix_seconds",
             {timestamp},
             1,
             big,
             unary<std::int64_t, Micros, [](const Micros& t) { return floor_quotient(t, kSecond); }>}));
  add({"unix_millis"}, "unix_millis(t) -> bigint", "milliseconds since 1970",
      "unix_millis(timestamp'1970-01-01 00:00:01') = 1000",
      fixed({"unix_millis", {timestamp}, 1, big, unary<std::int64_t, Micros, unix_millis>}));
  add({"unix_micros"}, "unix_micros(t) -> bigint", "microseconds since 1970",
      "unix_micros(timestamp'1970-01-01 00:00:01') = 1000000",
      fixed({"unix_micros", {timestamp}, 1, big, unary<std::int64_t, Micros, unix_micros>}));
  add({"timestamp_seconds"}, "timestamp_seconds(n) -> timestamp", "the moment n seconds after 1970",
      "timestamp_seconds(1) = timestamp'1970-01-01 00:00:01'",
      fixed({"timestamp_seconds",
             {big},
             1,
             timestamp,
             checked_unary<Micros, std::int64_t, timestamp_of<1'000'000>>,
             true}));
  add({"timestamp_millis"}, "timestamp_millis(n) -> timestamp", "the moment n milliseconds after 1970",
      "timestamp_millis(1000) = timestamp'1970-01-01 00:00:01'",
      fixed({"timestamp_millis", {big}, 1, timestamp, checked_unary<Micros, std::int64_t, timestamp_of<1000>>, true}));
  add({"timestamp_micros"}, "timestamp_micros(n) -> timestamp", "the moment n microseconds after 1970",
      "timestamp_micros(1000000) = timestamp'1970-01-01 00:00:01'",
      fixed({"timestamp_micros", {big}, 1, timestamp, checked_unary<Micros, std::int64_t, timestamp_of<1>>, true}));
  return list;
}

}  // namespace streamrun
