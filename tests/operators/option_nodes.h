// Options of operators as the parser would give them, without YAML.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "runner/base/syntax_tree.h"

namespace streamrun {

inline SyntaxNode text(std::string value) {
  SyntaxNode node;
  node.kind = SyntaxNode::Kind::scalar;
  node.text = LocatedText(std::move(value), {});
  return node;
}

inline SyntaxNode sequence(std::vector<SyntaxNode> items) {
  SyntaxNode node;
  node.kind = SyntaxNode::Kind::sequence;
  node.items = std::move(items);
  return node;
}

inline SyntaxNode mapping(std::vector<std::pair<std::string, SyntaxNode>> entries) {
  SyntaxNode node;
  node.kind = SyntaxNode::Kind::mapping;
  for (auto& [key, value] : entries) node.entries.push_back({LocatedText(key, {}), std::move(value)});
  return node;
}

}  // namespace streamrun
