#include "runner/operator/key_binding.h"

#include <fmt/format.h>

#include <utility>

#include "runner/base/foreign_name.h"
#include "runner/expr/coercion.h"
#include "runner/operator/option_faults.h"

namespace streamrun {
namespace {

bool can_be_key(const Type& type) {
  if (type.kind() == TypeKind::map || type.kind() == TypeKind::variant) return false;
  for (const Field& field : type.fields()) {
    if (!can_be_key(field.type)) return false;
  }
  return true;
}

// On one side.
std::optional<Expression> key_of(const BindContext& context, const KeyColumn& column, std::size_t input) {
  const Scope scope = context.scope(input);
  if (column.expr) return compile_expression(column.expr->text, scope, context.diagnostics);
  const auto found = find_column(context, column.name, input);
  if (!found) return std::nullopt;
  return column_expression(scope, *found, column.name);
}

std::optional<Expression> cast_key(const BindContext& context, const KeyColumn& column, std::size_t input,
                                   Expression key, const Type& type) {
  if (key.type() == type) return key;
  const ExprText text = column.expr ? *column.expr : column_expression(column.name);
  return compile_cast(text.text, type, context.scope(input), context.diagnostics);
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
  const bool expression = hint.empty() && !unnamed_expression_hint(name.value()).empty();
  if (expression && name.value() != "*") {
    hint = fmt::format("; columns are named here: compute it in a step before, with: {{name: \"{}\"}}", name.value());
  }
  if (hint.empty()) hint = one_variant_hint(schema, name.value());
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

std::optional<KeyBinding> bind_columns(const BindContext& context, const std::vector<NameText>& names) {
  KeyOption key;
  key.span = context.place;
  for (const NameText& name : names) key.columns.push_back({name.text, std::nullopt});
  if (names.empty()) {
    for (const Field& field : context.inputs[0]->columns) {
      key.columns.push_back({LocatedText(field.name, context.place), std::nullopt});
    }
  }
  return bind_key(context, key);
}

std::optional<KeyPair> bind_key_pair(const BindContext& context, const KeyColumn& column) {
  auto left = key_of(context, column, 0);
  auto right = key_of(context, column, 1);
  if (!left || !right) return std::nullopt;
  const std::string& name = column.name.value();
  const auto type = comparison_type(left->type(), right->type());
  if (!type || !can_be_key(*type)) {
    context.diagnostics.error(
        "type-mismatch", column.expr ? column.expr->text.whole() : column.name.whole(),
        fmt::format("{}'{}' is {} on the left and {} on the right, which cannot be compared",
                    column.expr ? "" : "column ", name, left->type().name(), right->type().name()));
    return std::nullopt;
  }
  KeyPair pair{{}, {}, *type, left->type(), right->type()};
  left = cast_key(context, column, 0, std::move(*left), *type);
  right = cast_key(context, column, 1, std::move(*right), *type);
  if (!left || !right) return std::nullopt;
  pair.left = std::move(*left);
  pair.right = std::move(*right);
  return pair;
}

}  // namespace streamrun
