// Arrays as sets, and sequences.
#include <algorithm>

#include "runner/expr/coercion.h"
#include "runner/expr/functions/array_parts.h"
#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/time_math.h"

namespace streamrun {

namespace {

enum class Sets { distinct, all, both, except };
template <Sets kind>
void set_operation(const KernelCall& call) {
  Lists lists(call);
  ValueSet taken, second;
  call.selection.for_each([&](std::uint32_t row) {
    lists.begin();
    taken.clear();
    second.clear();
    const auto each = [&](std::size_t argument, auto&& f) {
      const ListRef& list = value_at<ListRef>(call, argument, row);
      for (std::uint32_t i = 0; i < list.length; ++i) f(*call.arguments[argument]->children[0], list.offset + i);
    };
    if constexpr (kind == Sets::both || kind == Sets::except) {
      each(1, [&](const Column& column, std::uint32_t at) { second.add(column, at); });
    }
    const auto add = [&](const Column& column, std::uint32_t at) {
      if (kind == Sets::both && !second.contains(column, at)) return;
      if (kind == Sets::except && second.contains(column, at)) return;
      if (taken.add(column, at)) lists.add(column, at);
    };
    each(0, add);
    if constexpr (kind == Sets::all) each(1, add);
    lists.end(row);
  });
}

// T: the elements; f(start, i · step) would overflow only past `stop`.
template <class T, class S, bool months>
void sequence(const KernelCall& call) {
  ListRef* out = call.out.values<ListRef>();
  std::vector<T> values;
  const bool by_micros =
      sizeof(T) == 4 && call.arguments.size() > 2 && call.arguments[2]->type().kind() == TypeKind::day_interval;
  call.selection.for_each([&](std::uint32_t row) {
    const T start = value_at<T>(call, 0, row), stop = value_at<T>(call, 1, row);
    std::int64_t step = start <= stop ? 1 : -1;
    if (call.arguments.size() > 2) {
      step = value_at<S>(call, 2, row);
    }
    // Dates in steps of hours go by the hours, and are the days that these are in.
    const Int128 unit = by_micros ? kDayMicros : 1;
    const auto first = static_cast<std::uint32_t>(values.size());
    out[row] = {first, 0};
    if (step == 0 ? start != stop : (step > 0) != (start <= stop) && start != stop) {
      return call.context.errors.add(row, "the step of sequence does not lead from start to stop");
    }
    const Int128 steps = months || step == 0 ? Int128{0} : (Int128{stop} - start) * unit / step;
    constexpr auto kMostElements = static_cast<std::int64_t>(kMostValueBytes / sizeof(T));
    if (steps >= kMostElements) return call.context.errors.add(row, kListTooLarge);
    if (!call.context.take(static_cast<std::size_t>(steps + 1) * sizeof(T))) return;
    for (std::int64_t i = 0;; ++i) {
      Int128 value = 0;
      if constexpr (months) {
        T moved{};
        const char* fault = nullptr;
        if constexpr (sizeof(T) == 4) {
          fault = time_math::shift_date(start, i * step, moved);
        } else {
          fault = time_math::shift_timestamp(start, i * step, moved);
        }
        if (fault != nullptr) break;
        value = moved;
      } else {
        value = Int128{start} * unit + Int128{i} * step;
      }
      if (step >= 0 ? value > Int128{stop} * unit : value < Int128{stop} * unit) break;
      if (i >= kMostElements) return call.context.errors.add(row, kListTooLarge);
      values.push_back(
          static_cast<T>(by_micros ? floor_quotient(static_cast<std::int64_t>(value), kDayMicros) : value));
      if (step == 0) break;
    }
    out[row].length = static_cast<std::uint32_t>(values.size()) - first;
  });
  MutableColumn column = Column::make(call.out.type().element(), static_cast<std::uint32_t>(values.size()));
  std::copy(values.begin(), values.end(), column->values<T>());
  call.out.children = {std::move(column)};
}

Result<ResolvedCall> resolve_sequence(const CallTypes& call) {
  const Result<> count = check_count("sequence", call, 2, 3);
  if (!count) return pass_on(count);
  std::optional<Type> type = common_type(call.types[0], call.types[1], false);
  if (type && is_null_type(*type)) type = TypeKind::int32;
  if (!type) return failure("sequence takes a start and a stop of one type");
  const Type step = call.types.size() > 2 ? call.types[2] : Type();
  const auto with_step = [&](const Type& element, const Type& by) {
    std::vector<Type> arguments(call.types.size(), element);
    if (arguments.size() > 2) arguments[2] = by;
    return arguments;
  };
  if (type->is_integer()) {
    const bool wide = type->kind() == TypeKind::int64 || step.kind() == TypeKind::int64;
    if (call.types.size() > 2 && !step.is_integer() && !is_null_type(step)) {
      return failure(wrong_type("sequence", 2, step, "a whole number"));
    }
    const Type element = wide ? TypeKind::int64 : TypeKind::int32;
    return call_of(with_step(element, element), Type::array(element),
                   wide ? sequence<std::int64_t, std::int64_t, false> : sequence<std::int32_t, std::int32_t, false>,
                   true);
  }
  if (type->kind() == TypeKind::date || type->kind() == TypeKind::timestamp) {
    const bool date = type->kind() == TypeKind::date;
    if (step.kind() == TypeKind::month_interval) {
      return call_of(with_step(*type, step), Type::array(*type),
                     date ? sequence<std::int32_t, std::int32_t, true> : sequence<std::int64_t, std::int32_t, true>,
                     true);
    }
    if (step.kind() == TypeKind::day_interval || (date && is_null_type(step))) {
      return call_of(with_step(*type, TypeKind::day_interval), Type::array(*type),
                     date ? sequence<std::int32_t, std::int64_t, false> : sequence<std::int64_t, std::int64_t, false>,
                     true);
    }
  }
  return failure(wrong_type("sequence", 0, call.types[0], "a whole number, a date or a timestamp"));
}

template <Sets kind>
TypeRule set_rule(std::string_view name) {
  return of_ordered_arrays(name, 2, 2, [=](const CallTypes& call) -> Result<ResolvedCall> {
    std::optional<Type> common = common_type(call.types[0], call.types[1], false);
    if (common && call.types[1].kind() == TypeKind::array) {
      const std::optional<Type> element = tightest_type(call.types[0].element(), call.types[1].element());
      common = element ? std::optional(Type::array(*element)) : std::nullopt;
    }
    if (!common || common->kind() != TypeKind::array)
      return failure(wrong_type(name, 1, call.types[1], call.types[0].name()));
    return call_of({*common, *common}, *common, set_operation<kind>, kind == Sets::all);
  });
}

}  // namespace

std::vector<Function> array_set_functions() {
  FunctionList list("Collections");
  list.add({"array_distinct"}, "array_distinct(a)", "without duplicates", "size(array_distinct(array(1, 1))) = 1",
           of_ordered_arrays("array_distinct", 1, 1, [](const CallTypes& call) -> Result<ResolvedCall> {
             return call_of({call.types[0]}, call.types[0], set_operation<Sets::distinct>);
           }));
  list.add({"array_union"}, "array_union(a, b)", "elements of either, without duplicates",
           "size(array_union(array(1), array(1, 2))) = 2", set_rule<Sets::all>("array_union"));
  list.add({"array_intersect"}, "array_intersect(a, b)", "elements of both, without duplicates",
           "size(array_intersect(array(1), array(1, 2))) = 1", set_rule<Sets::both>("array_intersect"));
  list.add({"array_except"}, "array_except(a, b)", "elements of a that are not in b, without duplicates",
           "size(array_except(array(1), array(1, 2))) = 0", set_rule<Sets::except>("array_except"));
  list.add({"sequence"}, "sequence(start, stop[, step]) -> array", "numbers, dates or timestamps in steps",
           "size(sequence(1, 3)) = 3", resolve_sequence);
  return list.take();
}

}  // namespace streamrun
