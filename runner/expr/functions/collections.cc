// Arrays, maps and structures.
#include <algorithm>
#include <limits>

#include "runner/expr/coercion.h"
#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"
#include "runner/expr/functions/time_math.h"

namespace streamrun {
namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

// Writes row `rows[i]` of `child` to selected row i of `out`; kNone is null. Strings and lists are shared.
void take(const KernelCall& call, const ColumnPtr& child, const std::vector<std::uint32_t>& rows) {
  std::uint32_t i = 0;
  with_storage(call.out.type().kind(), [&]<class T>() {
    if constexpr (std::is_void_v<T>) {
      std::vector<std::uint32_t> from(call.out.slots(), 0);
      call.selection.for_each([&](std::uint32_t row) {
        const std::uint32_t at = rows[i++];
        if (at == kNone || child->is_null(at)) {
          call.out.set_null(call.out.slot(row));
        } else {
          from[call.out.slot(row)] = at;
        }
      });
      if (child->rows() == 0) from.clear();
      call.out.children.clear();
      for (const ColumnPtr& field : child->children) call.out.children.push_back(gather(field, from));
    } else {
      T* out = call.out.values<T>();
      call.selection.for_each([&](std::uint32_t row) {
        const std::uint32_t at = rows[i++];
        if (at == kNone || child->is_null(at)) {
          out[row] = T{};
          call.out.set_null(call.out.slot(row));
        } else {
          out[row] = child->value<T>(at);
        }
      });
      call.out.children = child->children;
    }
  });
  call.out.keep_heaps_of(*child);
}

enum class Access { index, element, try_element };

template <Access access>
void array_access(const KernelCall& call) {
  std::vector<std::uint32_t> rows;
  rows.reserve(call.selection.count());
  call.selection.for_each([&](std::uint32_t row) {
    const ListRef& list = value_at<ListRef>(call, 0, row);
    const std::int64_t given = value_at<std::int32_t>(call, 1, row);
    const std::int64_t at = access == Access::index ? given : given > 0 ? given - 1 : list.length + given;
    if (access != Access::index && given == 0) {
      call.context.errors.add(row, "element_at counts from 1, not 0");
      rows.push_back(kNone);
    } else if (at < 0 || at >= list.length) {
      if (access != Access::try_element) {
        call.context.errors.add(
            row, "index " + std::to_string(given) + " is out of bounds of an array of " + std::to_string(list.length));
      }
      rows.push_back(kNone);
    } else {
      rows.push_back(list.offset + static_cast<std::uint32_t>(at));
    }
  });
  take(call, call.arguments[0]->children[0], rows);
}

std::uint32_t find_in(const Column& values, const ListRef& list, const Column& wanted, std::uint32_t row) {
  for (std::uint32_t i = 0; i < list.length; ++i) {
    const std::uint32_t at = list.offset + i;
    if (!values.is_null(at) && equal_values(values, at, wanted, row)) return i;
  }
  return kNone;
}

void map_access(const KernelCall& call) {
  std::vector<std::uint32_t> rows;
  const Column& map = *call.arguments[0];
  call.selection.for_each([&](std::uint32_t row) {
    const ListRef& list = map.value<ListRef>(row);
    const std::uint32_t at = find_in(*map.children[0], list, *call.arguments[1], row);
    rows.push_back(at == kNone ? kNone : list.offset + at);
  });
  take(call, map.children[1], rows);
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

// Makes the lists of the result one after the other.
class Lists {
 public:
  explicit Lists(const KernelCall& call)
      : call_(call), out_(call.out.values<ListRef>()), builder_(call.out.type().element()) {}
  ~Lists() { call_.out.children = {builder_.finish()}; }
  Lists(const Lists&) = delete;
  Lists& operator=(const Lists&) = delete;
  void begin() { first_ = builder_.rows(); }
  void add(const Column& from, std::uint32_t row) { builder_.append(from, row); }
  void end(std::uint32_t row) { out_[row] = {first_, builder_.rows() - first_}; }
  ColumnBuilder& builder() { return builder_; }

 private:
  const KernelCall& call_;
  ListRef* out_;
  ColumnBuilder builder_;
  std::uint32_t first_ = 0;
};

void make_array(const KernelCall& call) {
  Lists lists(call);
  call.selection.for_each([&](std::uint32_t row) {
    lists.begin();
    for (const ColumnPtr& argument : call.arguments) {
      if (argument->is_null(row)) {
        lists.builder().append_null();
      } else {
        lists.add(*argument, row);
      }
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

void make_map(const KernelCall& call) {
  ListRef* out = call.out.values<ListRef>();
  ColumnBuilder keys(call.out.type().key()), values(call.out.type().value());
  call.selection.for_each([&](std::uint32_t row) {
    const std::uint32_t first = keys.rows();
    for (std::size_t i = 0; i + 1 < call.arguments.size(); i += 2) {
      const Column &key = *call.arguments[i], &value = *call.arguments[i + 1];
      if (key.is_null(row)) {
        call.context.errors.add(row, "a map's key is null");
        continue;
      }
      for (std::size_t j = 0; j < i; j += 2) {
        if (!call.arguments[j]->is_null(row) && equal_values(*call.arguments[j], row, key, row)) {
          call.context.errors.add(row, "a map has a key twice");
        }
      }
      keys.append(key, row);
      if (value.is_null(row)) {
        values.append_null();
      } else {
        values.append(value, row);
      }
    }
    out[row] = {first, keys.rows() - first};
  });
  call.out.children = {keys.finish(), values.finish()};
}

Result<ResolvedCall> resolve_map(const CallTypes& call) {
  if (call.types.size() % 2 != 0)
    return failure("map takes keys and values in turn, not " + std::to_string(call.types.size()) + " arguments");
  std::vector<Type> keys, values, arguments;
  for (std::size_t i = 0; i < call.types.size(); i += 2) {
    keys.push_back(call.types[i]);
    values.push_back(call.types[i + 1]);
  }
  const Result<Type> key = common_type(keys), value = common_type(values);
  if (!key) return pass_on(key);
  if (!value) return pass_on(value);
  if (key->kind() == TypeKind::map) return failure("a map is no key of a map");
  for (std::size_t i = 0; i < keys.size(); ++i) {
    arguments.push_back(*key);
    arguments.push_back(*value);
  }
  return call_of(std::move(arguments), Type::map(*key, *value), make_map, true, NullRule::kernel);
}

void map_from_arrays(const KernelCall& call) {
  ListRef* out = call.out.values<ListRef>();
  ColumnBuilder keys(call.out.type().key()), values(call.out.type().value());
  call.selection.for_each([&](std::uint32_t row) {
    const ListRef &k = value_at<ListRef>(call, 0, row), &v = value_at<ListRef>(call, 1, row);
    const Column& names = *call.arguments[0]->children[0];
    const std::uint32_t first = keys.rows();
    if (k.length != v.length) call.context.errors.add(row, "map_from_arrays takes arrays of one length");
    for (std::uint32_t i = 0; i < std::min(k.length, v.length); ++i) {
      if (names.is_null(k.offset + i)) call.context.errors.add(row, "a map's key is null");
      for (std::uint32_t j = 0; j < i; ++j) {
        if (equal_values(names, k.offset + j, names, k.offset + i))
          call.context.errors.add(row, "a map has a key twice");
      }
      keys.append(names, k.offset + i);
      values.append(*call.arguments[1]->children[0], v.offset + i);
    }
    out[row] = {first, keys.rows() - first};
  });
  call.out.children = {keys.finish(), values.finish()};
}

template <std::size_t child>
void map_part(const KernelCall& call) {
  ListRef* out = call.out.values<ListRef>();
  for_each_value<ListRef>(call, call.arguments[0], [&](const ListRef& list, std::uint32_t row) { out[row] = list; });
  call.out.children = {call.arguments[0]->children[child]};
  call.out.keep_heaps_of(*call.arguments[0]);
}

void make_structure(const KernelCall& call) {
  call.out.children.clear();
  const bool named = call.prepared == nullptr && call.arguments.size() == 2 * call.out.type().fields().size();
  for (std::size_t i = named ? 1 : 0; i < call.arguments.size(); i += named ? 2 : 1) {
    call.out.children.push_back(call.arguments[i]);
  }
}

Result<ResolvedCall> resolve_named_struct(const CallTypes& call) {
  if (call.types.empty() || call.types.size() % 2 != 0) {
    return failure("named_struct takes names and values in turn, not " + std::to_string(call.types.size()) +
                   " arguments");
  }
  std::vector<Field> fields;
  for (std::size_t i = 0; i < call.types.size(); i += 2) {
    const ColumnPtr& name = call.constants[i];
    if (call.types[i].kind() != TypeKind::string || name == nullptr || name->is_null(0)) {
      return failure("argument " + std::to_string(i + 1) + " of named_struct is a field's name in quotes");
    }
    fields.push_back({std::string(name->value<StringRef>(0).view()), call.types[i + 1]});
  }
  return call_of({call.types.begin(), call.types.end()}, Type::structure(std::move(fields)), make_structure, false,
                 NullRule::kernel);
}

Result<ResolvedCall> resolve_struct(const CallTypes& call) {
  std::vector<Field> fields;
  for (std::size_t i = 0; i < call.types.size(); ++i) fields.push_back({"col" + std::to_string(i + 1), call.types[i]});
  return call_of({call.types.begin(), call.types.end()}, Type::structure(std::move(fields)), make_structure, false,
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
  const Column& values = *call.arguments[0]->children[0];
  call.selection.for_each([&](std::uint32_t row) {
    const ListRef& list = value_at<ListRef>(call, 0, row);
    out[row] = find_in(values, list, *call.arguments[1], row) != kNone ? 1 : 0;
    if (out[row] != 0 || values.no_nulls() || call.out.type().kind() != TypeKind::boolean) return;
    for (std::uint32_t i = 0; i < list.length; ++i) {
      if (values.is_null(list.offset + i)) return call.out.set_null(call.out.slot(row));
    }
  });
}
void position(const KernelCall& call) {
  std::int64_t* out = call.out.values<std::int64_t>();
  call.selection.for_each([&](std::uint32_t row) {
    const std::uint32_t at =
        find_in(*call.arguments[0]->children[0], value_at<ListRef>(call, 0, row), *call.arguments[1], row);
    out[row] = at == kNone ? 0 : std::int64_t{at} + 1;
  });
}

enum class Sets { distinct, all, both, except };
template <Sets kind>
void set_operation(const KernelCall& call) {
  Lists lists(call);
  call.selection.for_each([&](std::uint32_t row) {
    lists.begin();
    std::vector<std::pair<const Column*, std::uint32_t>> taken;
    const auto among = [&](const auto& set, const Column& column, std::uint32_t at) {
      return std::any_of(set.begin(), set.end(),
                         [&](const auto& p) { return equal_values(*p.first, p.second, column, at); });
    };
    std::vector<std::pair<const Column*, std::uint32_t>> second;
    const auto each = [&](std::size_t argument, auto&& f) {
      const ListRef& list = value_at<ListRef>(call, argument, row);
      for (std::uint32_t i = 0; i < list.length; ++i) f(*call.arguments[argument]->children[0], list.offset + i);
    };
    if constexpr (kind == Sets::both || kind == Sets::except) {
      each(1, [&](const Column& column, std::uint32_t at) { second.emplace_back(&column, at); });
    }
    const auto add = [&](const Column& column, std::uint32_t at) {
      if (kind == Sets::both && !among(second, column, at)) return;
      if (kind == Sets::except && among(second, column, at)) return;
      if (among(taken, column, at)) return;
      taken.emplace_back(&column, at);
      lists.add(column, at);
    };
    each(0, add);
    if constexpr (kind == Sets::all) each(1, add);
    lists.end(row);
  });
}

template <bool least>
void extreme(const KernelCall& call) {
  std::vector<std::uint32_t> rows;
  const ColumnPtr& values = call.arguments[0]->children[0];
  call.selection.for_each([&](std::uint32_t row) {
    const ListRef& list = value_at<ListRef>(call, 0, row);
    std::uint32_t best = kNone;
    for (std::uint32_t at = list.offset; at < list.offset + list.length; ++at) {
      if (values->is_null(at)) continue;
      const int order = best == kNone ? 0 : compare_values(*values, at, *values, best);
      if (best == kNone || (least ? order < 0 : order > 0)) best = at;
    }
    rows.push_back(best);
  });
  take(call, values, rows);
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

void slice(const KernelCall& call) {
  ListRef* out = call.out.values<ListRef>();
  call.selection.for_each([&](std::uint32_t row) {
    const ListRef& list = value_at<ListRef>(call, 0, row);
    const std::int64_t start = value_at<std::int32_t>(call, 1, row), length = value_at<std::int32_t>(call, 2, row);
    out[row] = {};
    if (start == 0) return call.context.errors.add(row, "slice counts from 1, not 0");
    if (length < 0) return call.context.errors.add(row, "slice takes no negative length");
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

bool join_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  const ListRef& list = value_at<ListRef>(call, 0, row);
  const Column& values = *call.arguments[0]->children[0];
  bool first = true;
  for (std::uint32_t at = list.offset; at < list.offset + list.length; ++at) {
    if (values.is_null(at) && call.arguments.size() < 3) continue;
    if (!first) text += text_at(call, 1, row);
    first = false;
    text += values.is_null(at) ? text_at(call, 2, row) : values.value<StringRef>(at).view();
  }
  return true;
}

constexpr std::int64_t kMostElements = 10'000'000;

// T: the elements; f(start, i · step) would overflow only past `stop`.
template <class T, class S, bool months>
void sequence(const KernelCall& call) {
  ListRef* out = call.out.values<ListRef>();
  std::vector<T> values;
  call.selection.for_each([&](std::uint32_t row) {
    const T start = value_at<T>(call, 0, row), stop = value_at<T>(call, 1, row);
    std::int64_t step = start <= stop ? 1 : -1;
    if (call.arguments.size() > 2) {
      step = value_at<S>(call, 2, row);
      if (call.arguments[2]->type().kind() == TypeKind::day_interval && sizeof(T) == 4) step /= kDayMicros;
    }
    const auto first = static_cast<std::uint32_t>(values.size());
    out[row] = {first, 0};
    if (step == 0 ? start != stop : (step > 0) != (start <= stop) && start != stop) {
      return call.context.errors.add(row, "the step of sequence does not lead from start to stop");
    }
    for (std::int64_t i = 0;; ++i) {
      Int128 value = 0;
      if constexpr (months) {
        if constexpr (sizeof(T) == 4) {
          value = plus_months(start, i * step);
        } else {
          value = time_math::shift_timestamp(start, i * step);
        }
      } else {
        value = Int128{start} + Int128{i} * step;
      }
      if (step >= 0 ? value > stop : value < stop) break;
      if (i >= kMostElements) return call.context.errors.add(row, "sequence makes more than 10,000,000 elements");
      values.push_back(static_cast<T>(value));
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
  std::vector<Type> arguments{*type, *type};
  const auto with_step = [&](const Type& t) {
    if (call.types.size() > 2) arguments.push_back(t);
  };
  if (type->is_integer()) {
    const bool wide = type->kind() == TypeKind::int64 || step.kind() == TypeKind::int64;
    if (call.types.size() > 2 && !step.is_integer() && !is_null_type(step)) {
      return failure(wrong_type("sequence", 2, step, "a whole number"));
    }
    const Type element = wide ? TypeKind::int64 : TypeKind::int32;
    arguments = {element, element};
    with_step(element);
    return call_of(arguments, Type::array(element),
                   wide ? sequence<std::int64_t, std::int64_t, false> : sequence<std::int32_t, std::int32_t, false>,
                   true);
  }
  if (type->kind() == TypeKind::date || type->kind() == TypeKind::timestamp) {
    const bool date = type->kind() == TypeKind::date;
    if (step.kind() == TypeKind::month_interval) {
      with_step(step);
      return call_of(arguments, Type::array(*type),
                     date ? sequence<std::int32_t, std::int32_t, true> : sequence<std::int64_t, std::int32_t, true>,
                     true);
    }
    if (step.kind() == TypeKind::day_interval || (date && is_null_type(step))) {
      with_step(TypeKind::day_interval);
      return call_of(arguments, Type::array(*type),
                     date ? sequence<std::int32_t, std::int64_t, false> : sequence<std::int64_t, std::int64_t, false>,
                     true);
    }
  }
  return failure(wrong_type("sequence", 0, call.types[0], "a whole number, a date or a timestamp"));
}

// A function of arrays: every argument that is one gets the common type; f makes the call.
template <class F>
TypeRule of_arrays(std::string_view name, std::size_t least, std::size_t most, F f) {
  return [=](const CallTypes& call) -> Result<ResolvedCall> {
    const Result<> count = check_count(name, call, least, most);
    if (!count) return pass_on(count);
    if (call.types[0].kind() != TypeKind::array) return failure(wrong_type(name, 0, call.types[0], "an array"));
    return f(call);
  };
}

template <Sets kind>
TypeRule set_rule(std::string_view name) {
  return of_arrays(name, 2, 2, [=](const CallTypes& call) -> Result<ResolvedCall> {
    const std::optional<Type> common = common_type(call.types[0], call.types[1], false);
    if (!common || common->kind() != TypeKind::array)
      return failure(wrong_type(name, 1, call.types[1], call.types[0].name()));
    return call_of({*common, *common}, *common, set_operation<kind>);
  });
}

TypeRule search_rule(std::string_view name, Type result, Kernel kernel) {
  return of_arrays(name, 2, 2, [=](const CallTypes& call) -> Result<ResolvedCall> {
    const std::optional<Type> common = common_type(call.types[0].element(), call.types[1], false);
    if (!common || is_null_type(call.types[1]))
      return failure(wrong_type(name, 1, call.types[1], call.types[0].element().name()));
    return call_of({Type::array(*common), *common}, result, kernel);
  });
}

}  // namespace

std::vector<Function> collection_functions() {
  std::vector<Function> list;
  const auto add = [&](std::vector<std::string_view> names, std::string_view signature, std::string_view summary,
                       std::string_view example, TypeRule rule) {
    list.push_back(
        {std::move(names), "Collections", signature, summary, example, FunctionKind::scalar, std::move(rule)});
  };
  const auto of_map = [](std::string_view name, auto f) -> TypeRule {
    return [=](const CallTypes& call) -> Result<ResolvedCall> {
      const Result<> count = check_count(name, call, 1, 1);
      if (!count) return pass_on(count);
      if (call.types[0].kind() != TypeKind::map) return failure(wrong_type(name, 0, call.types[0], "a map"));
      return f(call.types[0]);
    };
  };
  add({"array"}, "array(a, …) -> array", "an array of values", "array(1, 2)[0] = 1", resolve_array);
  add({"index"}, "a[i], m[k]", "the element from 0, the value of a key", "array(1, 2)[1] = 2",
      resolve_access<Access::index>);
  add({"element_at"}, "element_at(a, i), element_at(m, k)", "the element from 1, or from the end; the value of a key",
      "element_at(array(1, 2), -1) = 2", resolve_access<Access::element>);
  add({"try_element_at"}, "try_element_at(a, i)", "as element_at, null where there is none",
      "try_element_at(array(1), 5) is null", resolve_access<Access::try_element>);
  add({"size", "cardinality"}, "size(a) -> int", "how many elements an array or a map has", "size(array(1, 2)) = 2",
      [](const CallTypes& call) -> Result<ResolvedCall> {
        const Result<> count = check_count("size", call, 1, 1);
        if (!count) return pass_on(count);
        const Type type = is_null_type(call.types[0]) ? Type::array(TypeKind::null) : call.types[0];
        if (type.kind() != TypeKind::array && type.kind() != TypeKind::map)
          return failure(wrong_type("size", 0, type, "an array or a map"));
        return call_of({type}, TypeKind::int32, size_of);
      });
  add({"array_contains"}, "array_contains(a, x) -> boolean", "whether x is an element",
      "array_contains(array(1, 2), 2)", search_rule("array_contains", TypeKind::boolean, contains));
  add({"array_position"}, "array_position(a, x) -> bigint", "the place of x from 1; 0: none",
      "array_position(array(5, 6), 6) = 2", search_rule("array_position", TypeKind::int64, position));
  add({"array_distinct"}, "array_distinct(a)", "without duplicates", "size(array_distinct(array(1, 1))) = 1",
      of_arrays("array_distinct", 1, 1, [](const CallTypes& call) -> Result<ResolvedCall> {
        return call_of({call.types[0]}, call.types[0], set_operation<Sets::distinct>);
      }));
  add({"array_union"}, "array_union(a, b)", "elements of either, without duplicates",
      "size(array_union(array(1), array(1, 2))) = 2", set_rule<Sets::all>("array_union"));
  add({"array_intersect"}, "array_intersect(a, b)", "elements of both, without duplicates",
      "size(array_intersect(array(1), array(1, 2))) = 1", set_rule<Sets::both>("array_intersect"));
  add({"array_except"}, "array_except(a, b)", "elements of a that are not in b, without duplicates",
      "size(array_except(array(1), array(1, 2))) = 0", set_rule<Sets::except>("array_except"));
  add({"array_min"}, "array_min(a)", "the least element", "array_min(array(2, 1)) = 1",
      of_arrays("array_min", 1, 1, [](const CallTypes& call) -> Result<ResolvedCall> {
        return call_of({call.types[0]}, call.types[0].element(), extreme<true>);
      }));
  add({"array_max"}, "array_max(a)", "the greatest element", "array_max(array(2, 1)) = 2",
      of_arrays("array_max", 1, 1, [](const CallTypes& call) -> Result<ResolvedCall> {
        return call_of({call.types[0]}, call.types[0].element(), extreme<false>);
      }));
  add({"sort_array", "array_sort"}, "sort_array(a[, ascending])", "in order, nulls first ascending, last descending",
      "sort_array(array(2, 1))[0] = 1",
      of_arrays("sort_array", 1, 2, [](const CallTypes& call) -> Result<ResolvedCall> {
        std::vector<Type> arguments{call.types[0]};
        if (call.types.size() == 2) {
          if (call.types[1].kind() != TypeKind::boolean)
            return failure(wrong_type("sort_array", 1, call.types[1], "boolean"));
          arguments.push_back(TypeKind::boolean);
        }
        return call_of(std::move(arguments), call.types[0], sort);
      }));
  add({"slice"}, "slice(a, start, length)", "a part, from 1, or from the end", "slice(array(1, 2, 3), 2, 1)[0] = 2",
      of_arrays("slice", 3, 3, [](const CallTypes& call) -> Result<ResolvedCall> {
        for (std::size_t i = 1; i < 3; ++i) {
          if (!coercible(call.types[i], TypeKind::int32)) return failure(wrong_type("slice", i, call.types[i], "int"));
        }
        return call_of({call.types[0], TypeKind::int32, TypeKind::int32}, call.types[0], slice, true);
      }));
  add({"sequence"}, "sequence(start, stop[, step]) -> array", "numbers, dates or timestamps in steps",
      "size(sequence(1, 3)) = 3", resolve_sequence);
  add({"flatten"}, "flatten(a)", "the elements of the arrays in an array",
      "size(flatten(array(array(1), array(2)))) = 2",
      of_arrays("flatten", 1, 1, [](const CallTypes& call) -> Result<ResolvedCall> {
        const Type& inner = call.types[0].element();
        if (inner.kind() != TypeKind::array)
          return failure(wrong_type("flatten", 0, call.types[0], "an array of arrays"));
        return call_of({call.types[0]}, inner, flatten);
      }));
  add({"array_join"}, "array_join(a, separator[, for nulls]) -> string", "the elements as one text",
      "array_join(array('a', 'b'), '-') = 'a-b'",
      of_arrays("array_join", 2, 3, [](const CallTypes& call) -> Result<ResolvedCall> {
        std::vector<Type> arguments{Type::array(TypeKind::string)};
        for (std::size_t i = 1; i < call.types.size(); ++i) arguments.emplace_back(TypeKind::string);
        return call_of(std::move(arguments), TypeKind::string, string_kernel<join_of>);
      }));
  add({"map"}, "map(key, value, …) -> map", "a map of keys and values", "map('a', 1)['a'] = 1", resolve_map);
  add({"map_from_arrays"}, "map_from_arrays(keys, values) -> map", "a map of two arrays",
      "map_from_arrays(array('a'), array(1))['a'] = 1",
      of_arrays("map_from_arrays", 2, 2, [](const CallTypes& call) -> Result<ResolvedCall> {
        if (call.types[1].kind() != TypeKind::array)
          return failure(wrong_type("map_from_arrays", 1, call.types[1], "an array"));
        return call_of({call.types[0], call.types[1]}, Type::map(call.types[0].element(), call.types[1].element()),
                       map_from_arrays, true);
      }));
  add({"map_keys"}, "map_keys(m) -> array", "the keys", "map_keys(map('a', 1))[0] = 'a'",
      of_map("map_keys", [](const Type& t) { return call_of({t}, Type::array(t.key()), map_part<0>); }));
  add({"map_values"}, "map_values(m) -> array", "the values", "map_values(map('a', 1))[0] = 1",
      of_map("map_values", [](const Type& t) { return call_of({t}, Type::array(t.value()), map_part<1>); }));
  add({"map_contains_key"}, "map_contains_key(m, key) -> boolean", "whether the map has the key",
      "map_contains_key(map('a', 1), 'a')", [](const CallTypes& call) -> Result<ResolvedCall> {
        const Result<> count = check_count("map_contains_key", call, 2, 2);
        if (!count) return pass_on(count);
        const Type& type = call.types[0];
        if (type.kind() != TypeKind::map) return failure(wrong_type("map_contains_key", 0, type, "a map"));
        if (!coercible(call.types[1], type.key()) || is_null_type(call.types[1])) {
          return failure(wrong_type("map_contains_key", 1, call.types[1], type.key().name()));
        }
        return call_of({type, type.key()}, TypeKind::boolean, contains);
      });
  add({"named_struct"}, "named_struct(name, value, …) -> struct", "a structure of named fields",
      "named_struct('a', 1).a = 1", resolve_named_struct);
  add({"struct"}, "struct(a, …) -> struct", "a structure of values", "struct(1, 'x').col1 = 1", resolve_struct);
  return list;
}

}  // namespace streamrun
