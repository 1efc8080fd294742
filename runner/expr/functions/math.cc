// Numbers.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "runner/data/text_value.h"
#include "runner/expr/coercion.h"
#include "runner/expr/decimal_math.h"
#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"

namespace streamrun {
namespace {

constexpr const char* kOverflow = "integer overflow";
constexpr const char* kZero = "division by zero";

template <class T>
constexpr auto absolute = [](const T& a, T& out) -> const char* {
  if constexpr (std::is_integral_v<T>) {
    if (a == std::numeric_limits<T>::min()) return kOverflow;
  }
  if constexpr (std::is_floating_point_v<T>) {
    out = std::fabs(a);
  } else {
    out = a < 0 ? static_cast<T>(-a) : a;
  }
  return nullptr;
};

Result<ResolvedCall> resolve_abs(const CallTypes& call) {
  const Result<> count = check_count("abs", call, 1, 1);
  if (!count) return pass_on(count);
  Type type = call.types[0];
  if (type.kind() == TypeKind::string || is_null_type(type)) type = TypeKind::float64;
  if (!type.is_numeric()) return failure(wrong_type("abs", 0, type, "a number"));
  return with_storage(type.kind(), [&]<class T>() -> Result<ResolvedCall> {
    if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, Int128>) {
      return call_of({type}, type, checked_unary<T, T, absolute<T>>, type.is_integer());
    } else {
      return failure("abs takes a number");
    }
  });
}

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

int digits_of(const KernelCall& call) {
  return call.arguments.size() > 1 ? call.arguments[1]->value<std::int32_t>(0) : 0;
}

// By the shortest decimal form of the number.
template <Rounding how, class T>
T round_float(T x, int digits, std::string& text) {
  if (!std::isfinite(x) || x == 0 || digits >= 20) return x;
  constexpr int kScale = 20;
  Int128 value = 0;
  if (std::fabs(static_cast<double>(x)) >= 9007199254740992.0) {
    if (digits >= 0 || std::fabs(static_cast<double>(x)) >= 1e36) return x;
    value = static_cast<Int128>(x);
    if (-digits > 37) return 0;
    return static_cast<T>(rounded<how>(value, -digits) * power_of_ten(-digits));
  }
  text.clear();
  if constexpr (std::is_same_v<T, float>) {
    append_java_float(x, text);
  } else {
    append_java_double(x, text);
  }
  if (parse_decimal(text, 38, kScale, value) != DecimalParse::ok) return x;
  const Int128 result = rounded<how>(value, kScale - digits);
  if (result == 0) return 0;
  if (digits >= 0) return static_cast<T>(decimal_to_double(result, digits));
  return static_cast<T>(result * power_of_ten(std::min(-digits, 18)));
}

template <Rounding how, class T>
void round_floats(const KernelCall& call) {
  T* out = call.out.values<T>();
  const int digits = digits_of(call);
  std::string text;
  for_each_value<T>(call, call.arguments[0],
                    [&](const T& x, std::uint32_t row) { out[row] = round_float<how, T>(x, digits, text); });
}

template <Rounding how, class T>
void round_integers(const KernelCall& call) {
  T* out = call.out.values<T>();
  const int digits = digits_of(call);
  for_each_value<T>(call, call.arguments[0], [&](const T& x, std::uint32_t row) {
    out[row] = x;
    if (digits >= 0) return;
    const Int128 value = digits < -20 ? Int128{0} : rounded<how>(x, -digits) * power_of_ten(-digits);
    if (value > std::numeric_limits<T>::max() || value < std::numeric_limits<T>::min()) {
      call.context.errors.add(row, kOverflow);
    } else {
      out[row] = static_cast<T>(value);
    }
  });
}

template <Rounding how>
void round_decimals(const KernelCall& call) {
  Int128* out = call.out.values<Int128>();
  const int scale = call.arguments[0]->type().scale(), to = call.out.type().scale();
  const int digits = std::min(digits_of(call), scale);
  for_each_value<Int128>(call, call.arguments[0], [&](const Int128& x, std::uint32_t row) {
    Int128 value = digits == scale ? x : rounded<how>(x, scale - digits);
    if (digits < 0) value = digits < -38 ? 0 : value * power_of_ten(-digits);
    static_cast<void>(to);
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
  return digits->is_null(0) ? 0 : digits->value<std::int32_t>(0);
}

template <Rounding how>
Result<ResolvedCall> resolve_round(std::string_view name, const CallTypes& call) {
  const Result<> count = check_count(name, call, 1, 2);
  if (!count) return pass_on(count);
  const Result<int> digits = constant_digits(name, call);
  if (!digits) return pass_on(digits);
  Type type = call.types[0];
  if (type.kind() == TypeKind::string || is_null_type(type)) type = TypeKind::float64;
  std::vector<Type> arguments{type};
  if (call.types.size() == 2) arguments.emplace_back(TypeKind::int32);
  switch (type.kind()) {
    case TypeKind::int32: return call_of(arguments, type, round_integers<how, std::int32_t>, true);
    case TypeKind::int64: return call_of(arguments, type, round_integers<how, std::int64_t>, true);
    case TypeKind::float32: return call_of(arguments, type, round_floats<how, float>);
    case TypeKind::float64: return call_of(arguments, type, round_floats<how, double>);
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
    if (type.is_float() || type.kind() == TypeKind::string || is_null_type(type)) type = Type::decimal(30, 15);
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

// f(x), null where x <= 0.
template <auto f>
void logarithm(const KernelCall& call) {
  double* out = call.out.values<double>();
  for_each_value<double>(call, call.arguments[0], [&](const double& x, std::uint32_t row) {
    out[row] = x <= 0 ? 0 : f(x);
    if (x <= 0) call.out.set_null(call.out.slot(row));
  });
}
void logarithm_of_base(const KernelCall& call) {
  double* out = call.out.values<double>();
  for_each_pair<double, double>(call, [&](const double& base, const double& x, std::uint32_t row) {
    const bool valid = !(base <= 0) && !(x <= 0);
    out[row] = valid ? std::log(x) / std::log(base) : 0;
    if (!valid) call.out.set_null(call.out.slot(row));
  });
}

template <class T>
constexpr auto positive_remainder = [](const T& a, const T& b, T& out) -> const char* {
  if (b == 0) return kZero;
  if constexpr (std::is_floating_point_v<T>) {
    const T rest = std::fmod(a, b);
    out = rest < 0 ? std::fmod(rest + b, b) : rest;
  } else {
    if (b == -1) {
      out = 0;
      return nullptr;
    }
    const T rest = static_cast<T>(a % b);
    out = rest < 0 ? static_cast<T>((Int128{rest} + b) % b) : rest;
  }
  return nullptr;
};
void positive_decimal_remainder(const KernelCall& call) {
  const int sa = call.arguments[0]->type().scale(), sb = call.arguments[1]->type().scale();
  const DecimalShape to{call.out.type().precision(), call.out.type().scale()};
  Int128* out = call.out.values<Int128>();
  for_each_pair<Int128, Int128>(call, [&](const Int128& a, const Int128& b, std::uint32_t row) {
    if (b == 0) return call.context.errors.add(row, kZero);
    Int128 rest = 0;
    bool fits = decimal_remainder(a, sa, b, sb, to, rest);
    if (fits && rest < 0) {
      Int128 sum = 0;
      fits =
          decimal_add(rest, to.scale, b, sb, {38, to.scale}, sum) && decimal_remainder(sum, to.scale, b, sb, to, rest);
    }
    out[row] = rest;
    if (!fits) call.context.errors.add(row, "decimal overflow");
  });
}
Result<ResolvedCall> resolve_pmod(const CallTypes& call) {
  Result<ResolvedCall> plain = resolve_arithmetic("%", call);
  if (!plain) return plain;
  plain->can_fail = true;
  switch (plain->result.kind()) {
    case TypeKind::int32:
      plain->kernel = checked_binary<std::int32_t, std::int32_t, std::int32_t, positive_remainder<std::int32_t>>;
      break;
    case TypeKind::int64:
      plain->kernel = checked_binary<std::int64_t, std::int64_t, std::int64_t, positive_remainder<std::int64_t>>;
      break;
    case TypeKind::float32: plain->kernel = checked_binary<float, float, float, positive_remainder<float>>; break;
    case TypeKind::float64: plain->kernel = checked_binary<double, double, double, positive_remainder<double>>; break;
    default: plain->kernel = positive_decimal_remainder; break;
  }
  return plain;
}

// The operation with an error made null. The arguments have their types already, so resolving again finds its kernel.
template <char op>
void try_arithmetic(const KernelCall& call) {
  const Type types[] = {call.arguments[0]->type(), call.arguments[1]->type()};
  const ColumnPtr none[2];
  const char name[] = {op, '\0'};
  const Result<ResolvedCall> plain = resolve_arithmetic(name, {types, none});
  if (!plain) return;
  EvalContext inner{call.context.batch, call.context.seed_row, {}};
  plain->kernel({call.arguments, call.selection, call.out, inner, nullptr});
  for (const RowError& error : inner.errors.all()) call.out.set_null(call.out.slot(error.row));
}
template <char op>
TypeRule try_rule() {
  return [](const CallTypes& call) -> Result<ResolvedCall> {
    const char name[] = {op, '\0'};
    Result<ResolvedCall> plain = resolve_arithmetic(name, call);
    if (!plain) return plain;
    plain->kernel = try_arithmetic<op>;
    plain->can_fail = false;
    return plain;
  };
}

// Nulls are passed over; null where all are.
template <bool greatest>
void extreme(const KernelCall& call) {
  std::vector<std::size_t> best;
  const auto pick = [&](std::uint32_t row) {
    std::size_t at = call.arguments.size();
    for (std::size_t i = 0; i < call.arguments.size(); ++i) {
      if (call.arguments[i]->is_null(row)) continue;
      const int order =
          at == call.arguments.size() ? 0 : compare_values(*call.arguments[i], row, *call.arguments[at], row);
      if (at == call.arguments.size() || (greatest ? order > 0 : order < 0)) at = i;
    }
    return at;
  };
  with_storage(call.out.type().kind(), [&]<class T>() {
    if constexpr (std::is_void_v<T> || std::is_same_v<T, ListRef>) {
      ColumnBuilder builder(call.out.type());
      std::uint32_t next = 0;
      call.selection.for_each([&](std::uint32_t row) {
        for (; next < row; ++next) builder.append_null();
        const std::size_t at = pick(row);
        if (at == call.arguments.size()) {
          builder.append_null();
          call.out.set_null(call.out.slot(row));
        } else {
          builder.append(*call.arguments[at], row);
        }
        ++next;
      });
      for (; next < call.out.slots(); ++next) builder.append_null();
      const MutableColumn made = builder.finish();
      if constexpr (std::is_same_v<T, ListRef>) {
        call.selection.for_each(
            [&](std::uint32_t row) { call.out.values<ListRef>()[row] = made->value<ListRef>(row); });
      }
      call.out.children = made->children;
      call.out.keep_heaps_of(*made);
    } else {
      T* out = call.out.values<T>();
      call.selection.for_each([&](std::uint32_t row) {
        const std::size_t at = pick(row);
        if (at == call.arguments.size()) {
          out[row] = T{};
          call.out.set_null(call.out.slot(row));
        } else {
          out[row] = call.arguments[at]->value<T>(row);
        }
      });
      for (const ColumnPtr& argument : call.arguments) call.out.keep_heaps_of(*argument);
    }
  });
}
template <bool greatest>
Result<ResolvedCall> resolve_extreme(const CallTypes& call) {
  const Result<> count = check_count(greatest ? "greatest" : "least", call, 2, std::string::npos);
  if (!count) return pass_on(count);
  const Result<Type> common = common_type(call.types, false);
  if (!common) return pass_on(common);
  if (common->kind() == TypeKind::map || common->kind() == TypeKind::variant)
    return failure("values of type " + common->name() + " have no order");
  return call_of(std::vector<Type>(call.types.size(), *common), *common, extreme<greatest>, false, NullRule::kernel);
}

// A number of [0, 1) for each row of the pass, by splitmix64: the same from run to run and at any parallelism.
void random(const KernelCall& call) {
  double* out = call.out.values<double>();
  const std::uint64_t seed = call.arguments.empty() || call.arguments[0]->is_null(0)
                                 ? 0
                                 : static_cast<std::uint64_t>(call.arguments[0]->value<std::int64_t>(0));
  const std::uint64_t start =
      seed * 0x9E3779B97F4A7C15U + static_cast<std::uint64_t>(call.context.batch.value) * 0xD1B54A32D192ED03U;
  call.selection.for_each([&](std::uint32_t row) {
    std::uint64_t x = start + (call.context.seed_row + row + 1) * 0x9E3779B97F4A7C15U;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
    out[row] = static_cast<double>((x ^ (x >> 31)) >> 11) * 0x1.0p-53;
  });
}

constexpr auto sign_of = [](const double& x) { return std::isnan(x) ? x : x > 0 ? 1.0 : x < 0 ? -1.0 : x; };

}  // namespace

std::vector<Function> math_functions() {
  std::vector<Function> list;
  const Type real = TypeKind::float64;
  const auto add = [&](std::vector<std::string_view> names, std::string_view signature, std::string_view summary,
                       std::string_view example, TypeRule rule) {
    list.push_back({std::move(names), "Maths", signature, summary, example, FunctionKind::scalar, std::move(rule)});
  };
  const auto one = [&](std::vector<std::string_view> names, std::string_view signature, std::string_view summary,
                       std::string_view example, Kernel kernel) {
    const std::string name(names[0]);
    add(std::move(names), signature, summary, example, fixed({name, {real}, 1, real, kernel}));
  };
  add({"abs"}, "abs(x)", "the number without its sign", "abs(-1) = 1", resolve_abs);
  add({"ceil", "ceiling"}, "ceil(x[, digits])", "the least whole number that is not less", "ceil(1.2) = 2",
      [](const CallTypes& c) { return resolve_whole<Rounding::ceiling>("ceil", c); });
  add({"floor"}, "floor(x[, digits])", "the greatest whole number that is not greater", "floor(1.8) = 1",
      [](const CallTypes& c) { return resolve_whole<Rounding::floor>("floor", c); });
  add({"round"}, "round(x[, digits])", "rounded, halves away from zero", "round(2.5) = 3",
      [](const CallTypes& c) { return resolve_round<Rounding::half_up>("round", c); });
  add({"bround"}, "bround(x[, digits])", "rounded, halves to the even digit", "bround(2.5) = 2",
      [](const CallTypes& c) { return resolve_round<Rounding::half_even>("bround", c); });
  one({"sqrt"}, "sqrt(x) -> double", "the square root", "sqrt(16) = 4",
      unary<double, double, [](const double& x) { return std::sqrt(x); }>);
  one({"cbrt"}, "cbrt(x) -> double", "the cube root", "cbrt(27) = 3",
      unary<double, double, [](const double& x) { return std::cbrt(x); }>);
  one({"exp"}, "exp(x) -> double", "e to the power of x", "exp(0) = 1",
      unary<double, double, [](const double& x) { return std::exp(x); }>);
  one({"ln"}, "ln(x) -> double", "the natural logarithm, null for x <= 0", "ln(1) = 0",
      logarithm<[](double x) { return std::log(x); }>);
  one({"log2"}, "log2(x) -> double", "the logarithm to base 2", "log2(8) = 3",
      logarithm<[](double x) { return std::log2(x); }>);
  one({"log10"}, "log10(x) -> double", "the logarithm to base 10", "log10(100) = 2",
      logarithm<[](double x) { return std::log10(x); }>);
  add({"log"}, "log([base,] x) -> double", "the natural logarithm, or that to a base", "log(10, 100) = 2",
      [real](const CallTypes& call) {
        const bool natural = call.types.size() == 1;
        return fixed({"log", natural ? std::vector<Type>{real} : std::vector<Type>{real, real}, natural ? 1U : 2U, real,
                      natural ? logarithm<[](double x) { return std::log(x); }> : logarithm_of_base})(call);
      });
  add({"pow", "power"}, "pow(x, y) -> double", "x to the power of y", "pow(2, 10) = 1024",
      fixed({"pow", {real, real}, 2, real, binary<double, double, double, [](const double& x, const double& y) {
               return std::isnan(y) || (std::fabs(x) == 1 && std::isinf(y)) ? std::numeric_limits<double>::quiet_NaN()
                                                                            : std::pow(x, y);
             }>}));
  one({"sign", "signum"}, "sign(x) -> double", "-1, 0 or 1", "sign(-5) = -1", unary<double, double, sign_of>);
  add({"pmod"}, "pmod(a, b)", "the remainder, never negative for b > 0", "pmod(-10, 3) = 2", resolve_pmod);
  add({"greatest"}, "greatest(a, b, …)", "the greatest, nulls passed over", "greatest(1, 3, 2) = 3",
      resolve_extreme<true>);
  add({"least"}, "least(a, b, …)", "the least, nulls passed over", "least(1, 3, 2) = 1", resolve_extreme<false>);
  one({"sin"}, "sin(x) -> double", "the sine", "sin(0) = 0",
      unary<double, double, [](const double& x) { return std::sin(x); }>);
  one({"cos"}, "cos(x) -> double", "the cosine", "cos(0) = 1",
      unary<double, double, [](const double& x) { return std::cos(x); }>);
  one({"tan"}, "tan(x) -> double", "the tangent", "tan(0) = 0",
      unary<double, double, [](const double& x) { return std::tan(x); }>);
  one({"asin"}, "asin(x) -> double", "the arc sine", "asin(0) = 0",
      unary<double, double, [](const double& x) { return std::asin(x); }>);
  one({"acos"}, "acos(x) -> double", "the arc cosine", "acos(1) = 0",
      unary<double, double, [](const double& x) { return std::acos(x); }>);
  one({"atan"}, "atan(x) -> double", "the arc tangent", "atan(0) = 0",
      unary<double, double, [](const double& x) { return std::atan(x); }>);
  one({"sinh"}, "sinh(x) -> double", "the hyperbolic sine", "sinh(0) = 0",
      unary<double, double, [](const double& x) { return std::sinh(x); }>);
  one({"cosh"}, "cosh(x) -> double", "the hyperbolic cosine", "cosh(0) = 1",
      unary<double, double, [](const double& x) { return std::cosh(x); }>);
  one({"tanh"}, "tanh(x) -> double", "the hyperbolic tangent", "tanh(0) = 0",
      unary<double, double, [](const double& x) { return std::tanh(x); }>);
  one({"degrees"}, "degrees(x) -> double", "radians to degrees", "degrees(0) = 0",
      unary<double, double, [](const double& x) { return x * (180.0 / std::numbers::pi); }>);
  one({"radians"}, "radians(x) -> double", "degrees to radians", "radians(0) = 0",
      unary<double, double, [](const double& x) { return x * (std::numbers::pi / 180.0); }>);
  add({"atan2"}, "atan2(y, x) -> double", "the angle of the point (x, y)", "atan2(0, 1) = 0",
      fixed({"atan2",
             {real, real},
             2,
             real,
             binary<double, double, double, [](const double& y, const double& x) { return std::atan2(y, x); }>}));
  add({"rand", "random"}, "rand([seed]) -> double", "a number from 0 up to 1 for each row", "rand(1) < 1",
      fixed({"rand", {TypeKind::int64}, 0, real, random}));
  add({"try_add"}, "try_add(a, b)", "the sum, null where it overflows", "try_add(1, 2) = 3", try_rule<'+'>());
  add({"try_subtract"}, "try_subtract(a, b)", "the difference, null where it overflows", "try_subtract(3, 2) = 1",
      try_rule<'-'>());
  add({"try_multiply"}, "try_multiply(a, b)", "the product, null where it overflows", "try_multiply(2, 3) = 6",
      try_rule<'*'>());
  add({"try_divide"}, "try_divide(a, b)", "the quotient, null for b = 0", "try_divide(1, 0) is null", try_rule<'/'>());
  add({"try_mod"}, "try_mod(a, b)", "the remainder, null for b = 0", "try_mod(1, 0) is null", try_rule<'%'>());
  return list;
}

}  // namespace streamrun
