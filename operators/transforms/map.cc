#include <fmt/format.h>

#include "operators/builtin_catalog.h"
#include "runner/operator/key_binding.h"
#include "runner/operator/projection.h"

namespace streamrun {
namespace {

struct MapOptions {
  NamedExprs columns;
};

std::optional<BoundTransform> bind(const MapOptions& options, BindContext& context) {
  Schema output;
  std::vector<Expression> outputs;
  std::string detail;
  bool good = true;
  for (const NamedExpr& entry : options.columns) {
    auto compiled = compile_expression(entry.expr.text, context.scope(), context.diagnostics);
    if (!compiled) {
      good = false;
      continue;
    }
    good = add_column(output, {entry.name.value(), compiled->type()}, entry.name.whole(), context.diagnostics) && good;
    outputs.push_back(std::move(*compiled));
    if (!detail.empty()) detail += ", ";
    detail += entry.name.value();
  }
  if (options.columns.empty()) {
    context.diagnostics.error("no-columns", context.place, "`map` gives at least one column");
    good = false;
  }
  if (!good) return std::nullopt;
  return bind_projection(context, std::move(output), {}, std::move(outputs), std::move(detail));
}

}  // namespace

TransformDescriptor describe_map() {
  return describe_transform<MapOptions>(
      "map", "just these columns, computed from each row, in this order", "map", "a int, b string",
      "map: {twice: a * 2, b: b}",
      Options<MapOptions>{}.whole(&MapOptions::columns, "`{name: expression}`, or `[a, b]` for plain columns").table(),
      bind);
}

}  // namespace streamrun
