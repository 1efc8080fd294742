// Arithmetic of numbers, decimals, times and intervals.
#include "runner/expr/functions/arithmetic.h"

#include <cmath>
#include <limits>

#include "runner/expr/coercion.h"
#include "runner/expr/decimal_math.h"
#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"

namespace streamrun {
namespace {

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

CallKernel decimal_kernel(std::string_view op) {
  switch (op[0]) {
    case '+': return decimal_op<'+'>;
    case '-': return decimal_op<'-'>;
    case '*': return decimal_op<'*'>;
    case '/': return decimal_op<'/'>;
    default: return decimal_op<'%'>;
  }
}

template <class T>
CallKernel float_kernel(std::string_view op) {
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

}  // namespace

template <class T>
CallKernel integer_arithmetic(std::string_view op) {
  switch (op[0]) {
    case '+': return checked_binary<T, T, T, integer_op<T, '+'>>;
    case '-': return checked_binary<T, T, T, integer_op<T, '-'>>;
    case '*': return checked_binary<T, T, T, integer_op<T, '*'>>;
    default: return checked_binary<T, T, T, integer_remainder<T>>;
  }
}
template CallKernel integer_arithmetic<std::int32_t>(std::string_view op);
template CallKernel integer_arithmetic<std::int64_t>(std::string_view op);

Result<ResolvedCall> resolve_arithmetic(std::string_view op, const CallTypes& call) {
  const Result<> count = check_count("'" + std::string(op) + "'", call, 2, 2);
  if (!count) return pass_on(count);
  if (std::optional<ResolvedCall> time = resolve_time_arithmetic(op, call)) return *std::move(time);
  Type a = call.types[0], b = call.types[1];
  if (is_null_type(a) && is_null_type(b)) a = b = TypeKind::float64;
  if (is_null_type(a)) a = b;
  if (is_null_type(b)) b = a;
  const auto from_string = [](const Type& other) { return other.is_integer() ? TypeKind::int64 : TypeKind::float64; };
  const bool string_a = a.kind() == TypeKind::string, string_b = b.kind() == TypeKind::string;
  if (string_a && string_b && op == "/") return failure(operator_mismatch(op, a, b));
  if (string_a && b.is_numeric()) a = op == "/" ? Type(TypeKind::float64) : Type(from_string(b));
  if (string_b && call.types[0].is_numeric()) b = op == "/" ? Type(TypeKind::float64) : Type(from_string(a));
  if (!a.is_numeric() || !b.is_numeric()) return failure(operator_mismatch(op, call.types[0], call.types[1]));

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
    return call_of({a, b}, a, integer_arithmetic<std::int32_t>(op), true);
  }
  return call_of({TypeKind::int64, TypeKind::int64}, TypeKind::int64, integer_arithmetic<std::int64_t>(op), true);
}

namespace {

template <class T>
constexpr auto negate_integer =
    [](const T& a, T& out) -> const char* { return __builtin_sub_overflow(T{0}, a, &out) ? kOverflow : nullptr; };
template <class T>
constexpr auto negate_other = [](const T& a) { return -a; };
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

}  // namespace

std::vector<Function> arithmetic_functions() {
  FunctionList list("Operators");
  const auto of = [](std::string_view op) -> TypeRule {
    return [op](const CallTypes& call) { return resolve_arithmetic(op, call); };
  };
  list.add({"+"}, "a + b", "the sum; a date plus days or an interval", "1 + 2 = 3", of("+"));
  list.add({"-"}, "a - b", "the difference; of dates an interval", "3 - 2 = 1", of("-"));
  list.add({"*"}, "a * b", "the product", "2 * 3 = 6", of("*"));
  list.add({"/"}, "a / b", "the quotient: double, or decimal of decimals", "3 / 2 = 1.5", of("/"));
  list.add({"%", "mod"}, "a % b", "the remainder, with the sign of a", "-7 % 3 = -1", of("%"));
  list.add({"div"}, "a div b -> bigint", "the quotient without its fraction", "7 div 2 = 3", of("div"));
  list.add({"negative"}, "negative(a)", "the number with the other sign", "negative(1) = -1", resolve_negative);
  list.add({"positive"}, "positive(a)", "the number itself", "positive(1) = 1", resolve_positive);
  return list.take();
}

}  // namespace streamrun
