#include "runner/operator/key_binding.h"

#include <fmt/format.h>

#include "runner/base/foreign_name.h"
namespace streamrun {
namespace {

bool can_be_key(const Type& type) {
  if (type.kind() == TypeKind::map || type.kind() == TypeKind::variant) return false;
  for (const Field& field : type.fields()) {
    if (!can_be_key(field.type)) return false;
  }
  return true;
}

}  // namespace

std::optional<std::uint32_t> find_column(const BindContext& context, const LocatedText& name, std::size_t input) {
  const Schema& schema = *context.inputs[input];
  const auto found = schema.find(name.value());
  if (found) return found;
  std::vector<std::string_view> names;
  for (std::uint32_t i = 0; i < schema.size(); ++i) names.push_back(schema.at(i).name);
  const bool own = input == 0 || input >= context.input_names.size();
  const std::string owner = own ? context.owner : fmt::format("'{}'", context.input_names[input]);
  std::string hint = did_you_mean(name.value(), names);
  if (hint.empty()) hint = unnamed_expression_hint(name.value());
  context.diagnostics.error("unknown-column", name.whole(),
                            fmt::format("{} has no column '{}'{}", owner, name.value(), hint));
  return std::nullopt;
}

bool add_column(Schema& schema, Field field, Span place, Diagnostics& diagnostics) {
  for (const Field& other : schema.columns) {
    if (other.name != field.name) continue;
    diagnostics.error("duplicate-column", place,
                      fmt::format("column '{}' is there twice; rename or drop one of them", field.name));
    return false;
  }
  schema.columns.push_back(std::move(field));
  return true;
}

std::optional<KeyBinding> bind_key(const BindContext& context, const KeyOption& option, std::size_t input) {
  KeyBinding key;
  bool good = true;
  const Scope scope = context.scope(input);
  if (option.columns.empty()) {
    context.diagnostics.error("empty-key", option.span, "a key has at least one column");
    return std::nullopt;
  }
  for (const KeyColumn& column : option.columns) {
    Expression expression;
    const Span place = column.expr ? column.expr->text.whole() : column.name.whole();
    if (column.expr) {
      auto compiled = compile_expression(column.expr->text, scope, context.diagnostics);
      if (compiled) expression = std::move(*compiled);
    } else if (const auto found = find_column(context, column.name, input)) {
      expression = column_expression(scope, *found, column.name);
    }
    if (!expression) {
      good = false;
      continue;
    }
    if (!can_be_key(expression.type())) {
      context.diagnostics.error("type-mismatch", place,
                                fmt::format("a key cannot be of type {}", expression.type().name()));
      good = false;
      continue;
    }
    good = add_column(key.schema, {column.name.value(), expression.type()}, column.name.whole(), context.diagnostics) &&
           good;
    if (!key.text.empty()) key.text += ", ";
    key.text += column.name.value();
    key.keys.push_back(std::move(expression));
  }
  if (!good) return std::nullopt;
  return key;
}

}  // namespace streamrun
