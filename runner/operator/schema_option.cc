// Schemas as options: inline, or the path of a file.
#include <fmt/format.h>

#include <algorithm>

#include "runner/operator/option_faults.h"
#include "runner/operator/options.h"

namespace streamrun {
namespace {

// `{id: bigint, s: string}` for Spark's `id bigint, s string`; nothing for what is none.
std::string schema_of_text(std::string_view text) {
  std::string form;
  std::size_t begin = 0;
  int open = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : ',';
    open += c == '<' || c == '(' ? 1 : c == '>' || c == ')' ? -1 : 0;
    if (c != ',' || (open != 0 && i < text.size())) continue;
    std::string_view column = text.substr(begin, i - begin);
    begin = i + 1;
    column.remove_prefix(std::min(column.find_first_not_of(' '), column.size()));
    const std::size_t end = std::min(column.find_first_of(" :"), column.size());
    const std::string_view name = column.substr(0, end);
    std::string_view type = column.substr(end);
    type.remove_prefix(std::min(type.find_first_not_of(" :"), type.size()));
    TypeSyntaxError unsaid;
    if (!is_identifier(name) || type.empty() || !parse_type(type, unsaid)) return {};
    const bool quoted = type.find_first_of(",:") != std::string_view::npos;
    form += fmt::format("{}{}: {}{}{}", form.empty() ? "{" : ", ", name, quoted ? "\"" : "", type, quoted ? "\"" : "");
  }
  return form + "}";
}

bool fault(const SyntaxNode& node, std::string code, std::string message, DecodeContext& context) {
  context.diagnostics.error(std::move(code), node.span, std::move(message));
  return false;
}

}  // namespace

Shape Codec<SchemaOption>::shape() {
  return Shape::of_kind(Shape::Kind::schema);
}
bool Codec<SchemaOption>::decode(const SyntaxNode& node, SchemaOption& out, DecodeContext& context) {
  out.span = node.span;
  if (node.kind == SyntaxNode::Kind::scalar && !node.text.value().empty()) {
    if (const std::string form = schema_of_text(node.text.value()); !form.empty()) {
      return fault(node, "wrong-type", fmt::format("a schema is a mapping, or the path of a file; write {}", form),
                   context);
    }
    if (!context.load_schema) return fault(node, "unreadable-file", "a schema file cannot be read here", context);
    return context.load_schema(node.text.value(), node.span, out);
  }
  if (node.kind != SyntaxNode::Kind::mapping || node.entries.empty()) {
    return wrong_type(node, "a schema ({name: type}, or the path of a file that holds one)", context);
  }
  bool good = true;
  for (const SyntaxNode::Entry& entry : node.entries) {
    if (empty_name(entry.key, context)) {
      good = false;
      continue;
    }
    if (!has_text(entry.value)) {
      const bool cut = is_nothing(entry.value);
      context.diagnostics.error(
          "wrong-type", cut ? entry.key.whole() : entry.value.span,
          cut ? fmt::format("column '{}' has no type; if a type was cut at a comma, quote the whole type",
                            entry.key.value())
              : fmt::format("expected a type; found {}; a structure is written as text: struct<a:int,b:string>",
                            describe_node(entry.value)));
      good = false;
      continue;
    }
    TypeSyntaxError error;
    const std::string& text = entry.value.text.value();
    const std::optional<Type> type = parse_type(text, error);
    if (!type) {
      const bool cut = std::count(text.begin(), text.end(), '<') != std::count(text.begin(), text.end(), '>');
      context.diagnostics.error("bad-type", entry.value.text.span(error.begin, error.end),
                                error.message + (cut ? "; if YAML cut it at a comma, quote the whole type" : ""));
      good = false;
      continue;
    }
    if (type->kind() == TypeKind::null || type->kind() == TypeKind::month_interval ||
        type->kind() == TypeKind::day_interval) {
      good = fault(entry.value, "bad-type", fmt::format("a column cannot be of type {}", type->name()), context);
      continue;
    }
    out.schema.columns.push_back({entry.key.value(), *type});
    out.spans.push_back(entry.value.span);
  }
  return good;
}

}  // namespace streamrun
