#include <fmt/format.h>

#include <algorithm>

#include "runner/config/spec_binding.h"

namespace streamrun {
namespace {

template <class S>
std::vector<std::string_view> names(const std::vector<S>& all) {
  std::vector<std::string_view> found;
  for (const S& one : all) found.push_back(one.name.value());
  return found;
}

// The keys of a section of the test are names that the pipeline has.
template <class T>
void check_names(SpecBinding& binding, const NamedValues<T>& section, std::string_view what,
                 const std::vector<std::string_view>& known) {
  for (const auto& [name, value] : section) {
    if (std::find(known.begin(), known.end(), name.value()) != known.end()) continue;
    binding.error(fmt::format("unknown-{}", what), name.whole(),
                  fmt::format("there is no {} '{}'{}", what, name.value(), did_you_mean(name.value(), known)));
  }
}

}  // namespace

TestSpec bind_test(SpecBinding& binding, const SyntaxNode& node, const PipelineSpec& spec) {
  TestSpec made;
  made.place = node.span;
  TestSpec::options().decode(node, &made, "a test", binding.context);
  const std::string& name = made.name.value();
  const auto same = [&](const TestSpec& test) { return test.name.value() == name; };
  if (!name.empty() && std::ranges::any_of(spec.tests, same)) {
    binding.error("duplicate-name", made.name.whole(), fmt::format("there is a test '{}' already", name));
  }
  check_names(binding, made.params, "param", names(spec.params));
  check_names(binding, made.tables, "table", names(spec.tables));
  check_names(binding, made.sources, "source", names(spec.sources));
  std::vector<std::string_view> outputs;
  for (const OutputSpec& output : spec.outputs) outputs.push_back(output.common.name.value());
  check_names(binding, made.expect, "output", outputs);
  if (const SyntaxNode* crash = node.find("crash"); !made.crash.empty() && !spec.settings.checkpoint) {
    binding.error("bad-option", crash->span,
                  "`crash` starts the run again with its checkpoint, and the pipeline has none; add checkpoint: {path: "
                  "state/NAME}");
  }
  const SyntaxNode* expect = node.find("expect");
  if (expect != nullptr && expect->kind == SyntaxNode::Kind::mapping && made.expect.empty()) {
    binding.error("bad-option", expect->span,
                  "`expect` names no output, so the test would pass whatever comes; for one that gets no rows write "
                  "NAME: []");
  }
  return made;
}

const OptionTable& TestSpec::Expected::options() {
  static const OptionTable table =
      Options<Expected>{}
          .optional("ordered", &Expected::ordered, "true", "whether the rows of a batch come in this order")
          .required("batches", &Expected::batches, "a list of rows for each batch")
          .table();
  return table;
}

const OptionTable& TestSpec::Crash::options() {
  static const OptionTable table = Options<Crash>{}
                                       .required("batch", &Crash::batch, "the batch, from 1", {1})
                                       .optional("at", &Crash::at, "after-publish", "how far it has come")
                                       .table();
  return table;
}

Shape Codec<TestSpec::Expected>::shape() {
  return Shape::any({Codec<std::vector<RowNodes>>::shape(), Shape::mapping_of(TestSpec::Expected::options())});
}

bool Codec<TestSpec::Expected>::decode(const SyntaxNode& node, TestSpec::Expected& out, DecodeContext& context) {
  if (node.kind != SyntaxNode::Kind::mapping) return Codec<std::vector<RowNodes>>::decode(node, out.batches, context);
  return TestSpec::Expected::options().decode(node, &out, "an expectation", context);
}

const OptionTable& TestSpec::options() {
  static const OptionTable table =
      Options<TestSpec>{}
          .optional("name", &TestSpec::name, "", "what it shows")
          .optional("params", &TestSpec::params, "", "values of params")
          .optional("tables", &TestSpec::tables, "", "rows in place of a table's")
          .optional("sources", &TestSpec::sources, "", "a list of rows for each batch, in place of a source's")
          .optional("crash", &TestSpec::crash, "", "where the run is killed, and started again with its checkpoint")
          .required("expect", &TestSpec::expect, "rows by batch of each output that is compared")
          .table();
  return table;
}

}  // namespace streamrun
