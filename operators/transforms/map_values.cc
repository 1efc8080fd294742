#include <fmt/format.h>

#include "operators/builtin_catalog.h"
#include "runner/operator/key_binding.h"
#include "runner/operator/projection.h"

namespace streamrun {
namespace {

struct MapValuesOptions {
  KeyOption key;
  NamedExprs to;
};

std::optional<BoundTransform> bind(const MapValuesOptions& options, BindContext& context) {
  auto key = bind_key(context, options.key);
  bool good = key.has_value();
  Schema output = key ? key->schema : Schema();
  std::vector<Expression> outputs = key ? std::move(key->keys) : std::vector<Expression>();
  std::string detail = fmt::format("by {}", key ? key->text : "");
  for (const NamedExpr& entry : options.to) {
    auto compiled = compile_expression(entry.expr.text, context.scope(), context.diagnostics);
    good = compiled &&
           add_column(output, {entry.name.value(), compiled->type()}, entry.name.whole(), context.diagnostics) && good;
    if (compiled) outputs.push_back(std::move(*compiled));
    detail += fmt::format(", {}: {}", entry.name.value(), entry.expr.text.value());
  }
  if (!good) return std::nullopt;
  return bind_projection(context, std::move(output), {}, std::move(outputs), std::move(detail));
}

}  // namespace

TransformDescriptor describe_map_values() {
  return describe_transform<MapValuesOptions>(
      "map_values", "the key's columns, and what is computed in place of the others", "mapValues",
      "account string, amount double", "map_values: {key: account, to: {cents: amount * 100}}",
      Options<MapValuesOptions>{}
          .required("key", &MapValuesOptions::key, "a column, a list of columns, or `{name: expression}`")
          .required("to", &MapValuesOptions::to, "`{name: expression}` over the row as it came in")
          .table(),
      bind);
}

}  // namespace streamrun
