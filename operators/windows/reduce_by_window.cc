#include "operators/builtin_catalog.h"
#include "operators/windows/windowed_reduce.h"

namespace streamrun {

TransformDescriptor describe_reduce_by_window() {
  return describe_transform<WindowedReduceOptions>(
      "reduce_by_window", "all rows of the last batches made into one; nothing when there are none", "reduceByWindow",
      "amount double", "reduce_by_window: {to: {total: sum(amount), n: count(*)}, window: 10s, slide: 5s}",
      windowed_reduce_options({}).table(), bind_windowed_reduce);
}

}  // namespace streamrun
