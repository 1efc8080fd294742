#include "operators/builtin_catalog.h"
#include "operators/windows/windowed_reduce.h"

namespace streamrun {

TransformDescriptor describe_reduce_by_key_and_window() {
  using All = WindowedReduceOptions;
  return describe_transform<All>(
      "reduce_by_key_and_window", "the rows that each key has in the last batches made into one",
      "reduceByKeyAndWindow", "account string, amount double",
      "reduce_by_key_and_window: {key: account, value: amount, merge: a + b, window: 10s, slide: 5s}",
      windowed_reduce_options(
          Options<All>{}
              .required("key", &All::key, "a column, a list of columns, or `{name: expression}`")
              .optional("start", &All::start, "", "the first value `v` made into an accumulator")
              .optional("add", &All::add, "", "accumulator `acc` and the next value `v` made into one"))
          .table(),
      bind_windowed_reduce);
}

}  // namespace streamrun
