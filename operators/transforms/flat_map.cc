#include <fmt/format.h>

#include "operators/builtin_catalog.h"
#include "runner/operator/explode.h"
#include "runner/operator/key_binding.h"
#include "runner/operator/option_faults.h"

namespace streamrun {
namespace {

struct Kept {
  bool all = false;
  std::vector<NameText> columns;
};

struct FlatMapOptions {
  ExprText each;
  LocatedText as = LocatedText("value", {});
  Kept keep;
  bool outer = false;
};

}  // namespace

template <>
struct Codec<Kept> {
  static Shape shape() {
    return Shape::any({Shape::choice_of({"all", "none"}), Codec<std::vector<NameText>>::shape()});
  }
  static bool decode(const SyntaxNode& node, Kept& out, DecodeContext& context) {
    out.all = has_text(node) && node.text.value() == "all";
    if (out.all || (has_text(node) && node.text.value() == "none")) return true;
    return Codec<std::vector<NameText>>::decode(node, out.columns, context);
  }
};

namespace {

std::optional<BoundTransform> bind(const FlatMapOptions& options, BindContext& context) {
  const Schema& input = *context.inputs[0];
  auto each = compile_expression(options.each.text, context.scope(), context.diagnostics);
  BoundTransform bound;
  bool good = each.has_value();
  if (each && each->type().kind() != TypeKind::array) {
    context.diagnostics.error("type-mismatch", options.each.text.whole(),
                              fmt::format("`each` is an array, not {}", each->type().name()));
    good = false;
  }
  // Kept columns come first, as they do beside an exploded column.
  std::vector<std::uint32_t> kept;
  const auto keep = [&](std::uint32_t column, Span place) {
    kept.push_back(column);
    good = add_column(bound.output, input.at(column), place, context.diagnostics) && good;
  };
  if (options.keep.all) {
    for (std::uint32_t i = 0; i < input.columns.size(); ++i) keep(i, context.place);
  }
  for (const NameText& name : options.keep.columns) {
    const auto column = find_column(context, name.text);
    if (column) keep(*column, name.text.whole());
    good = column.has_value() && good;
  }
  if (!good) return std::nullopt;
  ExplodeSpec spec;
  spec.inputs = input.size();
  spec.element_at = kept.size();
  spec.outer = options.outer;
  const Span place = options.as.whole() == Span{} ? context.place : options.as.whole();
  if (!add_column(bound.output, {options.as.value(), each->type().element()}, place, context.diagnostics)) {
    return std::nullopt;
  }
  for (std::uint32_t i = 0; i < input.hidden.size(); ++i) {
    if (bound.output.find(input.hidden[i].name)) continue;
    bound.output.hidden.push_back(input.hidden[i]);
    kept.push_back(static_cast<std::uint32_t>(input.columns.size()) + i);
  }
  const Scope scope = context.scope();
  for (const std::uint32_t column : kept) spec.kept.push_back(column_expression(scope, column, {}));
  bound.can_fail = each->can_fail();
  bound.detail = fmt::format("{}{}: {}", options.outer ? "outer " : "", options.as.value(), options.each.text.value());
  spec.each = std::move(*each);
  bound.step = make_explode(std::move(spec));
  return bound;
}

}  // namespace

TransformDescriptor describe_flat_map() {
  return describe_transform<FlatMapOptions>(
      "flat_map", "a row for each element of an array", "flatMap", "value string",
      "flat_map: {each: \"split(value, ' ')\", as: word}",
      Options<FlatMapOptions>{}
          .required("each", &FlatMapOptions::each, "an array; an empty or null one gives no row, unless `outer`")
          .optional("as", &FlatMapOptions::as, "value", "name of the element's column")
          .optional("keep", &FlatMapOptions::keep, "none", "columns that each row keeps: all, none or a list")
          .optional("outer", &FlatMapOptions::outer, "false", "an empty or null array gives a row of null")
          .table(),
      bind);
}

}  // namespace streamrun
