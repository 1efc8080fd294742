// `x in (…)` over constants: one look-up a row.
#pragma once

#include <optional>
#include <span>

#include "runner/expr/function.h"

namespace streamrun {

// The test of values of `type` against constants of that type, nulls among them or not; nothing for types that no
// set is made of. `prepared` is what the kernel asks for.
struct Membership {
  CallKernel kernel = nullptr;
  std::shared_ptr<const void> prepared;
};
std::optional<Membership> make_membership(const Type& type, std::span<const ColumnPtr> constants);

}  // namespace streamrun
