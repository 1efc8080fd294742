// Variants as values of other types.
#pragma once

#include "runner/expr/function.h"
#include "runner/expr/json/json_path.h"

namespace streamrun {

// Whether a variant may be cast to the type.
bool variant_castable(const Type& type);

// Argument 0, a variant, cast to the result's type; with `path` what it leads to, null where there is nothing.
// A value that has no such form is an error of its row, or null where `attempt` is set.
void cast_variants(const KernelCall& call, const JsonPath* path, bool attempt);

}  // namespace streamrun
