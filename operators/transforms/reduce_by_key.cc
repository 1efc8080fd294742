#include "operators/builtin_catalog.h"
#include "runner/operator/reduce_binding.h"

namespace streamrun {

TransformDescriptor describe_reduce_by_key() {
  return describe_transform<ReduceOptions>(
      "reduce_by_key", "the rows of each key made into one", "reduceByKey, combineByKey",
      "account string, amount double", "reduce_by_key: {key: account, to: {total: sum(amount), n: count(*)}}",
      Options<ReduceOptions>{}
          .required("key", &ReduceOptions::key, "a column, a list of columns, or `{name: expression}`")
          .optional("to", &ReduceOptions::to, "", "`{name: expression over aggregates}`")
          .optional("value", &ReduceOptions::value, "", "the column that is folded")
          .optional("start", &ReduceOptions::start, "", "the first value `v` made into an accumulator")
          .optional("add", &ReduceOptions::add, "", "accumulator `acc` and the next value `v` made into one")
          .optional("merge", &ReduceOptions::merge, "", "two values (or accumulators) `a` and `b` made into one")
          .table(),

      [](const ReduceOptions& options, BindContext& context) { return bind_reduce(options, context); });
}

}  // namespace streamrun
