// Rows in order, kept for a later phase, in their partitions or in others.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "runner/data/type.h"
#include "runner/operator/kernel.h"

namespace streamrun {

// A breaker whose result is its input: a chunk for each batch of `schema`, in source order, with its partition. Where
// records came from is not kept: it feeds joins, whose rows are of several.
std::unique_ptr<const Breaker> make_spool(Schema schema);

struct Distribution {
  std::uint32_t partitions = 1;
  std::vector<Expression> keys;  // rows whose keys are equal go to one partition; none: rows go to each in turn
};
// As the spool, with the rows distributed anew: partition after partition, in source order.
StepFactory make_exchange(Schema schema, Distribution distribution);

}  // namespace streamrun
