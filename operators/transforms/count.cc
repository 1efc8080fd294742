#include "operators/builtin_catalog.h"
#include "runner/operator/count_binding.h"

namespace streamrun {

TransformDescriptor describe_count() {
  return describe_transform<CountOptions>(
      "count", "how many rows each batch has: one row, 0 when there are none", "count", "a int", "count: {as: n}",
      Options<CountOptions>{}.optional("as", &CountOptions::as, "count", "name of the column").table(), bind_count);
}

}  // namespace streamrun
