// Sums and differences of times and intervals.
#include <limits>

#include "runner/data/text_value.h"
#include "runner/expr/coercion.h"
#include "runner/expr/decimal_math.h"
#include "runner/expr/functions/arithmetic.h"
#include "runner/expr/functions/rules.h"
#include "runner/expr/functions/time_math.h"

namespace streamrun {
namespace {

// A text that says a moment stays a text.
template <int sign>
void shift_text(const KernelCall& call) {
  StringWriter writer(call);
  std::string text;
  for_each_pair<std::int64_t, std::int64_t>(call,
                                            [&](const std::int64_t& t, const std::int64_t& by, std::uint32_t row) {
                                              text.clear();
                                              std::int64_t moment = 0;
                                              if (__builtin_add_overflow(t, sign * by, &moment))
                                                call.context.errors.add(row, kTimeOverflow);
                                              append_timestamp(moment, text);
                                              writer.set(row, text);
                                            });
}

// Nothing but days: a date stays one.
bool of_days(const Type& interval) {
  return interval.last_unit() == IntervalUnit::day;
}

// T: the interval's storage. Exact, then rounded to a whole one, halves away from zero.
template <class T, bool divide>
void scale_by_decimal(const KernelCall& call) {
  T* out = call.out.values<T>();
  const int scale = call.arguments[1]->type().scale();
  for_each_pair<T, Int128>(call, [&](const T& a, const Int128& b, std::uint32_t row) {
    out[row] = 0;
    if (divide && b == 0) return call.context.errors.add(row, "division by zero");
    Int128 value = 0;
    const bool good =
        divide ? decimal_divide(a, 0, b, scale, {38, 0}, value) : decimal_multiply(a, 0, b, scale, {38, 0}, value);
    if (!good || value > std::numeric_limits<T>::max() || value < std::numeric_limits<T>::min()) {
      return call.context.errors.add(row, "interval overflow");
    }
    out[row] = static_cast<T>(value);
  });
}

// interval · number, number · interval, interval / number: of all fields, whatever the interval had.
std::optional<ResolvedCall> resolve_scaled_interval(std::string_view op, const Type& a, const Type& b) {
  const bool divide = op == "/";
  if (!divide && op != "*") return std::nullopt;
  const bool behind = a.is_interval();
  const Type& interval = behind ? a : b;
  const Type& number = behind ? b : a;
  if (!interval.is_interval() || (divide && !behind)) return std::nullopt;
  const bool text = number.kind() == TypeKind::string;
  if (!number.is_numeric() && !is_null_type(number) && !text) return std::nullopt;
  const bool days = interval.kind() == TypeKind::day_interval;
  const Type result = interval.kind();
  if (number.is_float() || text) {
    if (!behind) return std::nullopt;
    const CallKernel kernel = days ? (divide ? divide_day_interval : scale_day_interval)
                                   : (divide ? divide_month_interval : scale_month_interval);
    return call_of({a, TypeKind::float64}, result, kernel, true);
  }
  if (!divide && number.is_integer() && (days || number.kind() == TypeKind::int32)) {
    const Type factor = days ? TypeKind::int64 : TypeKind::int32;
    return call_of({behind ? a : factor, behind ? factor : b}, result,
                   days ? integer_arithmetic<std::int64_t>(op) : integer_arithmetic<std::int32_t>(op), true);
  }
  if (!behind) return std::nullopt;
  const Type factor = number.kind() == TypeKind::decimal ? number
                      : number.is_integer()              ? decimal_for_integer(number.kind())
                                                         : Type::decimal(10, 0);
  const CallKernel kernel =
      days ? (divide ? scale_by_decimal<std::int64_t, true> : scale_by_decimal<std::int64_t, false>)
           : (divide ? scale_by_decimal<std::int32_t, true> : scale_by_decimal<std::int32_t, false>);
  return call_of({a, factor}, result, kernel, true);
}

}  // namespace

// date ± days, date ± interval, timestamp ± interval, date − date, interval ± interval, interval · number.
std::optional<ResolvedCall> resolve_time_arithmetic(std::string_view op, const CallTypes& call) {
  const Type &a = call.types[0], &b = call.types[1];
  const TypeKind x = a.kind(), y = b.kind();
  const bool plus = op == "+", minus = op == "-";
  if ((plus || minus) && x == TypeKind::date && y == TypeKind::int32) {
    return call_of({a, b}, a, plus ? add_days<1> : add_days<-1>, true);
  }
  if (plus && x == TypeKind::int32 && y == TypeKind::date) return call_of({a, b}, b, days_plus_date, true);
  if ((plus || minus) && x == TypeKind::date && y == TypeKind::month_interval) {
    return call_of({a, b}, a, plus ? add_months_to_date<1> : add_months_to_date<-1>, true);
  }
  if ((plus || minus) && x == TypeKind::timestamp && y == TypeKind::month_interval) {
    return call_of({a, b}, a, plus ? add_months_to_timestamp<1> : add_months_to_timestamp<-1>, true);
  }
  if ((plus || minus) && x == TypeKind::date && y == TypeKind::day_interval) {
    if (of_days(b)) {
      return call_of({a, b}, a, plus ? add_interval_to_date<1> : add_interval_to_date<-1>, true);
    }
    return call_of({TypeKind::timestamp, b}, TypeKind::timestamp, integer_arithmetic<std::int64_t>(op), true);
  }
  if ((plus || minus) && x == TypeKind::timestamp && y == TypeKind::day_interval) {
    return call_of({a, b}, a, integer_arithmetic<std::int64_t>(op), true);
  }
  if ((plus || minus) && x == TypeKind::string && y == TypeKind::day_interval) {
    return call_of({TypeKind::timestamp, b}, TypeKind::string, plus ? shift_text<1> : shift_text<-1>, true);
  }
  if (plus && (x == TypeKind::day_interval || x == TypeKind::month_interval) &&
      (y == TypeKind::date || y == TypeKind::timestamp)) {
    if (x == TypeKind::month_interval) {
      return call_of({a, b}, b, y == TypeKind::date ? months_plus_date : months_plus_timestamp, true);
    }
    if (y == TypeKind::date && of_days(a)) {
      return call_of({a, b}, b, interval_plus_date, true);
    }
    return call_of({a, TypeKind::timestamp}, TypeKind::timestamp, integer_arithmetic<std::int64_t>(op), true);
  }
  const bool days_a = x == TypeKind::date || x == TypeKind::timestamp;
  const bool days_b = y == TypeKind::date || y == TypeKind::timestamp;
  if (minus && ((days_a && (days_b || y == TypeKind::string)) || (x == TypeKind::string && days_b))) {
    if (x == TypeKind::timestamp || y == TypeKind::timestamp) {
      return call_of({TypeKind::timestamp, TypeKind::timestamp}, TypeKind::day_interval,
                     integer_arithmetic<std::int64_t>(op), true);
    }
    return call_of({TypeKind::date, TypeKind::date}, Type::interval(IntervalUnit::day, IntervalUnit::day),
                   date_minus_date, true);
  }
  if ((plus || minus) && x == y && a.is_interval()) {
    const Type common = *common_type(a, b, false);
    return call_of(
        {common, common}, common,
        x == TypeKind::day_interval ? integer_arithmetic<std::int64_t>(op) : integer_arithmetic<std::int32_t>(op),
        true);
  }
  return resolve_scaled_interval(op, a, b);
}

}  // namespace streamrun
