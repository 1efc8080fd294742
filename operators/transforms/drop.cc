#include <algorithm>

#include "operators/builtin_catalog.h"
#include "runner/operator/key_binding.h"
#include "runner/operator/projection.h"

namespace streamrun {
namespace {

struct DropOptions {
  std::vector<NameText> columns;
};

std::optional<BoundTransform> bind(const DropOptions& options, BindContext& context) {
  const Schema& input = *context.inputs[0];
  std::vector<bool> dropped(input.size(), false);
  std::string detail;
  bool good = true;
  for (const NameText& name : options.columns) {
    const auto column = find_column(context, name.text);
    if (column) dropped[*column] = true;
    good = column.has_value() && good;
    if (!detail.empty()) detail += ", ";
    detail += name.text.value();
  }
  if (!good) return std::nullopt;
  Schema output;
  std::vector<Expression> outputs;
  for (std::uint32_t i = 0; i < input.size(); ++i) {
    if (dropped[i]) continue;
    (i < input.columns.size() ? output.columns : output.hidden).push_back(input.at(i));
    pass_columns(context, i, i + 1, outputs);
  }
  if (output.columns.empty()) {
    context.diagnostics.error("no-columns", context.place, "`drop` leaves no column");
    return std::nullopt;
  }
  return bind_projection(context, std::move(output), {}, std::move(outputs), std::move(detail));
}

}  // namespace

TransformDescriptor describe_drop() {
  return describe_transform<DropOptions>(
      "drop", "all columns but these", "map", "a int, b string", "drop: [b]",
      Options<DropOptions>{}.whole(&DropOptions::columns, "names of columns").table(), bind);
}

}  // namespace streamrun
