#include <fmt/format.h>

#include "operators/builtin_catalog.h"
#include "runner/operator/key_binding.h"
#include "runner/operator/projection.h"

namespace streamrun {
namespace {

// In the order of the file; all at once, so that two names may change places.
struct NewNames {
  std::vector<std::pair<LocatedText, LocatedText>> entries;
};

struct RenameOptions {
  NewNames names;
};

}  // namespace

template <>
struct Codec<NewNames> {
  static Shape shape() {
    Shape names;
    names.kind = Shape::Kind::map_of;
    names.of.push_back(Codec<NameText>::shape());
    return names;
  }
  static bool decode(const SyntaxNode& node, NewNames& out, DecodeContext& context) {
    if (node.kind != SyntaxNode::Kind::mapping) {
      context.diagnostics.error("type-mismatch", node.span, "expected a mapping `{old: new}`");
      return false;
    }
    bool good = true;
    for (const SyntaxNode::Entry& entry : node.entries) {
      NameText name;
      good = Codec<NameText>::decode(entry.value, name, context) && good;
      out.entries.emplace_back(entry.key, name.text);
    }
    return good;
  }
};

namespace {

std::optional<BoundTransform> bind(const RenameOptions& options, BindContext& context) {
  const Schema& input = *context.inputs[0];
  std::vector<const LocatedText*> names(input.size(), nullptr);
  std::string detail;
  bool good = true;
  for (const auto& [old_name, new_name] : options.names.entries) {
    const auto column = find_column(context, old_name);
    if (column) names[*column] = &new_name;
    good = column.has_value() && good;
    if (!detail.empty()) detail += ", ";
    detail += fmt::format("{}: {}", old_name.value(), new_name.value());
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
