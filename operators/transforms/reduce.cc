#include "operators/builtin_catalog.h"
#include "runner/operator/reduce_binding.h"

namespace streamrun {

TransformDescriptor describe_reduce() {
  return describe_transform<ReduceOptions>(
      "reduce", "all rows of a batch made into one; nothing when there are none", "reduce", "amount double",
      "reduce: {to: {total: sum(amount), n: count(*)}}",
      Options<ReduceOptions>{}
          .optional("to", &ReduceOptions::to, "", "`{name: expression over aggregates}`")
          .optional("value", &ReduceOptions::value, "", "the column that `merge` folds")
          .optional("merge", &ReduceOptions::merge, "", "two values `a` and `b` made into one")
          .table(),
      [](const ReduceOptions& options, BindContext& context) { return bind_reduce(options, context); });
}

}  // namespace streamrun
