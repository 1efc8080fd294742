// One row's value: the least, the greatest, the first, the last, that of another column's extreme.
#include <limits>

#include "runner/expr/functions/aggregates.h"
#include "runner/expr/functions/lists.h"

namespace streamrun {

namespace {

enum class Pick { least, greatest, first, last };

template <class T>
struct Picked {
  Stored<T> value;
  bool seen = false;  // a row was taken
  bool null = false;  // and it was null (first, last)
  std::size_t heap() const { return static_cast<std::size_t>(heap_of(value)); }
};
template <class T, Pick pick>
class Picker final : public Stateful<Picked<T>> {
 public:
  using Base = Stateful<Picked<T>>;
  Picker(Type type, bool ignore_nulls) : Base(std::move(type)), ignore_nulls_(ignore_nulls) {}
  bool exact() const override { return pick == Pick::least || pick == Pick::greatest; }
  void update(const StateRows& states, Groups groups, Arguments arguments, const Selection& selection) const override {
    const Column& column = *arguments[0];
    const bool nulls = !column.no_nulls();
    for_each_grouped(groups, selection, [&](std::uint32_t row, std::uint32_t group) {
      Picked<T>& state = Base::at(states[group]);
      if (pick == Pick::first && state.seen) return;
      const bool null = nulls && column.is_null(row);
      if (null && ignore_nulls_) return;
      if constexpr (pick == Pick::least || pick == Pick::greatest) {
        if (state.seen && !better(state.value.compare(column, row))) return;
      }
      state.seen = true;
      state.null = null;
      if (null) return;
      const std::int64_t before = heap_of(state);
      state.value.set(column, row);
      states.hold(heap_of(state) - before);
    });
  }

 protected:
  static bool better(int order) { return pick == Pick::least ? order > 0 : order < 0; }
  void add(Picked<T>& into, Picked<T>& from) const override {
    if (!from.seen) return;
    if (into.seen && pick == Pick::first) return;
    if constexpr (pick == Pick::least || pick == Pick::greatest) {
      if (into.seen && !better(into.value.compare(from.value))) return;
    }
    into = std::move(from);
  }
  // Groups are written one after the other, so nested values are gathered by a builder.
  ColumnPtr finish(const StateRows& states, Groups groups, RowErrors&) const override {
    if constexpr (std::is_void_v<T>) {
      ColumnBuilder builder(Base::result_);
      for (const std::uint32_t group : groups) {
        const Picked<T>& state = Base::at(states[group]);
        if (state.seen && !state.null) {
          builder.append(*state.value.value, 0);
        } else {
          builder.append_null();
        }
      }
      return builder.finish();
    } else {
      MutableColumn out = Column::make(Base::result_, static_cast<std::uint32_t>(groups.size()));
      auto arena = std::make_shared<StringArena>();
      for (std::uint32_t i = 0; i < groups.size(); ++i) {
        const Picked<T>& state = Base::at(states[groups[i]]);
        state.value.put(*out, i, *arena);
        if (!state.seen || state.null) out->set_null(i);
      }
      if (std::is_same_v<T, StringRef>) out->keep(arena);
      return out;
    }
  }
  void result(Picked<T>&, Column&, std::uint32_t, RowErrors&) const override {}

 private:
  bool ignore_nulls_;
};

// max_by, min_by: rows whose second argument is null do not count; of equals the last wins.
struct ByState {
  Stored<void> value, key;
  bool seen = false;
  std::size_t heap() const { return value.heap() + key.heap(); }
};
template <bool greatest>
class PickBy final : public Stateful<ByState> {
 public:
  explicit PickBy(Type type) : Stateful(std::move(type)) {}
  bool exact() const override { return false; }
  void update(const StateRows& states, Groups groups, Arguments arguments, const Selection& selection) const override {
    for_each_grouped(groups, selection, [&](std::uint32_t row, std::uint32_t group) {
      ByState& state = at(states[group]);
      if (arguments[1]->is_null(row) || (state.seen && !better(state.key.compare(*arguments[1], row)))) return;
      state.seen = true;
      const std::int64_t before = heap_of(state);
      state.value.set(*arguments[0], row);
      state.key.set(*arguments[1], row);
      states.hold(heap_of(state) - before);
    });
  }
  ColumnPtr finish(const StateRows& states, Groups groups, RowErrors&) const override {
    ColumnBuilder builder(result_);
    for (const std::uint32_t group : groups) {
      const ByState& state = at(states[group]);
      if (state.seen) {
        builder.append(*state.value.value, 0);
      } else {
        builder.append_null();
      }
    }
    return builder.finish();
  }

 protected:
  static bool better(int order) { return greatest ? order <= 0 : order >= 0; }
  void add(ByState& into, ByState& from) const override {
    if (from.seen && (!into.seen || better(into.key.compare(from.key)))) into = std::move(from);
  }
  void result(ByState&, Column&, std::uint32_t, RowErrors&) const override {}
};

template <Pick pick>
Result<ResolvedCall> resolve_pick(std::string_view name, const CallTypes& call) {
  constexpr bool kExtreme = pick == Pick::least || pick == Pick::greatest;
  const Result<> count = check_count(name, call, 1, kExtreme ? 1 : 2);
  if (!count) return pass_on(count);
  const Type& type = call.types[0];
  if (kExtreme && !has_order(type)) {
    return failure(wrong_type(name, 0, type, "of a type with an order"));
  }
  bool ignore_nulls = kExtreme;
  std::vector<Type> arguments{type};
  if (call.types.size() == 2) {
    if (call.types[1].kind() != TypeKind::boolean || call.constants[1] == nullptr || call.constants[1]->is_null(0)) {
      return failure("argument 2 of " + std::string(name) + " is true or false: whether nulls are passed over");
    }
    ignore_nulls = call.constants[1]->value<std::uint8_t>(0) != 0;
    arguments.push_back(TypeKind::boolean);
  }
  std::shared_ptr<const Aggregator> aggregator =
      with_storage(type.kind(), [&]<class T>() -> std::shared_ptr<const Aggregator> {
        return std::make_shared<Picker<Keep<T>, pick>>(type, ignore_nulls);
      });
  return aggregate_of(std::move(arguments), type, std::move(aggregator));
}

}  // namespace

std::vector<Function> pick_aggregates() {
  FunctionList list("Aggregates", FunctionKind::aggregate);
  list.add({"min"}, "min(x)", "the least value", "min(x)",
           [](const CallTypes& c) { return resolve_pick<Pick::least>("min", c); });
  list.add({"max"}, "max(x)", "the greatest value", "max(x)",
           [](const CallTypes& c) { return resolve_pick<Pick::greatest>("max", c); });
  list.add({"first", "first_value"}, "first(x[, ignore nulls])", "the first row's value", "first(x)",
           [](const CallTypes& c) { return resolve_pick<Pick::first>("first", c); });
  list.add({"any_value"}, "any_value(x[, ignore nulls])", "some row's value: the first's", "any_value(x)",
           [](const CallTypes& c) { return resolve_pick<Pick::first>("any_value", c); });
  list.add({"last", "last_value"}, "last(x[, ignore nulls])", "the last row's value", "last(x)",
           [](const CallTypes& c) { return resolve_pick<Pick::last>("last", c); });
  const auto by = [](std::string_view name, auto make) -> TypeRule {
    return [=](const CallTypes& call) -> Result<ResolvedCall> {
      const Result<> count = check_count(name, call, 2, 2);
      if (!count) return pass_on(count);
      if (!has_order(call.types[1])) return failure(wrong_type(name, 1, call.types[1], "of a type with an order"));
      return aggregate_of({call.types[0], call.types[1]}, call.types[0], make(call.types[0]));
    };
  };
  list.add({"max_by"}, "max_by(x, y)", "x of the row with the greatest y", "max_by(x, y)",
           by("max_by", [](const Type& t) { return std::make_shared<PickBy<true>>(t); }));
  list.add({"min_by"}, "min_by(x, y)", "x of the row with the least y", "min_by(x, y)",
           by("min_by", [](const Type& t) { return std::make_shared<PickBy<false>>(t); }));
  list.add({"min_distinct"}, "min(distinct x)", "over the distinct values", "min(distinct x)",
           over_distinct([](const CallTypes& c) { return resolve_pick<Pick::least>("min", c); }));
  list.add({"max_distinct"}, "max(distinct x)", "over the distinct values", "max(distinct x)",
           over_distinct([](const CallTypes& c) { return resolve_pick<Pick::greatest>("max", c); }));
  return list.take();
}

}  // namespace streamrun
