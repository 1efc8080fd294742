// Rows in order, kept for a later phase.
#pragma once

#include <memory>

#include "runner/data/type.h"
#include "runner/operator/kernel.h"

namespace streamrun {

// A breaker whose result is its input: a chunk for each batch of `schema`, in source order, with its partition. Where
// records came from is not kept: it feeds joins, whose rows are of several.
std::unique_ptr<Breaker> make_spool(Schema schema);

}  // namespace streamrun
