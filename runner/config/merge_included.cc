#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "runner/config/spec_binding.h"

namespace streamrun {
namespace {

struct Section {
  std::string_view name;
  std::string_view noun;
};

constexpr Section kNamed[] = {{"params", "param"}, {"connections", "connection"}, {"sources", "source"},
                              {"tables", "table"}, {"streams", "stream"},         {"fragments", "fragment"}};
// What an included file may hold.
constexpr std::string_view kIncludable[] = {"include", "params",  "connections", "sources",
                                            "tables",  "streams", "outputs",     "fragments"};

class Merger {
 public:
  Merger(SpecBinding& binding, const WrittenPipeline& written, SyntaxNode own)
      : binding_(binding), written_(written), merged_(std::move(own)) {}

  SyntaxNode merge() {
    for (const Section& section : kNamed) merge_names(section);
    merge_outputs();
    // What a file that could not be read may have is not missing.
    for (const std::string_view required : {"sources", "outputs"}) {
      if (!binding_.incomplete || merged_.find(required) != nullptr) continue;
      SyntaxNode unknown;
      unknown.faulty = true;
      put(required, std::move(unknown));
    }
    return std::move(merged_);
  }

 private:
  template <class F>
  void each_included(std::string_view section, F&& each) {
    for (const SyntaxNode* root : written_.included) {
      if (const SyntaxNode* node = root->find(section)) each(*node);
    }
  }

  void put(std::string_view name, SyntaxNode section) {
    for (SyntaxNode::Entry& entry : merged_.entries) {
      if (entry.key.value() == name) {
        entry.value = std::move(section);
        return;
      }
    }
    const Span place = section.span;
    merged_.entries.push_back({LocatedText(std::string(name), place), std::move(section)});
  }

  void merge_names(const Section& section) {
    const SyntaxNode* const own = merged_.find(section.name);
    if (own != nullptr && own->kind != SyntaxNode::Kind::mapping) return;  // diagnosed where it is bound
    SyntaxNode all;
    all.kind = SyntaxNode::Kind::mapping;
    if (own != nullptr) all.span = own->span;
    std::map<std::string_view, std::uint32_t> places;
    bool any = false;
    const auto add = [&](const SyntaxNode& node) {
      if (!any && own == nullptr) all.span = node.span;
      any = true;
      for (const SyntaxNode::Entry& entry : node.entries) {
        const auto [first, fresh] = places.emplace(entry.key.value(), entry.key.whole().begin);
        if (fresh) {
          all.entries.push_back(entry);
          continue;
        }
        binding_.error("name-twice", entry.key.whole(),
                       fmt::format("{} '{}' is given twice; the other one stands at {}", section.noun,
                                   entry.key.value(), written_.source.place(first->second)));
      }
    };
    each_included(section.name, [&](const SyntaxNode& node) {
      if (binding_.is_mapping(node, fmt::format("'{}'", section.name))) {
        add(node);
      } else {
        binding_.incomplete = true;
      }
    });
    if (!any) return;
    if (own != nullptr) add(*own);
    put(section.name, std::move(all));
  }

  void merge_outputs() {
    const SyntaxNode* const own = merged_.find("outputs");
    if (own != nullptr && own->kind != SyntaxNode::Kind::sequence) return;
    SyntaxNode all;
    all.kind = SyntaxNode::Kind::sequence;
    bool any = false;
    each_included("outputs", [&](const SyntaxNode& node) {
      any = true;
      all.span = node.span;
      const bool list = binding_.items(node, "outputs", [&](const SyntaxNode& item) { all.items.push_back(item); });
      binding_.incomplete = binding_.incomplete || !list;
    });
    if (!any) return;
    if (own != nullptr) {
      all.span = own->span;
      all.items.insert(all.items.end(), own->items.begin(), own->items.end());
    }
    put("outputs", std::move(all));
  }

  SpecBinding& binding_;
  const WrittenPipeline& written_;
  SyntaxNode merged_;
};

// Whether all of it may stand in an included file.
bool check_keys(SpecBinding& binding, const SyntaxNode& root, std::span<const ForeignName> foreign) {
  bool good = true;
  const std::vector<std::string_view> names(std::begin(kIncludable), std::end(kIncludable));
  for (const SyntaxNode::Entry& entry : root.entries) {
    const std::string& key = entry.key.value();
    if (std::ranges::find(names, key) != names.end()) continue;
    if (pipeline_options().find(key) != nullptr) {
      binding.error(
          "misplaced-key", entry.key.whole(),
          fmt::format("'{}' is the pipeline's own and cannot be included; move it to the file that is run, or "
                      "take it away",
                      key));
      continue;
    }
    binding.error("unknown-key", entry.key.whole(),
                  fmt::format("an included file has no key '{}'{}", key, name_hint(key, foreign, names)));
    good = false;
  }
  return good;
}

}  // namespace

std::span<const std::string_view> includable_sections() {
  return kIncludable;
}

bool is_includable(const SyntaxNode& root) {
  return std::ranges::all_of(root.entries, [](const SyntaxNode::Entry& entry) {
    return std::ranges::find(kIncludable, std::string_view(entry.key.value())) != std::end(kIncludable);
  });
}

SyntaxNode merge_included(SpecBinding& binding, const WrittenPipeline& written, SyntaxNode own,
                          std::span<const ForeignName> foreign) {
  for (const SyntaxNode* root : written.included) {
    if (root->kind != SyntaxNode::Kind::mapping) {
      binding.error("wrong-type", root->span,
                    "an included file is a mapping of params, connections, sources, tables, streams, outputs or "
                    "fragments");
      binding.incomplete = true;
    } else if (!check_keys(binding, *root, foreign)) {
      binding.incomplete = true;
    }
  }
  return Merger(binding, written, std::move(own)).merge();
}

}  // namespace streamrun
