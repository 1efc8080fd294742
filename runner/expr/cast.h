// Casts between types, as Spark's ANSI mode makes them.
#pragma once

#include "runner/base/result.h"
#include "runner/data/type.h"
#include "runner/expr/function.h"

namespace streamrun {

// The kernel that turns values of `from` into `to`; an error where Spark has no such cast. With `try_cast` a
// value that cannot be cast is null instead of an error of its row. Equal types copy.
Result<ResolvedCall> resolve_cast(const Type& from, const Type& to, bool try_cast);

}  // namespace streamrun
