#include "runner/operator/format.h"

#include <fmt/format.h>

namespace streamrun {

std::optional<BoundFormat> bind_format(const FormatDescriptor& format, const void* options,
                                       const FormatReadContext& context) {
  const auto fault = [&](std::string code, std::string message) {
    context.diagnostics.error(std::move(code), context.place, std::move(message));
    return std::nullopt;
  };
  if (!format.bind_read) return fault("format-not-readable", fmt::format("format '{}' cannot be read", format.name));
  if (format.needs_schema && context.declared == nullptr) {
    return fault("missing-schema", fmt::format("format '{}' needs a schema: {{column: type, …}}", format.name));
  }
  return format.bind_read(options, context);
}

}  // namespace streamrun
