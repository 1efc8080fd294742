// Casts of arrays, maps and structures, child by child.
#pragma once

#include "runner/expr/function.h"

namespace streamrun {

// `Try`: a value that cannot be cast is null instead of an error of its row.
template <bool Try>
void cast_lists(const KernelCall& call);
template <bool Try>
void cast_structure(const KernelCall& call);

}  // namespace streamrun
