// A pipeline file as a tree with places. What was YAML is gone: tags, aliases and styles are settled.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runner/base/source_text.h"

namespace streamrun {

struct SyntaxNode {
  enum class Kind : std::uint8_t { null, scalar, sequence, mapping };

  struct Entry;

  Kind kind = Kind::null;
  bool plain = true;    // an unquoted scalar: `1` is a number, `'1'` a text
  bool faulty = false;  // diagnosed: what it holds is not what was meant, so nobody looks into it
  Span span;
  LocatedText text;               // scalar
  std::vector<SyntaxNode> items;  // sequence
  std::vector<Entry> entries;     // mapping, in file order, keys unique

  const SyntaxNode* find(std::string_view key) const;
};

struct SyntaxNode::Entry {
  LocatedText key;
  SyntaxNode value;
};

inline const SyntaxNode* SyntaxNode::find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key.value() == key) return &entry.value;
  }
  return nullptr;
}

}  // namespace streamrun
