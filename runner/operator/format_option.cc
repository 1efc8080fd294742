#include "runner/operator/format_option.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runner/base/foreign_name.h"

namespace streamrun {
namespace {

constexpr ForeignName kForeignFormats[] = {
    {"jsonl", "json"}, {"ndjson", "json"}, {"jsonlines", "json"}, {"tsv", "csv and delimiter: \"\\t\" beside it"},
    {"lines", "text"}, {"plain", "text"},  {"string", "text"},    {"binary", "raw"},
    {"bytes", "raw"},
};

// The names of all of them, where nothing near is known.
std::string hint_or_list(const std::string& name, const Catalog& catalog) {
  std::vector<std::string_view> names;
  for (const FormatDescriptor& one : catalog.formats()) names.push_back(one.name);
  std::string hint = name_hint(name, kForeignFormats, names);
  return hint.empty() ? fmt::format("; there are: {}", fmt::join(names, ", ")) : hint;
}

const FormatDescriptor* named_format(const SyntaxNode& node, DecodeContext& context) {
  if (node.faulty) return nullptr;
  if (node.kind != SyntaxNode::Kind::scalar) {
    const SyntaxNode* type = node.find("type");
    if (type == nullptr) type = node.find("name");
    const bool named = type != nullptr && type->kind == SyntaxNode::Kind::scalar;
    context.diagnostics.error("wrong-type", node.span,
                              fmt::format("a format is a name, and its options stand beside it: write format: {}",
                                          named ? type->text.value() : "csv"));
    return nullptr;
  }
  const std::string& name = node.text.value();
  const FormatDescriptor* format = context.catalog->format(name);
  if (format == nullptr) {
    context.diagnostics.error("unknown-format", node.span,
                              fmt::format("there is no format '{}'{}", name, hint_or_list(name, *context.catalog)));
  }
  return format;
}

}  // namespace

bool decode_format(const SyntaxNode& node, std::string_view otherwise, std::string_view what, DecodeContext& context,
                   FormatOption& out) {
  const SyntaxNode* named = node.find("format");
  out.place = named != nullptr ? named->span : node.span;
  out.format = named != nullptr ? named_format(*named, context) : context.catalog->format(otherwise);
  if (out.format == nullptr) return false;
  if (!out.format->decode) return true;
  SyntaxNode own;
  own.kind = SyntaxNode::Kind::mapping;
  own.span = node.span;
  for (const SyntaxNode::Entry& entry : node.entries) {
    if (out.format->options.find(entry.key.value())) own.entries.push_back(entry);
  }
  out.options = out.format->decode(own, what, context);
  return out.options != nullptr;
}

std::vector<std::string_view> format_keys(const SyntaxNode& node, const FormatDescriptor* format,
                                          const Catalog& catalog) {
  std::vector<std::string_view> keys = {"format"};
  const bool any = format == nullptr && node.find("format") != nullptr;
  for (const FormatDescriptor& one : catalog.formats()) {
    if (!any && &one != format) continue;
    for (const OptionEntry& entry : one.options.entries()) keys.push_back(entry.name);
  }
  return keys;
}

}  // namespace streamrun
