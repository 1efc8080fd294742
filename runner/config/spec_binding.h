// What the binders of a pipeline's sections share. Within config/ only.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runner/base/foreign_name.h"
#include "runner/config/pipeline_spec.h"

namespace streamrun {

// Entries of a section, and items of a list: a pipeline is text that somebody wrote.
inline constexpr std::size_t kMostEntries = 1000;

// Of `connections`: a cluster's address, for the connectors that name it.
struct Connection {
  LocatedText name;
  const SyntaxNode* node = nullptr;  // null: faulty, diagnosed
  bool used = false;
};

// Of `fragments`: bound when it is first asked for.
struct Fragment {
  enum class State : std::uint8_t { unbound, binding, bound };
  LocatedText name;
  const SyntaxNode* list = nullptr;
  State state = State::unbound;
  std::vector<StepSpec> steps;  // those before the first faulty one
  bool faulty = false;          // diagnosed
  bool used = false;
};

struct SpecBinding {
  const Catalog& catalog;
  DecodeContext& context;
  std::vector<Connection> connections = {};
  std::vector<Fragment> fragments = {};
  std::vector<Fragment*> open_fragments = {};  // each uses the next
  std::size_t expanded_steps = 0;
  // A section could not be read, so that what seems to be missing may stand there.
  bool incomplete = false;

  void error(std::string code, Span span, std::string message) {
    context.diagnostics.error(std::move(code), span, std::move(message));
  }

  void too_many(std::string_view what, Span span) {
    error("too-many", span, "more than " + std::to_string(kMostEntries) + " " + std::string(what));
  }

  // False: diagnosed.
  bool is_mapping(const SyntaxNode& node, std::string_view what);
  // Every key of `node` is one of the table's or of `more`. False: diagnosed. `foreign`: what else users call them;
  // `hint`: what is known of a key beyond that, `; …` or nothing.
  bool known_keys(const SyntaxNode& node, std::string_view what, const OptionTable& table,
                  std::vector<std::string_view> more, std::span<const ForeignName> foreign = {},
                  const std::function<std::string(const std::string& key)>& hint = {});

  // `node` with keys that are nearly those of the table under the names that were meant: what stands below is checked
  // all the same, and is not missing.
  static SyntaxNode meant_keys(SyntaxNode node, const OptionTable& table, std::span<const ForeignName> foreign);

  // The entries of a section whose names are names. False: some were left out; diagnosed.
  template <class F>
  bool entries(const SyntaxNode& root, std::string_view section, F&& each) {
    const SyntaxNode* node = root.find(section);
    if (!node) return true;
    if (!is_mapping(*node, "'" + std::string(section) + "'")) return false;
    std::size_t count = 0;
    bool good = true;
    for (const SyntaxNode::Entry& entry : node->entries) {
      if (++count > kMostEntries) {
        too_many(section, entry.key.whole());
        return false;
      }
      if (check_identifier(entry.key, context)) {
        each(entry.key, entry.value);
      } else {
        good = false;
      }
    }
    return good;
  }

  // The items of a list. False: it is none; diagnosed.
  template <class F>
  bool items(const SyntaxNode& node, std::string_view what, F&& each) {
    if (node.faulty) return false;
    if (node.kind != SyntaxNode::Kind::sequence) {
      error("wrong-type", node.span, "'" + std::string(what) + "' is a list: begin each entry with '- '");
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
const OptionTable& connection_options();

// The sections of the pipeline's file with those of the files that it includes before them. Names given twice, and what
// cannot stand in an included file, are diagnosed.
SyntaxNode merge_included(SpecBinding& binding, const WrittenPipeline& written, SyntaxNode own,
                          std::span<const ForeignName> foreign);
// Sections that an included file may have, and whether a file has no others.
std::span<const std::string_view> includable_sections();
bool is_includable(const SyntaxNode& root);

// Form only: what the keys mean is the connectors' to say.
void bind_connections(SpecBinding& binding, const SyntaxNode& root);
// The options of a connector with those of the connection that it names. `good` becomes false: diagnosed.
SyntaxNode expand_connection(SpecBinding& binding, SyntaxNode options, bool& good);

void declare_fragments(SpecBinding& binding, const SyntaxNode& root);
// Those that no stream uses, too.
void bind_fragments(SpecBinding& binding);
// Appends the steps of the fragment that `name` names. False: some are faulty; diagnosed.
bool use_fragment(SpecBinding& binding, const SyntaxNode& name, std::vector<StepSpec>& out);
// Those of a list up to the first faulty one, which is diagnosed, as are those behind it.
bool bind_steps(SpecBinding& binding, const SyntaxNode& list, std::string_view what, std::vector<StepSpec>& out);

SourceSpec bind_source(SpecBinding& binding, const LocatedText& name, const SyntaxNode& node);
SourceSpec bind_table(SpecBinding& binding, const LocatedText& name, const SyntaxNode& node);
OutputSpec bind_output(SpecBinding& binding, const SyntaxNode& node);
StreamSpec bind_stream(SpecBinding& binding, const LocatedText& name, const SyntaxNode& node);
// The names that it uses are those of `spec`.
TestSpec bind_test(SpecBinding& binding, const SyntaxNode& node, const PipelineSpec& spec);

}  // namespace streamrun
