// Rounding of numbers.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "runner/data/text_value.h"
#include "runner/expr/coercion.h"
#include "runner/expr/decimal_math.h"
#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"

namespace streamrun {

namespace {

enum class Rounding { half_up, half_even, floor, ceiling };

// value / 10^drop, rounded; drop > 0.
template <Rounding how>
Int128 rounded(Int128 value, int drop) {
  if (drop > 38) return how == Rounding::floor && value < 0 ? -1 : how == Rounding::ceiling && value > 0 ? 1 : 0;
  const Int128 unit = power_of_ten(drop), quotient = value / unit, rest = value % unit;
  if (rest == 0) return quotient;
  const int sign = value < 0 ? -1 : 1;
  if (how == Rounding::floor) return sign < 0 ? quotient - 1 : quotient;
  if (how == Rounding::ceiling) return sign > 0 ? quotient + 1 : quotient;
  const Int128 size = rest < 0 ? -rest : rest, other = unit - size;
  const bool up = size > other || (size == other && (how == Rounding::half_up || quotient % 2 != 0));
  return up ? quotient + sign : quotient;
}

// No number has so many digits on either side of its point: what is farther is as far.
constexpr int kFar = 400;
// A BigDecimal of Java's cannot move its scale farther than this, and Spark's answer is that error.
constexpr std::int64_t kFarthest = 536'870'919;
constexpr const char* kTooFar = "so many digits cannot be rounded";

int near_digits(std::int32_t digits) {
  return std::clamp(digits, -kFar, kFar);
}
std::int32_t given_digits(const KernelCall& call) {
  return call.arguments.size() > 1 ? call.arguments[1]->value<std::int32_t>(0) : 0;
}

// By the shortest decimal form of the number as a double, as BigDecimal.valueOf has it: all of its digits, d.ddde±x.
template <Rounding how, class T>
T round_float(double x, int digits) {
  if (x == 0) return 0;
  std::array<char, 64> text;
  const char* const end = std::to_chars(text.data(), text.data() + text.size(), x, std::chars_format::scientific).ptr;
  Int128 value = 0;
  int scale = 0;
  const char* p = text.data();
  const bool negative = *p == '-';
  if (negative) ++p;
  bool fraction = false;
  for (; *p != 'e'; ++p) {
    fraction = fraction || *p == '.';
    if (*p == '.') continue;
    value = value * 10 + (*p - '0');
    scale += fraction ? 1 : 0;
  }
  int exponent = 0;
  std::from_chars(p[1] == '+' ? p + 2 : p + 1, end, exponent);
  scale -= exponent;
  if (scale <= digits) return static_cast<T>(x);
  const Int128 result = rounded<how>(negative ? -value : value, scale - digits);
  if (result == 0) return 0;
  // What was rounded has seventeen digits or fewer.
  char* const limit = text.data() + text.size();
  char* last = std::to_chars(text.data(), limit, static_cast<std::int64_t>(result)).ptr;
  *last++ = 'e';
  last = std::to_chars(last, limit, -digits).ptr;
  T made = 0;
  const auto read = std::from_chars(text.data(), last, made);
  if (read.ec == std::errc::result_out_of_range) {
    if (digits > 0) return 0;
    return result < 0 ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::infinity();
  }
  return made;
}

template <Rounding how, class T>
void round_floats(const KernelCall& call) {
  T* out = call.out.values<T>();
  const std::int32_t given = given_digits(call);
  const bool too_far = given > kFarthest || given < -kFarthest;
  const int digits = near_digits(given);
  for_each_value<T>(call, call.arguments[0], [&](const T& x, std::uint32_t row) {
    if (!std::isfinite(x)) {
      out[row] = x;
    } else if (too_far) {
      call.context.errors.add(row, kTooFar);
    } else {
      out[row] = round_float<how, T>(x, digits);
    }
  });
}

template <Rounding how, class T>
void round_integers(const KernelCall& call) {
  T* out = call.out.values<T>();
  const std::int32_t given = given_digits(call);
  const int digits = near_digits(given);
  for_each_value<T>(call, call.arguments[0], [&](const T& x, std::uint32_t row) {
    out[row] = x;
    if (digits >= 0) return;
    if (given < -kFarthest) return call.context.errors.add(row, kTooFar);
    const Int128 value = digits < -20 ? Int128{0} : rounded<how>(x, -digits) * power_of_ten(-digits);
    if (value > std::numeric_limits<T>::max() || value < std::numeric_limits<T>::min()) {
      call.context.errors.add(row, "integer overflow");
    } else {
      out[row] = static_cast<T>(value);
    }
  });
}

template <Rounding how>
void round_decimals(const KernelCall& call) {
  Int128* out = call.out.values<Int128>();
  const int scale = call.arguments[0]->type().scale();
  const std::int32_t given = given_digits(call);
  const int digits = std::min(near_digits(given), scale);
  for_each_value<Int128>(call, call.arguments[0], [&](const Int128& x, std::uint32_t row) {
    if (given < -kFarthest) return call.context.errors.add(row, kTooFar);
    Int128 value = digits == scale ? x : rounded<how>(x, scale - digits);
    if (digits < 0) value = digits < -38 ? 0 : value * power_of_ten(-digits);
    out[row] = value;
    if (!decimal_fits(value, call.out.type().precision())) call.context.errors.add(row, "decimal overflow");
  });
}

// The type of a decimal rounded to `digits` places (Spark's RoundBase).
Type rounded_type(const Type& type, int digits) {
  const int whole = type.precision() - type.scale() + 1;
  if (digits < 0) return Type::decimal(std::min(std::max(whole, -digits + 1), 38), 0);
  const int scale = std::min(type.scale(), digits);
  return Type::decimal(std::min(whole + scale, 38), scale);
}

Result<int> constant_digits(std::string_view name, const CallTypes& call) {
  if (call.types.size() < 2 || is_null_type(call.types[1])) return 0;
  const ColumnPtr& digits = call.constants[1];
  if (digits == nullptr || call.types[1].kind() != TypeKind::int32) {
    return failure("argument 2 of " + std::string(name) + " is a constant int");
  }
  return digits->is_null(0) ? 0 : near_digits(digits->value<std::int32_t>(0));
}

template <Rounding how>
Result<ResolvedCall> resolve_round(std::string_view name, const CallTypes& call) {
  const Result<> count = check_count(name, call, 1, 2);
  if (!count) return pass_on(count);
  const Result<int> digits = constant_digits(name, call);
  if (!digits) return pass_on(digits);
  Type type = call.types[0];
  if (type.kind() == TypeKind::string || is_null_type(type)) type = TypeKind::float64;
  std::vector<Type> arguments(call.types.size(), Type(TypeKind::int32));
  arguments[0] = type;
  switch (type.kind()) {
    case TypeKind::int32: return call_of(arguments, type, round_integers<how, std::int32_t>, true);
    case TypeKind::int64: return call_of(arguments, type, round_integers<how, std::int64_t>, true);
    case TypeKind::float32: return call_of(arguments, type, round_floats<how, float>, true);
    case TypeKind::float64: return call_of(arguments, type, round_floats<how, double>, true);
    case TypeKind::decimal: return call_of(arguments, rounded_type(type, *digits), round_decimals<how>, true);
    default: return failure(wrong_type(name, 0, type, "a number"));
  }
}

// Saturates, as a cast of Java's does; NaN is 0.
template <bool down>
constexpr auto whole_of = [](const double& x) -> std::int64_t {
  const double whole = down ? std::floor(x) : std::ceil(x);
  if (std::isnan(whole)) return 0;
  if (whole >= 9223372036854775808.0) return std::numeric_limits<std::int64_t>::max();
  if (whole <= -9223372036854775808.0) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(whole);
};

template <Rounding how>
Result<ResolvedCall> resolve_whole(std::string_view name, const CallTypes& call) {
  const Result<> count = check_count(name, call, 1, 2);
  if (!count) return pass_on(count);
  Type type = call.types[0];
  if (call.types.size() == 2) {
    if (type.is_integer()) type = decimal_for_integer(type.kind());
    if (type.kind() == TypeKind::float32) type = Type::decimal(14, 7);
    if (type.kind() == TypeKind::float64) type = Type::decimal(30, 15);
    if (type.kind() == TypeKind::string || is_null_type(type)) type = Type::decimal(38, 18);
    const Result<int> digits = constant_digits(name, call);
    if (!digits) return pass_on(digits);
    if (type.kind() != TypeKind::decimal) return failure(wrong_type(name, 0, type, "a number"));
    return call_of({type, TypeKind::int32}, rounded_type(type, *digits), round_decimals<how>, true);
  }
  if (type.is_integer()) {
    return call_of({TypeKind::int64}, TypeKind::int64,
                   unary<std::int64_t, std::int64_t, [](const std::int64_t& a) { return a; }>);
  }
  if (type.kind() == TypeKind::decimal) return call_of({type}, rounded_type(type, 0), round_decimals<how>, true);
  if (!coercible(type, TypeKind::float64)) return failure(wrong_type(name, 0, type, "a number"));
  return call_of({TypeKind::float64}, TypeKind::int64, unary<std::int64_t, double, whole_of<how == Rounding::floor>>);
}

}  // namespace

std::vector<Function> rounding_functions() {
  FunctionList list("Maths");
  list.add({"ceil", "ceiling"}, "ceil(x[, digits])", "the least whole number that is not less", "ceil(1.2) = 2",
           [](const CallTypes& c) { return resolve_whole<Rounding::ceiling>("ceil", c); });
  list.add({"floor"}, "floor(x[, digits])", "the greatest whole number that is not greater", "floor(1.8) = 1",
           [](const CallTypes& c) { return resolve_whole<Rounding::floor>("floor", c); });
  list.add({"round"}, "round(x[, digits])", "rounded, halves away from zero", "round(2.5) = 3",
           [](const CallTypes& c) { return resolve_round<Rounding::half_up>("round", c); });
  list.add({"bround"}, "bround(x[, digits])", "rounded, halves to the even digit", "bround(2.5) = 2",
           [](const CallTypes& c) { return resolve_round<Rounding::half_even>("bround", c); });
  return list.take();
}

}  // namespace streamrun
