#include "operators/builtin_catalog.h"
#include "runner/operator/count_binding.h"
#include "runner/operator/window_binding.h"

namespace streamrun {
namespace {

struct CountByValueAndWindowOptions : CountByValueOptions, WindowOptions {};

std::optional<BoundTransform> bind(const CountByValueAndWindowOptions& options, BindContext& context) {
  return bind_window(options, context, bind_count_by_value(options, context));
}

}  // namespace

TransformDescriptor describe_count_by_value_and_window() {
  using All = CountByValueAndWindowOptions;
  return describe_transform<All>(
      "count_by_value_and_window", "each distinct value with the number of its rows in the last batches",
      "countByValueAndWindow", "word string, line bigint",
      "count_by_value_and_window: {columns: [word], window: 10s, slide: 5s}",
      windowed(Options<All>{}.optional("columns", &All::columns, "all", "the columns that make a value")).table(),
      bind);
}

}  // namespace streamrun
