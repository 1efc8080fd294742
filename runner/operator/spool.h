// Rows in order, kept for a later phase: memory first, then an unlinked temporary file.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "runner/data/type.h"
#include "runner/operator/kernel.h"

namespace streamrun {

// A breaker whose result is its input: a chunk for each batch, in source order, with partitions and the
// places of its records. `hidden`: columns that origins are asked for behind the spool (by `NAME.errors`).
std::unique_ptr<Breaker> make_spool(std::vector<Field> hidden = {}, std::size_t memory = std::size_t{64} << 20);

}  // namespace streamrun
