#include <fmt/format.h>

#include "operators/builtin_catalog.h"
#include "runner/operator/key_binding.h"
#include "runner/operator/projection.h"

namespace streamrun {
namespace {

struct RenameOptions {
  NamedValues<NameText> names;  // old, new; all at once, so that two names may change places
};

std::optional<BoundTransform> bind(const RenameOptions& options, BindContext& context) {
  const Schema& input = *context.inputs[0];
  std::vector<const LocatedText*> names(input.size(), nullptr);
  std::string detail;
  bool good = true;
  for (const auto& [old_name, new_name] : options.names) {
    if (!input.find(old_name.value()) && input.find(new_name.text.value())) {
      context.diagnostics.error("unknown-column", old_name.whole(),
                                fmt::format("{0} has no column '{1}'; the old name stands first: {{{2}: {1}}}",
                                            context.owner, old_name.value(), new_name.text.value()));
      good = false;
      continue;
    }
    const auto column = find_column(context, old_name);
    if (column) names[*column] = &new_name.text;
    good = column.has_value() && good;
    if (!detail.empty()) detail += ", ";
    detail += fmt::format("{}: {}", old_name.value(), new_name.text.value());
  }
  if (!good) return std::nullopt;
  Schema output;
  std::vector<Expression> outputs;
  std::vector<std::uint32_t> hidden;
  for (std::uint32_t i = 0; i < input.size(); ++i) {
    // A hidden column that is given a name is hidden no longer.
    if (i >= input.columns.size() && names[i] == nullptr) {
      hidden.push_back(i);
      continue;
    }
    Field field = input.at(i);
    if (names[i] != nullptr) field.name = names[i]->value();
    good = add_column(output, std::move(field), names[i] != nullptr ? names[i]->whole() : context.place,
                      context.diagnostics) &&
           good;
    pass_columns(context, i, i + 1, outputs);
  }
  if (!good) return std::nullopt;
  for (const std::uint32_t i : hidden) {
    if (output.find(input.at(i).name)) continue;
    output.hidden.push_back(input.at(i));
    pass_columns(context, i, i + 1, outputs);
  }
  return bind_projection(context, std::move(output), {}, std::move(outputs), std::move(detail));
}

}  // namespace

TransformDescriptor describe_rename() {
  return describe_transform<RenameOptions>(
      "rename", "gives columns other names", "map", "a int, b string", "rename: {a: id}",
      Options<RenameOptions>{}.whole(&RenameOptions::names, "`{old: new}`").table(), bind);
}

}  // namespace streamrun
