#include "operators/builtin_catalog.h"
#include "runner/operator/count_binding.h"
#include "runner/operator/window_binding.h"

namespace streamrun {
namespace {

struct CountByWindowOptions : CountOptions, WindowOptions {};

std::optional<BoundTransform> bind(const CountByWindowOptions& options, BindContext& context) {
  return bind_window(options, context, bind_count(options, context));
}

}  // namespace

TransformDescriptor describe_count_by_window() {
  return describe_transform<CountByWindowOptions>(
      "count_by_window", "how many rows the last batches have: one row, 0 when there are none", "countByWindow",
      "a int", "count_by_window: {as: n, window: 10s, slide: 5s}",
      windowed(Options<CountByWindowOptions>{}.optional("as", &CountByWindowOptions::as, "count", "name of the column"))
          .table(),
      bind);
}

}  // namespace streamrun
