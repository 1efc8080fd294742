#include "operators/builtin_catalog.h"
#include "runner/operator/window_binding.h"

namespace streamrun {

TransformDescriptor describe_window() {
  return describe_transform<WindowOptions>(
      "window", "the rows of the last batches, oldest first", "window", "a int", "window: {window: 4s, slide: 2s}",
      windowed(Options<WindowOptions>{}).table(),
      [](const WindowOptions& options, BindContext& context) { return bind_window(options, context); });
}

}  // namespace streamrun
