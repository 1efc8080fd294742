// Comparisons, bits, `not` and `||`, under their symbols. `and`, `or`, `in`, `case` and the like are nodes of the
// expression tree.
#include <cmath>

#include "runner/expr/coercion.h"
#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"

namespace streamrun {

namespace {

template <class T>
constexpr auto invert = [](const T& a) { return ~a; };
constexpr auto negate_truth = [](const std::uint8_t& a) { return a ^ 1; };

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

template <Comparison c>
Result<ResolvedCall> resolve_comparison(std::string_view op, const CallTypes& call) {
  const Result<> count = check_count("'" + std::string(op) + "'", call, 2, 2);
  if (!count) return pass_on(count);
  const std::optional<Type> common = comparison_type(call.types[0], call.types[1]);
  if (!common || !has_order(*common)) return failure(operator_mismatch(op, call.types[0], call.types[1]));
  const CallKernel kernel = with_storage(common->kind(), []<class T>() -> CallKernel {
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
  if (!common || !has_order(*common)) return failure(operator_mismatch("<=>", call.types[0], call.types[1]));
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
    return failure(operator_mismatch(std::string_view(&name[1], 1), a, b));
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

template <Comparison c>
TypeRule comparison(std::string_view op) {
  return [op](const CallTypes& call) { return resolve_comparison<c>(op, call); };
}

}  // namespace

std::vector<Function> comparison_functions() {
  FunctionList list("Operators");
  list.add({"=", "=="}, "a = b -> boolean", "equal", "1 = 1", comparison<Comparison::equal>("="));
  list.add({"<=>"}, "a <=> b -> boolean", "equal, and null is equal to null", "null <=> null", resolve_null_safe);
  list.add({"<>", "!="}, "a <> b -> boolean", "not equal", "1 <> 2", comparison<Comparison::unequal>("<>"));
  list.add({"<"}, "a < b -> boolean", "less", "1 < 2", comparison<Comparison::less>("<"));
  list.add({"<="}, "a <= b -> boolean", "less or equal", "1 <= 1", comparison<Comparison::at_most>("<="));
  list.add({">"}, "a > b -> boolean", "greater", "2 > 1", comparison<Comparison::greater>(">"));
  list.add({">="}, "a >= b -> boolean", "greater or equal", "1 >= 1", comparison<Comparison::at_least>(">="));
  list.add({"||"}, "a || b", "strings, binaries or arrays one after the other", "'a' || 'b' = 'ab'", resolve_concat);
  list.add({"&"}, "a & b", "bitwise and", "12 & 10 = 8", resolve_bits<'&'>);
  list.add({"|"}, "a | b", "bitwise or", "12 | 10 = 14", resolve_bits<'|'>);
  list.add({"^"}, "a ^ b", "bitwise exclusive or", "12 ^ 10 = 6", resolve_bits<'^'>);
  list.add({"~"}, "~ a", "bitwise not", "~ 0 = -1", resolve_invert);
  list.add({"not", "!"}, "not a -> boolean", "true where a is false", "not false",
           fixed({"not", {TypeKind::boolean}, 1, TypeKind::boolean, unary<std::uint8_t, std::uint8_t, negate_truth>}));
  return list.take();
}

}  // namespace streamrun
