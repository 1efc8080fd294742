#include <fmt/format.h>

#include "runner/config/yaml.h"
#include "runner/data/node_rows.h"
#include "runner/expr/constant.h"
#include "runner/plan/resolution.h"

namespace streamrun {
namespace {

// A value given outside the file: a text, or what YAML makes of it where the type has parts.
std::optional<SyntaxNode> outside_value(const Type& type, const std::string& text) {
  if (type.is_nested() || type.kind() == TypeKind::variant) {
    Diagnostics own;
    auto tree = parse_yaml(SourceText("param", text), own);
    return own.has_errors() ? std::nullopt : tree;
  }
  SyntaxNode node;
  node.kind = SyntaxNode::Kind::scalar;
  node.text = LocatedText(text, {});
  return node;
}

// Values have the forms of rows: a text of the type, not an expression.
std::optional<Param> value_of(const SyntaxNode& node, const Type& type) {
  Diagnostics own;
  const ColumnPtr column = column_of_scalars({&node, 1}, type, own);
  if (own.has_errors()) return std::nullopt;
  return constant_param(*column);
}

// As it is written.
std::string text_of(const Resolution& r, const SyntaxNode& node) {
  if (node.kind == SyntaxNode::Kind::scalar) return node.text.value();
  return std::string(r.spec.text->text().substr(node.span.begin, node.span.end - node.span.begin));
}

void resolve_param(Resolution& r, const ParamSpec& param) {
  const std::string& name = param.name.value();
  // A faulty one stands for a null, so that expressions that name it are no faults too.
  Param& made = r.params[name];
  made = {param.type, Column::make_null(param.type, 1)};
  if (param.type.kind() == TypeKind::null) return;
  const auto given = r.options.params.find(name);
  const bool outside = given != r.options.params.end();
  if (!outside && !param.value) {
    r.error("missing-param", param.name.whole(),
            fmt::format("param '{0}' has no default; give it with --param {0}=…", name));
    return;
  }
  r.graph.params[name] = outside ? given->second : text_of(r, *param.value);
  const auto node = outside ? outside_value(param.type, given->second) : param.value;
  if (auto value = node ? value_of(*node, param.type) : std::nullopt) {
    made = std::move(*value);
    return;
  }
  const bool text = outside || (param.value->items.empty() && param.value->entries.empty());
  r.error("bad-param", outside ? param.name.whole() : param.value->span,
          text ? fmt::format("param '{}': '{}' is no {}", name, outside ? given->second : param.value->text.value(),
                             param.type.name())
               : fmt::format("param '{}': this is no {}", name, param.type.name()));
}

}  // namespace

void resolve_params(Resolution& r) {
  std::vector<std::string_view> names;
  for (const ParamSpec& param : r.spec.params) {
    names.push_back(param.name.value());
    resolve_param(r, param);
  }
  for (const auto& [name, value] : r.options.params) {
    if (r.params.contains(name)) continue;
    r.error("unknown-param", r.spec.place,
            fmt::format("the pipeline has no param '{0}'{1}", name,
                        names.empty() ? fmt::format("; declare it: params: {{{}: {{type: string}}}}", name)
                                      : did_you_mean(name, names)));
  }
}

}  // namespace streamrun
