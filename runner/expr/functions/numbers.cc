// Remainders, extremes, random numbers, and arithmetic that gives null instead of an error.
#include <cmath>
#include <limits>

#include "runner/data/text_value.h"
#include "runner/expr/coercion.h"
#include "runner/expr/decimal_math.h"
#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"

namespace streamrun {

namespace {

constexpr const char* kZero = "division by zero";

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
  EvalContext inner{call.context.batch, call.context.seed_row, {}, call.context.budget};
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

// splitmix64: number `n` of those that begin at `start`.
std::uint64_t split_mix(std::uint64_t start, std::uint64_t n) {
  std::uint64_t x = start + (n + 1) * 0x9E3779B97F4A7C15U;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31);
}

// A number of [0, 1) for each row of the pass: the same from run to run and at any parallelism. Neither the numbers of
// one seed nor those of one batch are those of another, a few rows on.
void random(const KernelCall& call) {
  double* out = call.out.values<double>();
  const std::uint64_t seed =
      call.arguments[0]->is_null(0) ? 0 : static_cast<std::uint64_t>(call.arguments[0]->value<std::int64_t>(0));
  const std::uint64_t start = split_mix(split_mix(0, seed), static_cast<std::uint64_t>(call.context.batch.value));
  call.selection.for_each([&](std::uint32_t row) {
    out[row] = static_cast<double>(split_mix(start, call.context.seed_row + row) >> 11) * 0x1.0p-53;
  });
}

}  // namespace

std::vector<Function> number_functions() {
  FunctionList list("Maths");
  list.add({"pmod"}, "pmod(a, b)", "the remainder, never negative for b > 0", "pmod(-10, 3) = 2", resolve_pmod);
  list.add({"greatest"}, "greatest(a, b, …)", "the greatest, nulls passed over", "greatest(1, 3, 2) = 3",
           resolve_extreme<true>);
  list.add({"least"}, "least(a, b, …)", "the least, nulls passed over", "least(1, 3, 2) = 1", resolve_extreme<false>);
  list.add({"rand", "random"}, "rand([seed]) -> double",
           "a number from 0 up to 1 for each row; without a seed each call has its own", "rand(1) < 1",
           fixed({"rand", {TypeKind::int64}, 0, TypeKind::float64, random, false, nullptr, true}));
  list.add({"try_add"}, "try_add(a, b)", "the sum, null where it overflows", "try_add(1, 2) = 3", try_rule<'+'>());
  list.add({"try_subtract"}, "try_subtract(a, b)", "the difference, null where it overflows", "try_subtract(3, 2) = 1",
           try_rule<'-'>());
  list.add({"try_multiply"}, "try_multiply(a, b)", "the product, null where it overflows", "try_multiply(2, 3) = 6",
           try_rule<'*'>());
  list.add({"try_divide"}, "try_divide(a, b)", "the quotient, null for b = 0", "try_divide(1, 0) is null",
           try_rule<'/'>());
  list.add({"try_mod"}, "try_mod(a, b)", "the remainder, null for b = 0", "try_mod(1, 0) is null", try_rule<'%'>());
  return list.take();
}

}  // namespace streamrun
