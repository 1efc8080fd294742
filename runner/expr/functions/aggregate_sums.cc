// Counts, sums, means, and truths of all rows.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string>

#include "runner/data/text_value.h"
#include "runner/expr/coercion.h"
#include "runner/expr/decimal_math.h"
#include "runner/expr/functions/aggregates.h"
#include "runner/expr/functions/lists.h"

namespace streamrun {

namespace {

class Count final : public Stateful<std::int64_t> {
 public:
  explicit Count(bool if_true = false) : Stateful(TypeKind::int64), if_true_(if_true) {}
  bool exact() const override { return true; }
  void update(const StateRows& states, Groups groups, Arguments arguments, const Selection& selection) const override {
    if (arguments.empty()) {
      for (const std::uint32_t group : groups) ++at(states[group]);
      return;
    }
    const bool nulls =
        std::any_of(arguments.begin(), arguments.end(), [](const ColumnPtr& c) { return !c->no_nulls(); });
    for_each_grouped(groups, selection, [&](std::uint32_t row, std::uint32_t group) {
      bool counts = true;
      if (nulls) {
        for (const ColumnPtr& argument : arguments) counts = counts && !argument->is_null(row);
      }
      if (if_true_) counts = counts && arguments[0]->value<std::uint8_t>(row) != 0;
      at(states[group]) += counts ? 1 : 0;
    });
  }

 protected:
  void add(std::int64_t& into, std::int64_t& from) const override { into += from; }
  void result(std::int64_t& state, Column& out, std::uint32_t group, RowErrors&) const override {
    out.values<std::int64_t>()[group] = state;
  }

 private:
  bool if_true_;
};

// T: what is read; S: what is added up, Int128 (exact) or double.
template <class S>
struct Total {
  S sum{};
  std::int64_t count = 0;
  bool overflow = false;
};
template <>
struct Total<double> {
  double sum = 0;
  std::int64_t count = 0;
};
template <class T, class S>
class Sum final : public Stateful<Total<S>> {
 public:
  using Base = Stateful<Total<S>>;
  // `scale`: of decimal arguments; `average` divides by the count.
  Sum(Type result_type, int scale, bool average) : Base(std::move(result_type)), scale_(scale), average_(average) {}
  bool exact() const override { return !std::is_floating_point_v<S>; }
  void update(const StateRows& states, Groups groups, Arguments arguments, const Selection& selection) const override {
    const Column& column = *arguments[0];
    const T* values = column.values<T>();
    const std::uint32_t step = column.constant() ? 0 : 1;
    const bool nulls = !column.no_nulls();
    for_each_grouped(groups, selection, [&](std::uint32_t row, std::uint32_t group) {
      if (nulls && column.is_null(row)) return;
      accumulate(Base::at(states[group]), static_cast<S>(values[row * step]), 1);
    });
  }

 protected:
  static void accumulate(Total<S>& total, S value, std::int64_t count) {
    if constexpr (std::is_floating_point_v<S>) {
      total.sum += value;
    } else if (__builtin_add_overflow(total.sum, value, &total.sum)) [[unlikely]] {
      total.overflow = true;
    }
    total.count += count;
  }
  void add(Total<S>& into, Total<S>& from) const override {
    accumulate(into, from.sum, from.count);
    if constexpr (!std::is_floating_point_v<S>) into.overflow = into.overflow || from.overflow;
  }
  void result(Total<S>& total, Column& out, std::uint32_t group, RowErrors& errors) const override {
    if (total.count == 0) {
      if (out.type().kind() == TypeKind::decimal) out.values<Int128>()[group] = 0;
      out.set_null(group);
      return;
    }
    switch (out.type().kind()) {
      case TypeKind::float64: {
        const auto sum = static_cast<double>(total.sum);
        out.values<double>()[group] = average_ ? sum / static_cast<double>(total.count) : sum;
        return;
      }
      case TypeKind::decimal:
        if constexpr (!std::is_floating_point_v<S>) {
          const DecimalShape to{out.type().precision(), out.type().scale()};
          Int128& slot = out.values<Int128>()[group];
          slot = total.sum;
          const bool fits = !total.overflow && (average_ ? decimal_divide(total.sum, scale_, total.count, 0, to, slot)
                                                         : decimal_fits(total.sum, to.precision));
          if (!fits) errors.add(group, overflow_text(total, out.type()));
        }
        return;
      case TypeKind::month_interval:
      case TypeKind::int64:
      case TypeKind::day_interval:
      default:
        if constexpr (!std::is_floating_point_v<S>) {
          if (total.overflow || total.sum > std::numeric_limits<std::int64_t>::max() ||
              total.sum < std::numeric_limits<std::int64_t>::min()) {
            errors.add(group, overflow_text(total, out.type()));
            return;
          }
          out.values<std::int64_t>()[group] = static_cast<std::int64_t>(total.sum);
        }
        return;
    }
  }

 private:
  std::string overflow_text(const Total<S>& total, const Type& type) const
    requires(!std::is_floating_point_v<S>)
  {
    std::string sum;
    append_decimal(total.sum, scale_, sum);
    if (total.overflow) sum = "a sum of more than 38 digits";
    if (average_) return fmt::format("overflow in avg: {} over {} values is no {}", sum, total.count, type.name());
    return fmt::format("overflow in sum: {} is no {}", sum, type.name());
  }

  int scale_;
  bool average_;
};

struct Verdict {
  bool seen = false;
  bool value = false;
};
template <bool all>
class Truth final : public Stateful<Verdict> {
 public:
  Truth() : Stateful(TypeKind::boolean) {}
  bool exact() const override { return true; }
  void update(const StateRows& states, Groups groups, Arguments arguments, const Selection& selection) const override {
    for_each_grouped(groups, selection, [&](std::uint32_t row, std::uint32_t group) {
      if (!arguments[0]->is_null(row)) take(at(states[group]), arguments[0]->value<std::uint8_t>(row) != 0);
    });
  }

 protected:
  static void take(Verdict& state, bool value) {
    state.value = !state.seen ? value : all ? state.value && value : state.value || value;
    state.seen = true;
  }
  void add(Verdict& into, Verdict& from) const override {
    if (from.seen) take(into, from.value);
  }
  void result(Verdict& state, Column& out, std::uint32_t group, RowErrors&) const override {
    out.values<std::uint8_t>()[group] = state.value ? 1 : 0;
    if (!state.seen) out.set_null(group);
  }
};

Result<ResolvedCall> resolve_count(const CallTypes& call) {
  return aggregate_of({call.types.begin(), call.types.end()}, TypeKind::int64, std::make_shared<Count>());
}

template <bool average>
Result<ResolvedCall> resolve_sum(const CallTypes& call) {
  const std::string_view name = average ? "avg" : "sum";
  const Result<> count = check_count(name, call, 1, 1);
  if (!count) return pass_on(count);
  Type type = call.types[0];
  if (type.kind() == TypeKind::string || is_null_type(type)) type = TypeKind::float64;
  switch (type.kind()) {
    case TypeKind::int32: {
      const Type result = average ? TypeKind::float64 : TypeKind::int64;
      return aggregate_of({type}, result, std::make_shared<Sum<std::int32_t, Int128>>(result, 0, average), !average);
    }
    case TypeKind::int64: {
      const Type result = average ? TypeKind::float64 : TypeKind::int64;
      return aggregate_of({type}, result, std::make_shared<Sum<std::int64_t, Int128>>(result, 0, average), !average);
    }
    case TypeKind::day_interval:
      if (average) break;
      return aggregate_of({type}, type, std::make_shared<Sum<std::int64_t, Int128>>(type, 0, false), true);
    case TypeKind::float32:
    case TypeKind::float64:
      return aggregate_of({TypeKind::float64}, TypeKind::float64,
                          std::make_shared<Sum<double, double>>(TypeKind::float64, 0, average));
    case TypeKind::decimal: {
      const Type result = average ? decimal_bounded(type.precision() + 4, type.scale() + 4)
                                  : decimal_bounded(type.precision() + 10, type.scale());
      return aggregate_of({type}, result, std::make_shared<Sum<Int128, Int128>>(result, type.scale(), average), true);
    }
    default: break;
  }
  return failure(wrong_type(name, 0, type, "a number"));
}

}  // namespace

std::shared_ptr<const Aggregator> count_aggregator() {
  return std::make_shared<Count>();
}

std::vector<Function> sum_aggregates() {
  FunctionList list("Aggregates", FunctionKind::aggregate);
  const Type truth = TypeKind::boolean;
  list.add({"count"}, "count(*), count([distinct] x, …) -> bigint", "rows, or rows whose arguments are not null",
           "count(*)", resolve_count);
  list.add({"count_if"}, "count_if(condition) -> bigint", "rows for which the condition is true", "count_if(x > 0)",
           [](const CallTypes& call) -> Result<ResolvedCall> {
             Result<ResolvedCall> checked = fixed({"count_if", {TypeKind::boolean}, 1, TypeKind::int64, nullptr})(call);
             if (checked) checked->aggregator = std::make_shared<Count>(true);
             if (checked) checked->nulls = NullRule::kernel;
             return checked;
           });
  list.add({"sum"}, "sum(x)", "the sum: bigint, double or decimal(p+10,s)", "sum(x)", resolve_sum<false>);
  list.add({"avg", "mean"}, "avg(x)", "the mean: double or decimal(p+4,s+4)", "avg(x)", resolve_sum<true>);
  list.add({"bool_and", "every"}, "bool_and(x) -> boolean", "whether all are true", "bool_and(x)",
           over<Truth<true>>("bool_and", {truth}, truth));
  list.add({"bool_or", "some", "any"}, "bool_or(x) -> boolean", "whether any is true", "bool_or(x)",
           over<Truth<false>>("bool_or", {truth}, truth));
  list.add({"count_distinct"}, "count(distinct x, …) -> bigint", "over the distinct values", "count(distinct x)",
           over_distinct(resolve_count));
  list.add({"sum_distinct"}, "sum(distinct x)", "over the distinct values", "sum(distinct x)",
           over_distinct(resolve_sum<false>));
  list.add({"avg_distinct"}, "avg(distinct x)", "over the distinct values", "avg(distinct x)",
           over_distinct(resolve_sum<true>));
  return list.take();
}

}  // namespace streamrun
