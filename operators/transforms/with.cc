#include "operators/builtin_catalog.h"
#include "runner/operator/key_binding.h"
#include "runner/operator/projection.h"

namespace streamrun {
namespace {

struct WithOptions {
  NamedExprs columns;
};

std::optional<BoundTransform> bind(const WithOptions& options, BindContext& context) {
  const Schema& input = *context.inputs[0];
  const auto visible = static_cast<std::uint32_t>(input.columns.size());
  Schema output;
  output.columns = input.columns;
  std::vector<Expression> outputs;
  pass_columns(context, 0, visible, outputs);
  std::vector<bool> hides(input.hidden.size(), false);
  std::string detail;
  bool good = true;
  for (const NamedExpr& entry : options.columns) {
    auto compiled = compile_beside(entry.expr.text, output, context);
    if (!compiled) {
      good = false;
      continue;
    }
    const auto known = input.find(entry.name.value());
    if (known && *known < visible) {
      output.columns[*known].type = compiled->type();
      outputs[*known] = std::move(*compiled);
    } else {
      // A column that is named like a hidden one stands for it from here on.
      if (known) hides[*known - visible] = true;
      good =
          add_column(output, {entry.name.value(), compiled->type()}, entry.name.whole(), context.diagnostics) && good;
      outputs.push_back(std::move(*compiled));
    }
    if (!detail.empty()) detail += ", ";
    detail += entry.name.value();
  }
  if (!good) return std::nullopt;
  for (std::uint32_t i = 0; i < input.hidden.size(); ++i) {
    if (hides[i]) continue;
    output.hidden.push_back(input.hidden[i]);
    pass_columns(context, visible + i, visible + i + 1, outputs);
  }
  return bind_projection(context, std::move(output), {}, std::move(outputs), std::move(detail));
}

}  // namespace

TransformDescriptor describe_with() {
  return describe_transform<WithOptions>(
      "with", "all columns, and these computed beside them or in their place", "map", "a int, b string",
      "with: {twice: a * 2}",
      Options<WithOptions>{}.whole(&WithOptions::columns, "`{name: expression}` over the row as it came in").table(),
      bind);
}

}  // namespace streamrun
