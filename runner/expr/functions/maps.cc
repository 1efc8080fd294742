// Maps and structures.
#include <algorithm>

#include "runner/expr/coercion.h"
#include "runner/expr/functions/array_parts.h"
#include "runner/expr/functions/lists.h"

namespace streamrun {

namespace {

// Makes the maps of the result one after the other, of keys that are there and differ.
class Maps {
 public:
  explicit Maps(const KernelCall& call) : call_(call), lists_(call) {}
  void begin() {
    lists_.begin();
    keys_.clear();
  }
  void add(const Column& keys, std::uint32_t key, const Column& values, std::uint32_t value, std::uint32_t row) {
    if (keys.is_null(key)) return call_.context.errors.add(row, "a map's key is null");
    if (!keys_.add(keys, key)) return call_.context.errors.add(row, "a map has a key twice");
    lists_.add(keys, key, values, value);
  }
  void end(std::uint32_t row) { lists_.end(row); }

 private:
  const KernelCall& call_;
  Lists lists_;
  ValueSet keys_;
};

void make_map(const KernelCall& call) {
  Maps maps(call);
  call.selection.for_each([&](std::uint32_t row) {
    maps.begin();
    for (std::size_t i = 0; i + 1 < call.arguments.size(); i += 2) {
      maps.add(*call.arguments[i], row, *call.arguments[i + 1], row, row);
    }
    maps.end(row);
  });
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
  Maps maps(call);
  const Column &keys = *call.arguments[0]->children[0], &values = *call.arguments[1]->children[0];
  call.selection.for_each([&](std::uint32_t row) {
    const ListRef &k = value_at<ListRef>(call, 0, row), &v = value_at<ListRef>(call, 1, row);
    maps.begin();
    if (k.length != v.length) call.context.errors.add(row, "map_from_arrays takes arrays of one length");
    for (std::uint32_t i = 0; i < std::min(k.length, v.length); ++i) {
      maps.add(keys, k.offset + i, values, v.offset + i, row);
    }
    maps.end(row);
  });
}

template <std::size_t child>
void map_part(const KernelCall& call) {
  ListRef* out = call.out.values<ListRef>();
  for_each_value<ListRef>(call, call.arguments[0], [&](const ListRef& list, std::uint32_t row) { out[row] = list; });
  call.out.children = {call.arguments[0]->children[child]};
  call.out.keep_heaps_of(*call.arguments[0]);
}

void contains_key(const KernelCall& call) {
  std::uint8_t* out = call.out.values<std::uint8_t>();
  const Column& keys = *call.arguments[0]->children[0];
  ListFinder finder;
  call.selection.for_each([&](std::uint32_t row) {
    out[row] = finder.find(keys, value_at<ListRef>(call, 0, row), *call.arguments[1], row) != kNoValue ? 1 : 0;
  });
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

}  // namespace

std::vector<Function> map_functions() {
  FunctionList list("Collections");
  const auto of_map = [](std::string_view name, auto f) -> TypeRule {
    return [=](const CallTypes& call) -> Result<ResolvedCall> {
      const Result<> count = check_count(name, call, 1, 1);
      if (!count) return pass_on(count);
      if (call.types[0].kind() != TypeKind::map) return failure(wrong_type(name, 0, call.types[0], "a map"));
      return f(call.types[0]);
    };
  };
  list.add({"map"}, "map(key, value, …) -> map", "a map of keys and values", "map('a', 1)['a'] = 1", resolve_map);
  list.add({"map_from_arrays"}, "map_from_arrays(keys, values) -> map", "a map of two arrays",
           "map_from_arrays(array('a'), array(1))['a'] = 1", [](const CallTypes& call) -> Result<ResolvedCall> {
             const Result<> count = check_count("map_from_arrays", call, 2, 2);
             if (!count) return pass_on(count);
             std::vector<Type> arrays(call.types.begin(), call.types.end());
             for (std::size_t i = 0; i < 2; ++i) {
               if (is_null_type(arrays[i])) arrays[i] = Type::array(TypeKind::null);
               if (arrays[i].kind() != TypeKind::array) {
                 return failure(wrong_type("map_from_arrays", i, call.types[i], "an array"));
               }
             }
             const Type made = Type::map(arrays[0].element(), arrays[1].element());
             return call_of(std::move(arrays), made, map_from_arrays, true);
           });
  list.add({"map_keys"}, "map_keys(m) -> array", "the keys", "map_keys(map('a', 1))[0] = 'a'",
           of_map("map_keys", [](const Type& t) { return call_of({t}, Type::array(t.key()), map_part<0>); }));
  list.add({"map_values"}, "map_values(m) -> array", "the values", "map_values(map('a', 1))[0] = 1",
           of_map("map_values", [](const Type& t) { return call_of({t}, Type::array(t.value()), map_part<1>); }));
  list.add({"map_contains_key"}, "map_contains_key(m, key) -> boolean", "whether the map has the key",
           "map_contains_key(map('a', 1), 'a')", [](const CallTypes& call) -> Result<ResolvedCall> {
             const Result<> count = check_count("map_contains_key", call, 2, 2);
             if (!count) return pass_on(count);
             const Type& type = call.types[0];
             if (type.kind() != TypeKind::map) return failure(wrong_type("map_contains_key", 0, type, "a map"));
             const std::optional<Type> key = common_type(type.key(), call.types[1], false);
             if (!key || is_null_type(call.types[1])) {
               return failure(wrong_type("map_contains_key", 1, call.types[1], type.key().name()));
             }
             return call_of({Type::map(*key, type.value()), *key}, TypeKind::boolean, contains_key);
           });
  list.add({"named_struct"}, "named_struct(name, value, …) -> struct", "a structure of named fields",
           "named_struct('a', 1).a = 1", resolve_named_struct);
  list.add({"struct"}, "struct(a, …) -> struct", "a structure of values", "struct(1, 'x').col1 = 1", resolve_struct);
  return list.take();
}

}  // namespace streamrun
