// Sums and differences of times and intervals.
#include "runner/data/text_value.h"
#include "runner/expr/functions/arithmetic.h"
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
    const ColumnPtr& interval = call.constants[1];
    if (interval != nullptr && !interval->is_null(0) && interval->value<std::int64_t>(0) % kDayMicros == 0) {
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
    const ColumnPtr& interval = call.constants[0];
    if (y == TypeKind::date && interval != nullptr && !interval->is_null(0) &&
        interval->value<std::int64_t>(0) % kDayMicros == 0) {
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
    return call_of({TypeKind::date, TypeKind::date}, TypeKind::day_interval, date_minus_date);
  }
  if ((plus || minus) && x == y && x == TypeKind::day_interval) {
    return call_of({a, b}, a, integer_arithmetic<std::int64_t>(op), true);
  }
  if ((plus || minus) && x == y && x == TypeKind::month_interval) {
    return call_of({a, b}, a, integer_arithmetic<std::int32_t>(op), true);
  }
  const bool interval_a = x == TypeKind::day_interval || x == TypeKind::month_interval;
  const bool interval_b = y == TypeKind::day_interval || y == TypeKind::month_interval;
  if (op == "*" && interval_a != interval_b && (interval_a ? b : a).is_integer()) {
    const Type& kind = interval_a ? a : b;
    if (kind.kind() == TypeKind::day_interval) {
      return call_of({interval_a ? a : Type(TypeKind::int64), interval_a ? Type(TypeKind::int64) : b}, kind,
                     integer_arithmetic<std::int64_t>(op), true);
    }
    if ((interval_a ? b : a).kind() == TypeKind::int32) {
      return call_of({a, b}, kind, integer_arithmetic<std::int32_t>(op), true);
    }
  }
  if ((op == "*" || op == "/") && interval_a && b.is_numeric()) {
    if (op == "/") {
      return call_of({a, TypeKind::float64}, a,
                     x == TypeKind::day_interval ? divide_day_interval : divide_month_interval, true);
    }
    return call_of({a, TypeKind::float64}, a, x == TypeKind::day_interval ? scale_day_interval : scale_month_interval,
                   true);
  }
  return std::nullopt;
}

}  // namespace streamrun
