#include <fmt/format.h>

#include "operators/builtin_catalog.h"
#include "runner/operator/key_binding.h"
#include "runner/operator/option_faults.h"
#include "runner/operator/projection.h"

namespace streamrun {
namespace {

struct MapColumns {
  NamedExprs columns;
};

}  // namespace

template <>
struct Codec<MapColumns> {
  static Shape shape() {
    Shape names = Shape::list_of(Codec<NameText>::shape());
    names.min = 1;
    return Shape::any({Codec<NamedExprs>::shape(), std::move(names)});
  }
  static bool decode(const SyntaxNode& node, MapColumns& out, DecodeContext& context) {
    if (node.kind == SyntaxNode::Kind::mapping) return Codec<NamedExprs>::decode(node, out.columns, context);
    if (node.kind != SyntaxNode::Kind::sequence) {
      return wrong_type(node, "a mapping of names to expressions, or a list of columns", context);
    }
    std::vector<NameText> names;
    if (!Codec<std::vector<NameText>>::decode(node, names, context)) return false;
    for (const NameText& name : names) out.columns.push_back({name.text, column_expression(name.text)});
    return true;
  }
};

namespace {

struct MapOptions {
  MapColumns columns;
};

// `'*': true`, and `*` in a list: all columns that can be seen.
bool add_all(const BindContext& context, const NamedExpr& entry, Schema& output, std::vector<Expression>& outputs) {
  if (const std::string& text = entry.expr.text.value(); text != "true" && text != "`*`") {
    context.diagnostics.error("bad-option", entry.expr.text.whole(),
                              fmt::format("'*' stands for all columns and takes true, not '{}'", text));
    return false;
  }
  bool good = true;
  const std::vector<Field>& columns = context.inputs[0]->columns;
  for (const Field& field : columns) {
    good = add_column(output, field, entry.name.whole(), context.diagnostics) && good;
  }
  pass_columns(context, 0, static_cast<std::uint32_t>(columns.size()), outputs);
  return good;
}

std::optional<BoundTransform> bind(const MapOptions& options, BindContext& context) {
  Schema output;
  std::vector<Expression> outputs;
  std::string detail;
  bool good = true;
  for (const NamedExpr& entry : options.columns.columns) {
    if (!detail.empty()) detail += ", ";
    detail += entry.name.value();
    if (entry.name.value() == "*") {
      good = add_all(context, entry, output, outputs) && good;
      continue;
    }
    auto compiled = compile_beside(entry.expr.text, output, context);
    if (!compiled) {
      good = false;
      continue;
    }
    good = add_column(output, {entry.name.value(), compiled->type()}, entry.name.whole(), context.diagnostics) && good;
    outputs.push_back(std::move(*compiled));
  }
  if (options.columns.columns.empty()) {
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
      Options<MapOptions>{}
          .whole(&MapOptions::columns,
                 "`{name: expression}`, or `[a, b]` for plain columns; `'*': true` is all of them")
          .table(),
      bind);
}

}  // namespace streamrun
