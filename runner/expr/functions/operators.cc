// Operators, under their symbols. `and`, `or`, `in`, `case` and the like are nodes of the expression tree.
#include <cmath>
#include <limits>

#include "runner/expr/coercion.h"
#include "runner/expr/decimal_math.h"
#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"
#include "runner/expr/functions/time_math.h"

namespace streamrun {
namespace {

constexpr std::string_view kGroup = "Operators";
constexpr const char* kOverflow = "integer overflow";
constexpr const char* kZero = "division by zero";
constexpr const char* kDecimalOverflow = "decimal overflow";

DecimalShape shape(const Type& type) {
  return {type.precision(), type.scale()};
}
Type type_of(DecimalShape s) {
  return Type::decimal(s.precision, s.scale);
}

template <class T, char op>
constexpr auto integer_op = [](const T& a, const T& b, T& out) -> const char* {
  bool overflow = false;
  if constexpr (op == '+') overflow = __builtin_add_overflow(a, b, &out);
  if constexpr (op == '-') overflow = __builtin_sub_overflow(a, b, &out);
  if constexpr (op == '*') overflow = __builtin_mul_overflow(a, b, &out);
  return overflow ? kOverflow : nullptr;
};
template <class T>
constexpr auto integer_remainder = [](const T& a, const T& b, T& out) -> const char* {
  if (b == 0) return kZero;
  out = b == -1 ? T{0} : static_cast<T>(a % b);
  return nullptr;
};
constexpr auto integral_divide = [](const std::int64_t& a, const std::int64_t& b, std::int64_t& out) -> const char* {
  if (b == 0) return kZero;
  if (b == -1 && a == std::numeric_limits<std::int64_t>::min()) return kOverflow;
  out = a / b;
  return nullptr;
};
template <class T, char op>
constexpr auto float_op = [](const T& a, const T& b) {
  return op == '+' ? a + b : op == '-' ? a - b : a * b;
};
constexpr auto float_divide = [](const double& a, const double& b, double& out) -> const char* {
  if (b == 0) return kZero;
  out = a / b;
  return nullptr;
};
template <class T>
constexpr auto float_remainder = [](const T& a, const T& b, T& out) -> const char* {
  if (b == 0) return kZero;
  out = std::fmod(a, b);
  return nullptr;
};

template <char op>
void decimal_op(const KernelCall& call) {
  const int scale_a = call.arguments[0]->type().scale(), scale_b = call.arguments[1]->type().scale();
  const DecimalShape to = shape(call.out.type());
  Int128* out = call.out.values<Int128>();
  for_each_pair<Int128, Int128>(call, [&](const Int128& a, const Int128& b, std::uint32_t row) {
    if constexpr (op == '/' || op == '%') {
      if (b == 0) [[unlikely]] {
        call.context.errors.add(row, kZero);
        return;
      }
    }
    bool fits = true;
    if constexpr (op == '+') fits = decimal_add(a, scale_a, b, scale_b, to, out[row]);
    if constexpr (op == '-') fits = decimal_add(a, scale_a, -b, scale_b, to, out[row]);
    if constexpr (op == '*') fits = decimal_multiply(a, scale_a, b, scale_b, to, out[row]);
    if constexpr (op == '/') fits = decimal_divide(a, scale_a, b, scale_b, to, out[row]);
    if constexpr (op == '%') fits = decimal_remainder(a, scale_a, b, scale_b, to, out[row]);
    if (!fits) [[unlikely]]
      call.context.errors.add(row, kDecimalOverflow);
  });
}

void decimal_integral(const KernelCall& call) {
  const int scale_a = call.arguments[0]->type().scale(), scale_b = call.arguments[1]->type().scale();
  std::int64_t* out = call.out.values<std::int64_t>();
  for_each_pair<Int128, Int128>(call, [&](const Int128& a, const Int128& b, std::uint32_t row) {
    Int128 quotient = 0;
    if (b == 0) {
      call.context.errors.add(row, kZero);
    } else if (!decimal_integral_divide(a, scale_a, b, scale_b, quotient) ||
               quotient > std::numeric_limits<std::int64_t>::max() ||
               quotient < std::numeric_limits<std::int64_t>::min()) {
      call.context.errors.add(row, kOverflow);
    } else {
      out[row] = static_cast<std::int64_t>(quotient);
    }
  });
}

Kernel decimal_kernel(std::string_view op) {
  switch (op[0]) {
    case '+': return decimal_op<'+'>;
    case '-': return decimal_op<'-'>;
    case '*': return decimal_op<'*'>;
    case '/': return decimal_op<'/'>;
    default: return decimal_op<'%'>;
  }
}

template <class T>
Kernel integer_kernel(std::string_view op) {
  switch (op[0]) {
    case '+': return checked_binary<T, T, T, integer_op<T, '+'>>;
    case '-': return checked_binary<T, T, T, integer_op<T, '-'>>;
    case '*': return checked_binary<T, T, T, integer_op<T, '*'>>;
    default: return checked_binary<T, T, T, integer_remainder<T>>;
  }
}

template <class T>
Kernel float_kernel(std::string_view op) {
  switch (op[0]) {
    case '+': return binary<T, T, T, float_op<T, '+'>>;
    case '-': return binary<T, T, T, float_op<T, '-'>>;
    case '*': return binary<T, T, T, float_op<T, '*'>>;
    default: return checked_binary<T, T, T, float_remainder<T>>;
  }
}

// A literal joins with its own digits, an int or bigint column with all that it may have.
Type decimal_of(const Type& type, const ColumnPtr& constant) {
  if (type.kind() == TypeKind::decimal) return type;
  if (constant != nullptr && !constant->is_null(0)) {
    const std::int64_t value =
        type.kind() == TypeKind::int32 ? constant->value<std::int32_t>(0) : constant->value<std::int64_t>(0);
    const bool small =
        value >= std::numeric_limits<std::int32_t>::min() && value <= std::numeric_limits<std::int32_t>::max();
    if (type.kind() == TypeKind::int32 || !small) {  // a bigint that an int could hold was cast, not written
      int digits = 1;
      for (Int128 rest = value < 0 ? -Int128{value} : Int128{value}; rest >= 10; rest /= 10) ++digits;
      return Type::decimal(digits, 0);
    }
  }
  return decimal_for_integer(type.kind());
}

std::string mismatch(std::string_view op, const Type& a, const Type& b) {
  return "'" + std::string(op) + "' takes no " + a.name() + " and " + b.name();
}

// date ± days, date ± interval, timestamp ± interval, date − date, interval ± interval, interval · number.
std::optional<ResolvedCall> resolve_time(std::string_view op, const CallTypes& call) {
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
    return call_of({TypeKind::timestamp, b}, TypeKind::timestamp, integer_kernel<std::int64_t>(op), true);
  }
  if ((plus || minus) && x == TypeKind::timestamp && y == TypeKind::day_interval) {
    return call_of({a, b}, a, integer_kernel<std::int64_t>(op), true);
  }
  if ((plus || minus) && x == TypeKind::string && (y == TypeKind::day_interval || y == TypeKind::month_interval)) {
    return std::nullopt;
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
    return call_of({a, TypeKind::timestamp}, TypeKind::timestamp, integer_kernel<std::int64_t>(op), true);
  }
  const bool days_a = x == TypeKind::date || x == TypeKind::timestamp;
  const bool days_b = y == TypeKind::date || y == TypeKind::timestamp;
  if (minus && ((days_a && (days_b || y == TypeKind::string)) || (x == TypeKind::string && days_b))) {
    if (x == TypeKind::timestamp || y == TypeKind::timestamp) {
      return call_of({TypeKind::timestamp, TypeKind::timestamp}, TypeKind::day_interval,
                     integer_kernel<std::int64_t>(op), true);
    }
    return call_of({TypeKind::date, TypeKind::date}, TypeKind::day_interval, date_minus_date);
  }
  if ((plus || minus) && x == y && x == TypeKind::day_interval) {
    return call_of({a, b}, a, integer_kernel<std::int64_t>(op), true);
  }
  if ((plus || minus) && x == y && x == TypeKind::month_interval) {
    return call_of({a, b}, a, integer_kernel<std::int32_t>(op), true);
  }
  const bool interval_a = x == TypeKind::day_interval || x == TypeKind::month_interval;
  const bool interval_b = y == TypeKind::day_interval || y == TypeKind::month_interval;
  if (op == "*" && interval_a != interval_b && (interval_a ? b : a).is_integer()) {
    const Type& kind = interval_a ? a : b;
    if (kind.kind() == TypeKind::day_interval) {
      return call_of({interval_a ? a : Type(TypeKind::int64), interval_a ? Type(TypeKind::int64) : b}, kind,
                     integer_kernel<std::int64_t>(op), true);
    }
    if ((interval_a ? b : a).kind() == TypeKind::int32) {
      return call_of({a, b}, kind, integer_kernel<std::int32_t>(op), true);
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

}  // namespace

Result<ResolvedCall> resolve_arithmetic(std::string_view op, const CallTypes& call) {
  const Result<> count = check_count("'" + std::string(op) + "'", call, 2, 2);
  if (!count) return pass_on(count);
  if (std::optional<ResolvedCall> time = resolve_time(op, call)) return *std::move(time);
  Type a = call.types[0], b = call.types[1];
  if (is_null_type(a) && is_null_type(b)) a = b = TypeKind::float64;
  if (is_null_type(a)) a = b;
  if (is_null_type(b)) b = a;
  const auto from_string = [](const Type& other) { return other.is_integer() ? TypeKind::int64 : TypeKind::float64; };
  const bool string_a = a.kind() == TypeKind::string, string_b = b.kind() == TypeKind::string;
  if (string_a && string_b && op == "/") return failure(mismatch(op, a, b));
  if (string_a && b.is_numeric()) a = op == "/" ? Type(TypeKind::float64) : Type(from_string(b));
  if (string_b && call.types[0].is_numeric()) b = op == "/" ? Type(TypeKind::float64) : Type(from_string(a));
  if (!a.is_numeric() || !b.is_numeric()) return failure(mismatch(op, call.types[0], call.types[1]));

  const bool integral = op == "div";
  if (a.is_float() || b.is_float()) {
    if (integral)
      return failure("'div' takes whole numbers, decimals or bigints, not " + (a.is_float() ? a : b).name());
    const bool single = a.kind() == TypeKind::float32 && b.kind() == TypeKind::float32 && op != "/";
    if (op == "/") {
      return call_of({TypeKind::float64, TypeKind::float64}, TypeKind::float64,
                     checked_binary<double, double, double, float_divide>, true);
    }
    const Type common = single ? TypeKind::float32 : TypeKind::float64;
    return call_of({common, common}, common, single ? float_kernel<float>(op) : float_kernel<double>(op), op == "%");
  }
  if (a.kind() == TypeKind::decimal || b.kind() == TypeKind::decimal) {
    a = decimal_of(a, is_null_type(call.types[0]) || string_a ? nullptr : call.constants[0]);
    b = decimal_of(b, is_null_type(call.types[1]) || string_b ? nullptr : call.constants[1]);
    if (integral) return call_of({a, b}, TypeKind::int64, decimal_integral, true);
    const DecimalShape result = op == "*"   ? decimal_product_shape(shape(a), shape(b))
                                : op == "/" ? decimal_quotient_shape(shape(a), shape(b))
                                : op == "%" ? decimal_remainder_shape(shape(a), shape(b))
                                            : decimal_sum_shape(shape(a), shape(b));
    return call_of({a, b}, type_of(result), decimal_kernel(op), true);
  }
  if (op == "/") {
    return call_of({TypeKind::float64, TypeKind::float64}, TypeKind::float64,
                   checked_binary<double, double, double, float_divide>, true);
  }
  if (integral) {
    return call_of({TypeKind::int64, TypeKind::int64}, TypeKind::int64,
                   checked_binary<std::int64_t, std::int64_t, std::int64_t, integral_divide>, true);
  }
  if (a.kind() == TypeKind::int32 && b.kind() == TypeKind::int32) {
    return call_of({a, b}, a, integer_kernel<std::int32_t>(op), true);
  }
  return call_of({TypeKind::int64, TypeKind::int64}, TypeKind::int64, integer_kernel<std::int64_t>(op), true);
}

namespace {

template <class T>
constexpr auto negate_integer =
    [](const T& a, T& out) -> const char* { return __builtin_sub_overflow(T{0}, a, &out) ? kOverflow : nullptr; };
template <class T>
constexpr auto negate_other = [](const T& a) { return -a; };
template <class T>
constexpr auto invert = [](const T& a) { return ~a; };
constexpr auto negate_truth = [](const std::uint8_t& a) { return a ^ 1; };

Result<ResolvedCall> resolve_negative(const CallTypes& call) {
  const Result<> count = check_count("negative", call, 1, 1);
  if (!count) return pass_on(count);
  Type a = call.types[0];
  if (a.kind() == TypeKind::string || is_null_type(a)) a = TypeKind::float64;
  switch (a.kind()) {
    case TypeKind::int32:
    case TypeKind::month_interval:
      return call_of({a}, a, checked_unary<std::int32_t, std::int32_t, negate_integer<std::int32_t>>, true);
    case TypeKind::int64:
    case TypeKind::day_interval:
      return call_of({a}, a, checked_unary<std::int64_t, std::int64_t, negate_integer<std::int64_t>>, true);
    case TypeKind::float32: return call_of({a}, a, unary<float, float, negate_other<float>>);
    case TypeKind::float64: return call_of({a}, a, unary<double, double, negate_other<double>>);
    case TypeKind::decimal: return call_of({a}, a, unary<Int128, Int128, negate_other<Int128>>);
    default: return failure(wrong_type("'-'", 0, a, "a number"));
  }
}

Result<ResolvedCall> resolve_positive(const CallTypes& call) {
  Result<ResolvedCall> negative = resolve_negative(call);
  if (!negative) return negative;
  return with_storage(negative->result.kind(), [&]<class T>() -> Result<ResolvedCall> {
    if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, Int128>) {
      return call_of(negative->arguments, negative->result, unary<T, T, [](const T& a) { return a; }>);
    } else {
      return failure("'+' takes a number");
    }
  });
}

// Spark's order: NaN is the greatest and equal to itself; the zeros are equal.
template <class T>
int order(const T& a, const T& b) {
  if constexpr (std::is_same_v<T, StringRef>) {
    const int by_bytes = a.view().compare(b.view());
    return by_bytes;
  } else if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a) || std::isnan(b)) return static_cast<int>(std::isnan(a)) - static_cast<int>(std::isnan(b));
    return a < b ? -1 : a > b ? 1 : 0;
  } else {
    return a < b ? -1 : a > b ? 1 : 0;
  }
}

enum class Comparison { equal, unequal, less, at_most, greater, at_least };

template <Comparison c>
bool holds(int o) {
  switch (c) {
    case Comparison::equal: return o == 0;
    case Comparison::unequal: return o != 0;
    case Comparison::less: return o < 0;
    case Comparison::at_most: return o <= 0;
    case Comparison::greater: return o > 0;
    default: return o >= 0;
  }
}

template <class T, Comparison c>
constexpr auto compare_op = [](const T& a, const T& b) -> bool {
  if constexpr (std::is_integral_v<T> || std::is_same_v<T, Int128>) {
    if constexpr (c == Comparison::equal) return a == b;
    if constexpr (c == Comparison::unequal) return a != b;
    if constexpr (c == Comparison::less) return a < b;
    if constexpr (c == Comparison::at_most) return a <= b;
    if constexpr (c == Comparison::greater) return a > b;
    return a >= b;
  } else if constexpr (std::is_same_v<T, StringRef> && c == Comparison::equal) {
    return a == b;
  } else if constexpr (std::is_same_v<T, StringRef> && c == Comparison::unequal) {
    return !(a == b);
  } else {
    return holds<c>(order(a, b));
  }
};

template <Comparison c>
void compare_any(const KernelCall& call) {
  std::uint8_t* out = call.out.values<std::uint8_t>();
  const Column &a = *call.arguments[0], &b = *call.arguments[1];
  call.selection.for_each([&](std::uint32_t row) { out[row] = holds<c>(compare_values(a, row, b, row)) ? 1 : 0; });
}

void null_safe_equal(const KernelCall& call) {
  std::uint8_t* out = call.out.values<std::uint8_t>();
  const Column &a = *call.arguments[0], &b = *call.arguments[1];
  call.selection.for_each([&](std::uint32_t row) { out[row] = equal_values(a, row, b, row) ? 1 : 0; });
}

bool comparable(const Type& type, bool ordered) {
  if (type.kind() == TypeKind::map || type.kind() == TypeKind::variant) return false;
  if (!type.is_nested()) return true;
  for (const Field& field : type.fields()) {
    if (!comparable(field.type, ordered)) return false;
  }
  return true;
}

template <Comparison c>
Result<ResolvedCall> resolve_comparison(std::string_view op, const CallTypes& call) {
  const Result<> count = check_count("'" + std::string(op) + "'", call, 2, 2);
  if (!count) return pass_on(count);
  const std::optional<Type> common = comparison_type(call.types[0], call.types[1]);
  if (!common || !comparable(*common, true)) return failure(mismatch(op, call.types[0], call.types[1]));
  const Kernel kernel = with_storage(common->kind(), []<class T>() -> Kernel {
    if constexpr (std::is_void_v<T> || std::is_same_v<T, ListRef>) {
      return compare_any<c>;
    } else {
      return binary<std::uint8_t, T, T, compare_op<T, c>>;
    }
  });
  return call_of({*common, *common}, TypeKind::boolean, kernel);
}

Result<ResolvedCall> resolve_null_safe(const CallTypes& call) {
  const Result<> count = check_count("'<=>'", call, 2, 2);
  if (!count) return pass_on(count);
  const std::optional<Type> common = comparison_type(call.types[0], call.types[1]);
  if (!common || !comparable(*common, false)) return failure(mismatch("<=>", call.types[0], call.types[1]));
  return call_of({*common, *common}, TypeKind::boolean, null_safe_equal, false, NullRule::kernel);
}

template <class T, char op>
constexpr auto bit_op = [](const T& a, const T& b) {
  return op == '&' ? a & b : op == '|' ? a | b : a ^ b;
};

template <char op>
Result<ResolvedCall> resolve_bits(const CallTypes& call) {
  const std::string name{'\'', op, '\''};
  const Result<> count = check_count(name, call, 2, 2);
  if (!count) return pass_on(count);
  Type a = call.types[0], b = call.types[1];
  const auto whole = [](const Type& t) { return t.is_integer() || is_null_type(t) || t.kind() == TypeKind::string; };
  if (!whole(a) || !whole(b) || (a.kind() == TypeKind::string && b.kind() == TypeKind::string)) {
    return failure(mismatch(std::string_view(&name[1], 1), a, b));
  }
  const bool wide = a.kind() == TypeKind::int64 || b.kind() == TypeKind::int64 || a.kind() == TypeKind::string ||
                    b.kind() == TypeKind::string;
  if (wide) {
    return call_of({TypeKind::int64, TypeKind::int64}, TypeKind::int64,
                   binary<std::int64_t, std::int64_t, std::int64_t, bit_op<std::int64_t, op>>);
  }
  return call_of({TypeKind::int32, TypeKind::int32}, TypeKind::int32,
                 binary<std::int32_t, std::int32_t, std::int32_t, bit_op<std::int32_t, op>>);
}

Result<ResolvedCall> resolve_invert(const CallTypes& call) {
  const Result<> count = check_count("'~'", call, 1, 1);
  if (!count) return pass_on(count);
  if (call.types[0].kind() == TypeKind::int64 || call.types[0].kind() == TypeKind::string) {
    return call_of({TypeKind::int64}, TypeKind::int64, unary<std::int64_t, std::int64_t, invert<std::int64_t>>);
  }
  if (call.types[0].kind() != TypeKind::int32 && !is_null_type(call.types[0])) {
    return failure(wrong_type("'~'", 0, call.types[0], "an int or bigint"));
  }
  return call_of({TypeKind::int32}, TypeKind::int32, unary<std::int32_t, std::int32_t, invert<std::int32_t>>);
}

TypeRule arithmetic(std::string_view op) {
  return [op](const CallTypes& call) { return resolve_arithmetic(op, call); };
}
template <Comparison c>
TypeRule comparison(std::string_view op) {
  return [op](const CallTypes& call) { return resolve_comparison<c>(op, call); };
}

Function entry(std::vector<std::string_view> names, std::string_view signature, std::string_view summary,
               std::string_view example, TypeRule rule) {
  return {std::move(names), kGroup, signature, summary, example, FunctionKind::scalar, std::move(rule)};
}

}  // namespace

std::vector<Function> operator_functions() {
  std::vector<Function> list;
  const auto add = [&](std::vector<std::string_view> names, std::string_view signature, std::string_view summary,
                       std::string_view example, TypeRule rule) {
    list.push_back(entry(std::move(names), signature, summary, example, std::move(rule)));
  };
  add({"+"}, "a + b", "the sum; a date plus days or an interval", "1 + 2 = 3", arithmetic("+"));
  add({"-"}, "a - b", "the difference; of dates an interval", "3 - 2 = 1", arithmetic("-"));
  add({"*"}, "a * b", "the product", "2 * 3 = 6", arithmetic("*"));
  add({"/"}, "a / b", "the quotient: double, or decimal of decimals", "3 / 2 = 1.5", arithmetic("/"));
  add({"%", "mod"}, "a % b", "the remainder, with the sign of a", "-7 % 3 = -1", arithmetic("%"));
  add({"div"}, "a div b -> bigint", "the quotient without its fraction", "7 div 2 = 3", arithmetic("div"));
  add({"negative"}, "negative(a)", "the number with the other sign", "negative(1) = -1", resolve_negative);
  add({"positive"}, "positive(a)", "the number itself", "positive(1) = 1", resolve_positive);
  add({"=", "=="}, "a = b -> boolean", "equal", "1 = 1", comparison<Comparison::equal>("="));
  add({"<=>"}, "a <=> b -> boolean", "equal, and null is equal to null", "null <=> null", resolve_null_safe);
  add({"<>", "!="}, "a <> b -> boolean", "not equal", "1 <> 2", comparison<Comparison::unequal>("<>"));
  add({"<"}, "a < b -> boolean", "less", "1 < 2", comparison<Comparison::less>("<"));
  add({"<="}, "a <= b -> boolean", "less or equal", "1 <= 1", comparison<Comparison::at_most>("<="));
  add({">"}, "a > b -> boolean", "greater", "2 > 1", comparison<Comparison::greater>(">"));
  add({">="}, "a >= b -> boolean", "greater or equal", "1 >= 1", comparison<Comparison::at_least>(">="));
  add({"||"}, "a || b", "strings, binaries or arrays one after the other", "'a' || 'b' = 'ab'", resolve_concat);
  add({"&"}, "a & b", "bitwise and", "12 & 10 = 8", resolve_bits<'&'>);
  add({"|"}, "a | b", "bitwise or", "12 | 10 = 14", resolve_bits<'|'>);
  add({"^"}, "a ^ b", "bitwise exclusive or", "12 ^ 10 = 6", resolve_bits<'^'>);
  add({"~"}, "~ a", "bitwise not", "~ 0 = -1", resolve_invert);
  add({"not", "!"}, "not a -> boolean", "true where a is false", "not false",
      fixed({"not", {TypeKind::boolean}, 1, TypeKind::boolean, unary<std::uint8_t, std::uint8_t, negate_truth>}));
  return list;
}

}  // namespace streamrun
