#include <fmt/format.h>

#include <algorithm>

#include "runner/config/spec_binding.h"

namespace streamrun {
namespace {

class TestBinder {
 public:
  TestBinder(SpecBinding& binding, const PipelineSpec& spec) : binding_(binding), spec_(spec) {}

  TestSpec bind(const SyntaxNode& node) {
    made_.place = node.span;
    if (!binding_.is_mapping(node, "a test")) return std::move(made_);
    binding_.known_keys(node, "a test", OptionTable{}, {"name", "params", "tables", "sources", "expect"});
    if (const SyntaxNode* name = node.find("name")) {
      Codec<LocatedText>::decode(*name, made_.name, binding_.context);
    }
    each(node, "params", "param", names(spec_.params), [&](const LocatedText& name, const SyntaxNode& value) {
      LocatedText text;
      if (Codec<LocatedText>::decode(value, text, binding_.context)) made_.params.emplace_back(name, std::move(text));
    });
    each(node, "tables", "table", names(spec_.tables), [&](const LocatedText& name, const SyntaxNode& value) {
      RowNodes rows;
      if (Codec<RowNodes>::decode(value, rows, binding_.context)) made_.tables.emplace_back(name, std::move(rows));
    });
    each(node, "sources", "source", names(spec_.sources), [&](const LocatedText& name, const SyntaxNode& value) {
      std::vector<RowNodes> rows;
      if (batches(value, rows)) made_.sources.emplace_back(name, std::move(rows));
    });
    if (node.find("expect") == nullptr) binding_.error("missing-key", node.span, "a test has no 'expect'");
    std::vector<std::string_view> outputs;
    for (const OutputSpec& output : spec_.outputs) outputs.push_back(output.common.name.value());
    each(node, "expect", "output", outputs,
         [&](const LocatedText& name, const SyntaxNode& value) { expected(name, value); });
    return std::move(made_);
  }

 private:
  template <class S>
  static std::vector<std::string_view> names(const std::vector<S>& all) {
    std::vector<std::string_view> found;
    for (const S& one : all) found.push_back(one.name.value());
    return found;
  }

  // The entries of a section of the test, whose keys are names that the pipeline has.
  template <class F>
  void each(const SyntaxNode& node, std::string_view section, std::string_view what,
            const std::vector<std::string_view>& known, F&& f) {
    const SyntaxNode* found = node.find(section);
    if (found == nullptr || !binding_.is_mapping(*found, fmt::format("'{}'", section))) return;
    for (const SyntaxNode::Entry& entry : found->entries) {
      const std::string& name = entry.key.value();
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        binding_.error(fmt::format("unknown-{}", what), entry.key.whole(),
                       fmt::format("there is no {} '{}'{}", what, name, did_you_mean(name, known)));
      }
      f(entry.key, entry.value);
    }
  }

  bool batches(const SyntaxNode& node, std::vector<RowNodes>& out) {
    if (node.kind != SyntaxNode::Kind::sequence) {
      binding_.error("wrong-type", node.span, "batches are a list of lists of rows: [[{a: 1}], []]");
      return false;
    }
    bool good = true;
    for (const SyntaxNode& batch : node.items) {
      good = Codec<RowNodes>::decode(batch, out.emplace_back(), binding_.context) && good;
    }
    return good;
  }

  void expected(const LocatedText& output, const SyntaxNode& node) {
    TestSpec::Expected made;
    made.output = output;
    const SyntaxNode* rows = &node;
    if (node.kind == SyntaxNode::Kind::mapping) {
      binding_.known_keys(node, "an expectation", OptionTable{}, {"ordered", "batches"});
      if (const SyntaxNode* ordered = node.find("ordered")) {
        Codec<bool>::decode(*ordered, made.ordered, binding_.context);
      }
      rows = node.find("batches");
      if (rows == nullptr) {
        binding_.error("missing-key", node.span, "an expectation has no 'batches'");
        return;
      }
    }
    if (batches(*rows, made.batches)) made_.expect.push_back(std::move(made));
  }

  SpecBinding& binding_;
  const PipelineSpec& spec_;
  TestSpec made_;
};

}  // namespace

TestSpec bind_test(SpecBinding& binding, const SyntaxNode& node, const PipelineSpec& spec) {
  return TestBinder(binding, spec).bind(node);
}

}  // namespace streamrun
