// Nulls and choice. Most are special forms of the expression tree, which evaluate only what they need.
#include <cmath>

#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"

namespace streamrun {
namespace {

// A null is no NaN: false.
void is_nan(const KernelCall& call) {
  std::uint8_t* out = call.out.values<std::uint8_t>();
  const Column& x = *call.arguments[0];
  const bool single = x.type().kind() == TypeKind::float32;
  call.selection.for_each([&](std::uint32_t row) {
    out[row] = !x.is_null(row) && (single ? std::isnan(x.value<float>(row)) : std::isnan(x.value<double>(row))) ? 1 : 0;
  });
}

Result<ResolvedCall> resolve_isnan(const CallTypes& call) {
  const Result<> count = check_count("isnan", call, 1, 1);
  if (!count) return pass_on(count);
  const bool single = call.types[0].kind() == TypeKind::float32;
  if (!coercible(call.types[0], TypeKind::float64)) return failure(wrong_type("isnan", 0, call.types[0], "double"));
  return call_of({single ? TypeKind::float32 : TypeKind::float64}, TypeKind::boolean, is_nan, false, NullRule::kernel);
}

}  // namespace

std::vector<Function> null_functions() {
  return {{{"isnan"},
           "Null and choice",
           "isnan(x) -> boolean",
           "whether x is NaN; a null is not",
           "not isnan(1)",
           FunctionKind::scalar,
           resolve_isnan}};
}

}  // namespace streamrun
