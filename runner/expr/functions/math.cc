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
  const bool interval = type.kind() == TypeKind::month_interval || type.kind() == TypeKind::day_interval;
  if (!type.is_numeric() && !interval) return failure(wrong_type("abs", 0, type, "a number or an interval"));
  return with_storage(type.kind(), [&]<class T>() -> Result<ResolvedCall> {
    if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, Int128>) {
      return call_of({type}, type, checked_unary<T, T, absolute<T>>, std::is_integral_v<T>);
    } else {
      return failure("abs takes a number");
    }
  });
}

// The library's root may be off by its last bit; a step of Newton's mends it.
constexpr auto cube_root = [](const double& x) {
  const double root = std::cbrt(x);
  return root == 0 || !std::isfinite(root) ? root : root - (root * root * root - x) / (3 * root * root);
};

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

constexpr auto sign_of = [](const double& x) { return std::isnan(x) ? x : x > 0 ? 1.0 : x < 0 ? -1.0 : x; };

}  // namespace

std::vector<Function> math_functions() {
  FunctionList list("Maths");
  const Type real = TypeKind::float64;
  const auto one = [&](std::vector<std::string_view> names, std::string_view signature, std::string_view summary,
                       std::string_view example, CallKernel kernel) {
    const std::string name(names[0]);
    list.add(std::move(names), signature, summary, example, fixed({name, {real}, 1, real, kernel}));
  };
  list.add({"abs"}, "abs(x)", "the number without its sign", "abs(-1) = 1", resolve_abs);
  one({"sqrt"}, "sqrt(x) -> double", "the square root", "sqrt(16) = 4",
      unary<double, double, [](const double& x) { return std::sqrt(x); }>);
  one({"cbrt"}, "cbrt(x) -> double", "the cube root", "cbrt(27) = 3", unary<double, double, cube_root>);
  one({"exp"}, "exp(x) -> double", "e to the power of x", "exp(0) = 1",
      unary<double, double, [](const double& x) { return std::exp(x); }>);
  one({"ln"}, "ln(x) -> double", "the natural logarithm, null for x <= 0", "ln(1) = 0",
      logarithm<[](double x) { return std::log(x); }>);
  one({"log2"}, "log2(x) -> double", "the logarithm to base 2", "log2(8) = 3",
      logarithm<[](double x) { return std::log2(x); }>);
  one({"log10"}, "log10(x) -> double", "the logarithm to base 10", "log10(100) = 2",
      logarithm<[](double x) { return std::log10(x); }>);
  list.add({"log"}, "log([base,] x) -> double", "the natural logarithm, or that to a base", "log(10, 100) = 2",
           [real](const CallTypes& call) {
             const bool natural = call.types.size() == 1;
             return fixed({"log", natural ? std::vector<Type>{real} : std::vector<Type>{real, real}, natural ? 1U : 2U,
                           real, natural ? logarithm<[](double x) { return std::log(x); }> : logarithm_of_base})(call);
           });
  list.add({"pow", "power"}, "pow(x, y) -> double", "x to the power of y", "pow(2, 10) = 1024",
           fixed({"pow", {real, real}, 2, real, binary<double, double, double, [](const double& x, const double& y) {
                    return std::isnan(y) || (std::fabs(x) == 1 && std::isinf(y))
                               ? std::numeric_limits<double>::quiet_NaN()
                               : std::pow(x, y);
                  }>}));
  one({"sign", "signum"}, "sign(x) -> double", "-1, 0 or 1", "sign(-5) = -1", unary<double, double, sign_of>);
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
  list.add({"atan2"}, "atan2(y, x) -> double", "the angle of the point (x, y)", "atan2(0, 1) = 0",
           fixed({"atan2",
                  {real, real},
                  2,
                  real,
                  binary<double, double, double, [](const double& y, const double& x) { return std::atan2(y, x); }>}));
  return list.take();
}

}  // namespace streamrun
