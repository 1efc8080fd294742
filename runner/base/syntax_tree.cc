#include "runner/base/syntax_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace streamrun {
namespace {

void append_written(const SyntaxNode& node, std::string& out) {
  const auto append_text = [&out](char kind, std::string_view text) {
    fmt::format_to(std::back_inserter(out), "{}{}:{}", kind, text.size(), text);
  };
  switch (node.kind) {
    case SyntaxNode::Kind::null: out += '~'; return;
    case SyntaxNode::Kind::scalar: return append_text(node.plain ? 'p' : 'q', node.text.value());
    case SyntaxNode::Kind::sequence:
      out += '[';
      for (const SyntaxNode& item : node.items) append_written(item, out);
      out += ']';
      return;
    case SyntaxNode::Kind::mapping: break;
  }
  std::vector<const SyntaxNode::Entry*> entries;
  for (const SyntaxNode::Entry& entry : node.entries) entries.push_back(&entry);
  std::ranges::sort(entries, {}, [](const SyntaxNode::Entry* entry) { return std::string_view(entry->key.value()); });
  out += '{';
  for (const SyntaxNode::Entry* entry : entries) {
    append_text('k', entry->key.value());
    append_written(entry->value, out);
  }
  out += '}';
}

}  // namespace

std::string written_text(const SyntaxNode& node) {
  std::string text;
  append_written(node, text);
  return text;
}

}  // namespace streamrun
