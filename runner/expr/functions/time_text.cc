// Dates and timestamps in texts, by patterns.
#include "runner/data/text_value.h"
#include "runner/expr/cast.h"
#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"
#include "runner/expr/functions/time_math.h"

namespace streamrun {

namespace {

using Days = std::int32_t;
using Micros = std::int64_t;

constexpr auto unix_seconds = [](const Micros& t) { return t / kSecondMicros; };  // towards zero, as Spark

void batch_seconds(const KernelCall& call) {
  std::int64_t* out = call.out.values<std::int64_t>();
  call.selection.for_each([&](std::uint32_t row) { out[row] = call.context.batch.value / 1000; });
}

// The pattern of a call is its argument 1.
template <bool reads>
Result<std::shared_ptr<const void>> prepare_pattern(std::span<const ColumnPtr> constants) {
  if (constants.size() < 2 || constants[1] == nullptr || constants[1]->is_null(0)) return std::shared_ptr<const void>();
  Result<TimePattern> pattern = TimePattern::compile(constants[1]->value<StringRef>(0).view());
  if (!pattern) return pass_on(pattern);
  if (const Result<> readable = pattern->check_parsing(); reads && !readable) return pass_on(readable);
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
      call.out.values<Micros>()[row] = kind == Parsed::seconds ? micros / kSecondMicros : micros;
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
      resolved.prepare = prepare_pattern<true>;
      return resolved;
    }
    Result<ResolvedCall> cast = resolve_cast(type, result, try_parse);
    if (cast && call.types.size() == 2) cast->arguments.emplace_back(TypeKind::string);
    return cast;
  };
}

}  // namespace

std::vector<Function> time_text_functions() {
  FunctionList list("Time");
  const Type text = TypeKind::string, timestamp = TypeKind::timestamp;
  list.add({"to_date"}, "to_date(x[, pattern]) -> date", "the date that a text says",
           "to_date('2024-02-29') = date'2024-02-29'", parsing<Parsed::date, false>("to_date"));
  list.add({"try_to_date"}, "try_to_date(x[, pattern]) -> date", "as to_date, null where there is none",
           "try_to_date('x') is null", parsing<Parsed::date, true>("try_to_date"));
  list.add({"to_timestamp"}, "to_timestamp(x[, pattern]) -> timestamp", "the moment that a text says",
           "to_timestamp('2024-02-29 12:00:00') = timestamp'2024-02-29 12:00:00'",
           parsing<Parsed::timestamp, false>("to_timestamp"));
  list.add({"try_to_timestamp"}, "try_to_timestamp(x[, pattern]) -> timestamp",
           "as to_timestamp, null where there is none", "try_to_timestamp('x') is null",
           parsing<Parsed::timestamp, true>("try_to_timestamp"));
  list.add({"unix_timestamp", "to_unix_timestamp"}, "unix_timestamp(x[, pattern]) -> bigint",
           "seconds since 1970, cut towards zero", "unix_timestamp(timestamp'1970-01-01 00:01:00') = 60",
           [rule = parsing<Parsed::seconds, false>("unix_timestamp")](const CallTypes& call) -> Result<ResolvedCall> {
             if (call.types.empty())
               return fixed({"unix_timestamp", {}, 0, TypeKind::int64, batch_seconds, false, nullptr, true})(call);
             return rule(call);
           });
  const FixedRule by_pattern{"date_format", {timestamp, text}, 2, text, format<1>, true, prepare_pattern<false>};
  list.add({"date_format"}, "date_format(t, pattern) -> string", "as text, by a pattern",
           "date_format(date'2024-02-29', 'dd.MM.yyyy') = '29.02.2024'", fixed(by_pattern));
  list.add({"from_unixtime"}, "from_unixtime(seconds[, pattern]) -> string", "seconds since 1970 as text",
           "from_unixtime(0) = '1970-01-01 00:00:00'", [](const CallTypes& call) -> Result<ResolvedCall> {
             std::vector<Type> types(call.types.begin(), call.types.end());
             if (!types.empty() && types[0].is_numeric()) types[0] = TypeKind::int64;
             return fixed({"from_unixtime",
                           {TypeKind::int64, TypeKind::string},
                           1,
                           TypeKind::string,
                           format<kSecondMicros>,
                           true,
                           prepare_pattern<false>})({types, call.constants});
           });
  return list.take();
}

}  // namespace streamrun
