// What the binders of a pipeline's sections share. Within config/ only.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runner/config/pipeline_spec.h"

namespace streamrun {

// Entries of a section, and items of a list: a pipeline is text that somebody wrote.
inline constexpr std::size_t kMostEntries = 1000;

struct SpecBinding {
  const Catalog& catalog;
  DecodeContext& context;

  void error(std::string code, Span span, std::string message) {
    context.diagnostics.error(std::move(code), span, std::move(message));
  }

  void too_many(std::string_view what, Span span) {
    error("too-many", span, "more than " + std::to_string(kMostEntries) + " " + std::string(what));
  }

  // False: diagnosed.
  bool is_mapping(const SyntaxNode& node, std::string_view what);
  // Every key of `node` is one of the table's or of `more`. False: diagnosed.
  bool known_keys(const SyntaxNode& node, std::string_view what, const OptionTable& table,
                  std::vector<std::string_view> more);

  // The entries of a section whose names are names.
  template <class F>
  void entries(const SyntaxNode& root, std::string_view section, F&& each) {
    const SyntaxNode* node = root.find(section);
    if (!node || !is_mapping(*node, "'" + std::string(section) + "'")) return;
    std::size_t count = 0;
    for (const SyntaxNode::Entry& entry : node->entries) {
      if (++count > kMostEntries) return too_many(section, entry.key.whole());
      if (check_identifier(entry.key, context)) each(entry.key, entry.value);
    }
  }

  // The items of a list. False: it is none; diagnosed.
  template <class F>
  bool items(const SyntaxNode& node, std::string_view what, F&& each) {
    if (node.faulty) return false;
    if (node.kind != SyntaxNode::Kind::sequence) {
      error("wrong-type", node.span, "'" + std::string(what) + "' is a list");
      return false;
    }
    std::size_t count = 0;
    for (const SyntaxNode& item : node.items) {
      if (++count > kMostEntries) {
        too_many(what, item.span);
        return false;
      }
      each(item);
    }
    return true;
  }
};

template <class D>
std::vector<std::string_view> names_of(std::span<const D> all) {
  std::vector<std::string_view> names;
  for (const D& one : all) names.push_back(one.name);
  return names;
}

// The forms of sections: of a stream, its steps among them.
const OptionTable& stream_options();

SourceSpec bind_source(SpecBinding& binding, const LocatedText& name, const SyntaxNode& node);
SourceSpec bind_table(SpecBinding& binding, const LocatedText& name, const SyntaxNode& node);
OutputSpec bind_output(SpecBinding& binding, const SyntaxNode& node);
StreamSpec bind_stream(SpecBinding& binding, const LocatedText& name, const SyntaxNode& node);
// The names that it uses are those of `spec`.
TestSpec bind_test(SpecBinding& binding, const SyntaxNode& node, const PipelineSpec& spec);

}  // namespace streamrun
