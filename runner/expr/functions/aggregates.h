// What the files of aggregates share: rules of types.
#pragma once

#include <memory>
#include <vector>

#include "runner/expr/functions/aggregate_state.h"
#include "runner/expr/functions/rules.h"

namespace streamrun {

using Groups = std::span<const std::uint32_t>;
using Arguments = std::span<const ColumnPtr>;

inline ResolvedCall aggregate_of(std::vector<Type> arguments, Type result, std::shared_ptr<const Aggregator> aggregator,
                                 bool can_fail = false) {
  ResolvedCall call = call_of(std::move(arguments), std::move(result), nullptr, can_fail, NullRule::kernel);
  call.aggregator = std::move(aggregator);
  return call;
}

// The aggregate A over arguments of fixed types.
template <class A>
TypeRule over(std::string_view name, std::vector<Type> parameters, Type result) {
  return [=](const CallTypes& call) -> Result<ResolvedCall> {
    Result<ResolvedCall> checked = fixed({std::string(name), parameters, parameters.size(), result, nullptr})(call);
    if (checked) checked->aggregator = std::make_shared<A>();
    if (checked) checked->nulls = NullRule::kernel;
    return checked;
  };
}

// f(type) makes the aggregate of one argument of any type.
template <class F>
TypeRule of_any(std::string_view name, F f) {
  return [=](const CallTypes& call) -> Result<ResolvedCall> {
    const Result<> count = check_count(name, call, 1, 1);
    if (!count) return pass_on(count);
    return f(call.types[0]);
  };
}

// The aggregate over distinct arguments, rows with a null argument left out: `count(distinct a, b)`.
std::shared_ptr<const Aggregator> distinct_aggregator(std::shared_ptr<const Aggregator> inner,
                                                      std::vector<Type> arguments);
std::shared_ptr<const Aggregator> count_aggregator();
// `f(distinct x)` is resolved under the name f_distinct.
TypeRule over_distinct(TypeRule rule);

}  // namespace streamrun
