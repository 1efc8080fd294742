// Arrays: making, searching, ordering and taking apart.
#include <algorithm>

#include "runner/expr/coercion.h"
#include "runner/expr/functions/array_parts.h"
#include "runner/expr/functions/lists.h"

namespace streamrun {

namespace {

enum class Access { index, element, try_element };
constexpr const char* kFromOne = "element_at counts from 1, not 0";

template <Access access>
void array_access(const KernelCall& call) {
  std::vector<std::uint32_t> rows;
  rows.reserve(call.selection.count());
  call.selection.for_each([&](std::uint32_t row) {
    const ListRef& list = value_at<ListRef>(call, 0, row);
    const std::int64_t given = value_at<std::int32_t>(call, 1, row);
    const std::int64_t at = access == Access::index ? given : given > 0 ? given - 1 : list.length + given;
    if (access != Access::index && given == 0) {
      call.context.errors.add(row, kFromOne);
      rows.push_back(kNoValue);
    } else if (at < 0 || at >= list.length) {
      if (access != Access::try_element) {
        call.context.errors.add(
            row, "index " + std::to_string(given) + " is out of bounds of an array of " + std::to_string(list.length));
      }
      rows.push_back(kNoValue);
    } else {
      rows.push_back(list.offset + static_cast<std::uint32_t>(at));
    }
  });
  place_rows(call, call.arguments[0]->children[0], rows);
}

void map_access(const KernelCall& call) {
  std::vector<std::uint32_t> rows;
  ListFinder finder;
  const Column& map = *call.arguments[0];
  call.selection.for_each([&](std::uint32_t row) {
    const ListRef& list = map.value<ListRef>(row);
    const std::uint32_t at = finder.find(*map.children[0], list, *call.arguments[1], row);
    rows.push_back(at == kNoValue ? kNoValue : list.offset + at);
  });
  place_rows(call, map.children[1], rows);
}

template <Access access>
Result<ResolvedCall> resolve_access(const CallTypes& call) {
  const std::string_view name = access == Access::index     ? "[]"
                                : access == Access::element ? "element_at"
                                                            : "try_element_at";
  const Result<> count = check_count(name, call, 2, 2);
  if (!count) return pass_on(count);
  const Type& type = call.types[0];
  if (type.kind() == TypeKind::array) {
    if (call.types[1].kind() != TypeKind::int32 && !is_null_type(call.types[1]) &&
        !(access == Access::index && call.types[1].kind() == TypeKind::int64)) {
      return failure(wrong_type(name, 1, call.types[1], "int"));
    }
    if (access == Access::element && constant_number(call, 1) == 0) return failure(kFromOne);
    return call_of({type, TypeKind::int32}, type.element(), array_access<access>, true);
  }
  if (type.kind() == TypeKind::map) {
    const std::optional<Type> common = common_type(type.key(), call.types[1], false);
    const bool fits = (common && *common == type.key()) || coercible(call.types[1], type.key());
    if (!fits) return failure(wrong_type(name, 1, call.types[1], type.key().name()));
    return call_of({type, type.key()}, type.value(), map_access);
  }
  return failure(wrong_type(name, 0, type, "an array or a map"));
}

void make_array(const KernelCall& call) {
  Lists lists(call);
  call.selection.for_each([&](std::uint32_t row) {
    lists.begin();
    for (const ColumnPtr& argument : call.arguments) {
      lists.add(*argument, row);
    }
    lists.end(row);
  });
}

Result<ResolvedCall> resolve_array(const CallTypes& call) {
  const Result<Type> common = common_type(call.types);
  if (!common) return pass_on(common);
  return call_of(std::vector<Type>(call.types.size(), *common), Type::array(*common), make_array, false,
                 NullRule::kernel);
}

void size_of(const KernelCall& call) {
  std::int32_t* out = call.out.values<std::int32_t>();
  for_each_value<ListRef>(call, call.arguments[0], [&](const ListRef& list, std::uint32_t row) {
    out[row] = static_cast<std::int32_t>(list.length);
  });
}

// Null where it is not found among nulls.
void contains(const KernelCall& call) {
  std::uint8_t* out = call.out.values<std::uint8_t>();
  ListFinder finder;
  const Column& values = *call.arguments[0]->children[0];
  call.selection.for_each([&](std::uint32_t row) {
    const ListRef& list = value_at<ListRef>(call, 0, row);
    out[row] = finder.find(values, list, *call.arguments[1], row) != kNoValue ? 1 : 0;
    if (out[row] != 0 || values.no_nulls()) return;
    for (std::uint32_t i = 0; i < list.length; ++i) {
      if (values.is_null(list.offset + i)) return call.out.set_null(call.out.slot(row));
    }
  });
}
void position(const KernelCall& call) {
  std::int64_t* out = call.out.values<std::int64_t>();
  ListFinder finder;
  call.selection.for_each([&](std::uint32_t row) {
    const std::uint32_t at =
        finder.find(*call.arguments[0]->children[0], value_at<ListRef>(call, 0, row), *call.arguments[1], row);
    out[row] = at == kNoValue ? 0 : std::int64_t{at} + 1;
  });
}

template <bool least>
void extreme(const KernelCall& call) {
  std::vector<std::uint32_t> rows;
  const ColumnPtr& values = call.arguments[0]->children[0];
  call.selection.for_each([&](std::uint32_t row) {
    const ListRef& list = value_at<ListRef>(call, 0, row);
    std::uint32_t best = kNoValue;
    for (std::uint32_t at = list.offset; at < list.offset + list.length; ++at) {
      if (values->is_null(at)) continue;
      const int order = best == kNoValue ? 0 : compare_values(*values, at, *values, best);
      if (best == kNoValue || (least ? order < 0 : order > 0)) best = at;
    }
    rows.push_back(best);
  });
  place_rows(call, values, rows);
}

void sort(const KernelCall& call) {
  Lists lists(call);
  const Column& values = *call.arguments[0]->children[0];
  std::vector<std::uint32_t> order;
  call.selection.for_each([&](std::uint32_t row) {
    const ListRef& list = value_at<ListRef>(call, 0, row);
    const bool ascending = call.arguments.size() < 2 || value_at<std::uint8_t>(call, 1, row) != 0;
    order.clear();
    for (std::uint32_t i = 0; i < list.length; ++i) order.push_back(list.offset + i);
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      const int o = compare_values(values, a, values, b);
      return ascending ? o < 0 : o > 0;
    });
    lists.begin();
    for (const std::uint32_t at : order) lists.add(values, at);
    lists.end(row);
  });
}

constexpr const char* kSliceFromOne = "slice counts from 1, not 0";
constexpr const char* kNegativeSlice = "slice takes no negative length";

void slice(const KernelCall& call) {
  ListRef* out = call.out.values<ListRef>();
  call.selection.for_each([&](std::uint32_t row) {
    const ListRef& list = value_at<ListRef>(call, 0, row);
    const std::int64_t start = value_at<std::int32_t>(call, 1, row), length = value_at<std::int32_t>(call, 2, row);
    out[row] = {};
    if (start == 0) return call.context.errors.add(row, kSliceFromOne);
    if (length < 0) return call.context.errors.add(row, kNegativeSlice);
    const std::int64_t begin = start > 0 ? start - 1 : list.length + start;
    if (begin < 0 || begin >= list.length) return;
    out[row] = {list.offset + static_cast<std::uint32_t>(begin),
                static_cast<std::uint32_t>(std::min<std::int64_t>(length, list.length - begin))};
  });
  call.out.children = call.arguments[0]->children;
  call.out.keep_heaps_of(*call.arguments[0]);
}

void flatten(const KernelCall& call) {
  Lists lists(call);
  const Column& inner = *call.arguments[0]->children[0];
  call.selection.for_each([&](std::uint32_t row) {
    lists.begin();
    const ListRef& list = value_at<ListRef>(call, 0, row);
    for (std::uint32_t at = list.offset; at < list.offset + list.length; ++at) {
      if (inner.is_null(at)) {
        call.out.set_null(call.out.slot(row));
        continue;
      }
      const ListRef& part = inner.value<ListRef>(at);
      for (std::uint32_t i = 0; i < part.length; ++i) lists.add(*inner.children[0], part.offset + i);
    }
    lists.end(row);
  });
}

bool join_of(const KernelCall& call, std::uint32_t row, BoundedText& text) {
  const ListRef& list = value_at<ListRef>(call, 0, row);
  const Column& values = *call.arguments[0]->children[0];
  bool first = true;
  for (std::uint32_t at = list.offset; at < list.offset + list.length && !text.overflowed(); ++at) {
    if (values.is_null(at) && call.arguments.size() < 3) continue;
    if (!first) text += text_at(call, 1, row);
    first = false;
    text += values.is_null(at) ? text_at(call, 2, row) : values.value<StringRef>(at).view();
  }
  return true;
}

using CommonType = std::optional<Type> (*)(const Type& a, const Type& b);
TypeRule search_rule(std::string_view name, Type result, CallKernel kernel, CommonType common_of, bool null_too) {
  return of_ordered_arrays(name, 2, 2, [=](const CallTypes& call) -> Result<ResolvedCall> {
    const std::optional<Type> common = common_of(call.types[0].element(), call.types[1]);
    if (!common || (is_null_type(call.types[1]) && !null_too))
      return failure(wrong_type(name, 1, call.types[1], call.types[0].element().name()));
    return call_of({Type::array(*common), *common}, result, kernel);
  });
}

}  // namespace

std::vector<Function> array_functions() {
  FunctionList list("Collections");
  const auto wider = [](const Type& a, const Type& b) { return common_type(a, b, false); };
  list.add({"array"}, "array(a, …) -> array", "an array of values", "array(1, 2)[0] = 1", resolve_array);
  list.add({"index"}, "a[i], m[k]", "the element from 0, the value of a key", "array(1, 2)[1] = 2",
           resolve_access<Access::index>);
  list.add({"element_at"}, "element_at(a, i), element_at(m, k)",
           "the element from 1, or from the end; the value of a key", "element_at(array(1, 2), -1) = 2",
           resolve_access<Access::element>);
  list.add({"try_element_at"}, "try_element_at(a, i)", "as element_at, null where there is none",
           "try_element_at(array(1), 5) is null", resolve_access<Access::try_element>);
  list.add({"size", "cardinality"}, "size(a) -> int", "how many elements an array or a map has",
           "size(array(1, 2)) = 2", [](const CallTypes& call) -> Result<ResolvedCall> {
             const Result<> count = check_count("size", call, 1, 1);
             if (!count) return pass_on(count);
             const Type type = is_null_type(call.types[0]) ? Type::array(TypeKind::null) : call.types[0];
             if (type.kind() != TypeKind::array && type.kind() != TypeKind::map)
               return failure(wrong_type("size", 0, type, "an array or a map"));
             return call_of({type}, TypeKind::int32, size_of);
           });
  list.add({"array_contains"}, "array_contains(a, x) -> boolean", "whether x is an element",
           "array_contains(array(1, 2), 2)", search_rule("array_contains", TypeKind::boolean, contains, wider, false));
  list.add({"array_position"}, "array_position(a, x) -> bigint", "the place of x from 1; 0: none",
           "array_position(array(5, 6), 6) = 2",
           search_rule("array_position", TypeKind::int64, position, tightest_type, true));
  list.add({"array_min"}, "array_min(a)", "the least element", "array_min(array(2, 1)) = 1",
           of_ordered_arrays("array_min", 1, 1, [](const CallTypes& call) -> Result<ResolvedCall> {
             return call_of({call.types[0]}, call.types[0].element(), extreme<true>);
           }));
  list.add({"array_max"}, "array_max(a)", "the greatest element", "array_max(array(2, 1)) = 2",
           of_ordered_arrays("array_max", 1, 1, [](const CallTypes& call) -> Result<ResolvedCall> {
             return call_of({call.types[0]}, call.types[0].element(), extreme<false>);
           }));
  list.add({"sort_array", "array_sort"}, "sort_array(a[, ascending])",
           "in order, nulls first ascending, last descending", "sort_array(array(2, 1))[0] = 1",
           of_ordered_arrays("sort_array", 1, 2, [](const CallTypes& call) -> Result<ResolvedCall> {
             std::vector<Type> arguments{call.types[0]};
             if (call.types.size() == 2) {
               if (call.types[1].kind() != TypeKind::boolean)
                 return failure(wrong_type("sort_array", 1, call.types[1], "boolean"));
               arguments.push_back(TypeKind::boolean);
             }
             return call_of(std::move(arguments), call.types[0], sort);
           }));
  list.add({"slice"}, "slice(a, start, length)", "a part, from 1, or from the end",
           "slice(array(1, 2, 3), 2, 1)[0] = 2",
           of_arrays("slice", 3, 3, [](const CallTypes& call) -> Result<ResolvedCall> {
             for (std::size_t i = 1; i < 3; ++i) {
               if (!coercible(call.types[i], TypeKind::int32))
                 return failure(wrong_type("slice", i, call.types[i], "int"));
             }
             if (constant_number(call, 1) == 0) return failure(kSliceFromOne);
             if (constant_number(call, 2).value_or(0) < 0) return failure(kNegativeSlice);
             return call_of({call.types[0], TypeKind::int32, TypeKind::int32}, call.types[0], slice, true);
           }));
  list.add({"flatten"}, "flatten(a)", "the elements of the arrays in an array",
           "size(flatten(array(array(1), array(2)))) = 2",
           of_arrays("flatten", 1, 1, [](const CallTypes& call) -> Result<ResolvedCall> {
             const Type& inner = call.types[0].element();
             if (inner.kind() != TypeKind::array)
               return failure(wrong_type("flatten", 0, call.types[0], "an array of arrays"));
             return call_of({call.types[0]}, inner, flatten, true);
           }));
  list.add({"array_join"}, "array_join(a, separator[, for nulls]) -> string", "the elements as one text",
           "array_join(array('a', 'b'), '-') = 'a-b'",
           of_arrays("array_join", 2, 3, [](const CallTypes& call) -> Result<ResolvedCall> {
             std::vector<Type> arguments{Type::array(TypeKind::string)};
             for (std::size_t i = 1; i < call.types.size(); ++i) arguments.emplace_back(TypeKind::string);
             return call_of(std::move(arguments), TypeKind::string, string_kernel<join_of>, true);
           }));
  return list.take();
}

}  // namespace streamrun
