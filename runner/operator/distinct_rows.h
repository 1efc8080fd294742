// The first whole row of each key, in the order they came.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runner/data/type.h"
#include "runner/operator/kernel.h"

namespace streamrun {

// One partition. `schema`: of the input, and of the result. `keys`: its columns that make one. `text`: of the key, for
// `explain`.
StepFactory make_distinct(const Schema& schema, std::vector<std::uint32_t> keys, std::string text);

}  // namespace streamrun
