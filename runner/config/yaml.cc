#include "runner/config/yaml.h"

#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <exception>
#include <sstream>

#include "runner/config/yaml_tree_builder.h"

namespace streamrun {
namespace {

// Depth and size are bounded by now.
SyntaxNode expand(const RawNode& raw) {
  SyntaxNode node;
  node.kind = raw.kind;
  node.plain = raw.plain;
  node.faulty = raw.faulty;
  node.span = raw.span;
  node.text = raw.text;
  if (raw.kind == SyntaxNode::Kind::sequence) {
    node.items.reserve(raw.children.size());
    for (const RawNode* child : raw.children) node.items.push_back(expand(*child));
  } else {
    for (std::size_t i = 0; i + 1 < raw.children.size(); i += 2) {
      node.entries.push_back({raw.children[i]->text, expand(*raw.children[i + 1])});
    }
  }
  return node;
}

}  // namespace

std::optional<SyntaxNode> parse_yaml(const SourceText& source, Diagnostics& diagnostics) {
  YamlSize size;
  return parse_yaml(source, diagnostics, size);
}

std::optional<SyntaxNode> parse_yaml(const SourceText& source, Diagnostics& diagnostics, YamlSize& size) {
  if (!check_text(source, diagnostics)) return std::nullopt;
  YamlTreeBuilder builder(source, diagnostics, size);
  try {
    std::istringstream stream{std::string(source.text())};
    YAML::Parser parser(stream);
    // The second call finds a second document, if there is one, and the builder refuses it.
    if (parser.HandleNextDocument(builder)) parser.HandleNextDocument(builder);
  } catch (const YamlTreeBuilder::Stop&) {
    return std::nullopt;
  } catch (const YAML::Exception& fault) {
    if (builder.in_faulty()) return std::nullopt;
    YamlFault found = explain_syntax_fault(source.text(), builder.cursor(), builder.offset(fault.mark), fault.msg);
    diagnostics.error(std::move(found.code), found.span, std::move(found.message));
    return std::nullopt;
  } catch (const std::exception& fault) {
    diagnostics.error("yaml-syntax", {}, fault.what());
    return std::nullopt;
  }
  const RawNode* root = builder.root();
  if (root == nullptr || (root->kind == SyntaxNode::Kind::null && root->text.value().empty())) {
    diagnostics.error("empty-file", {}, "the file is empty");
    return std::nullopt;
  }
  return expand(*root);
}

}  // namespace streamrun
