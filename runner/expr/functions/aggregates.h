// What the checker asks of the aggregates beyond their table.
#pragma once

#include <memory>
#include <vector>

#include "runner/expr/aggregate.h"

namespace streamrun {

// The aggregate over distinct arguments, rows with a null argument left out: `count(distinct a, b)`.
std::shared_ptr<const Aggregator> distinct_aggregator(std::shared_ptr<const Aggregator> inner,
                                                      std::vector<Type> arguments);

}  // namespace streamrun
