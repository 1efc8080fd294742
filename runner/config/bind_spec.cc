#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "runner/config/spec_binding.h"

namespace streamrun {

namespace {

struct TopLevel {
  std::string name;
  Duration batch_interval{0};
  std::uint32_t concurrent_outputs = 1;
  std::optional<std::uint32_t> parallelism;
  std::optional<ByteSize> memory;
  std::uint32_t partitions = 8;
  OnError on_error = OnError::fail;
  std::optional<CheckpointOption> checkpoint;
  SpoolOption spool;
};

struct ParamForm {
  LocatedText type;
  std::optional<SyntaxNode> value;
};

const OptionTable& param_options() {
  static const OptionTable table = Options<ParamForm>{}
                                       .required("type", &ParamForm::type, "its type")
                                       .optional("default", &ParamForm::value, "", "its value where none is given")
                                       .table();
  return table;
}

bool can_be_value(const Type& type) {
  return type.kind() != TypeKind::null && type.kind() != TypeKind::month_interval &&
         type.kind() != TypeKind::day_interval;
}

ParamSpec bind_param(SpecBinding& binding, const LocatedText& name, const SyntaxNode& node) {
  const std::string what = fmt::format("param '{}'", name.value());
  ParamSpec param;
  param.name = name;
  if (node.faulty) return param;
  if (node.kind != SyntaxNode::Kind::mapping) {
    binding.error("wrong-type", node.span, fmt::format("{} is a mapping: {{type: …, default: …}}", what));
    return param;
  }
  binding.known_keys(node, what, param_options(), {});
  ParamForm form;
  const bool good = param_options().decode_known(node, &form, what, binding.context);
  param.value = std::move(form.value);
  if (!good) return param;
  TypeSyntaxError fault;
  const auto type = parse_type(form.type.value(), fault);
  if (!type) {
    binding.error("bad-type", form.type.span(fault.begin, fault.end), fault.message);
  } else if (!can_be_value(*type)) {
    binding.error("bad-type", form.type.whole(), fmt::format("{} cannot be of type {}", what, type->name()));
  } else {
    param.type = *type;
  }
  return param;
}

void bind_top_level(SpecBinding& binding, const SyntaxNode& root, const std::string& file_name, PipelineSpec& spec) {
  binding.known_keys(root, "the pipeline", pipeline_options(), {});
  TopLevel top;
  pipeline_options().decode_known(root, &top, "the pipeline", binding.context);
  spec.name = top.name.empty() ? std::filesystem::path(file_name).stem().string() : top.name;
  spec.batch_interval = top.batch_interval;
  spec.concurrent_outputs = top.concurrent_outputs;
  spec.parallelism = top.parallelism;
  spec.memory = top.memory;
  spec.partitions = top.partitions;
  spec.on_error = top.on_error;
  spec.spool = top.spool;
  if (const SyntaxNode* checkpoint = root.find("checkpoint")) {
    binding.error("unsupported", checkpoint->span,
                  "checkpoints are not kept yet, so no output would be exactly once; take the key away");
  }
}

void bind_sections(SpecBinding& binding, const SyntaxNode& root, PipelineSpec& spec) {
  binding.entries(root, "params", [&](const LocatedText& name, const SyntaxNode& node) {
    spec.params.push_back(bind_param(binding, name, node));
  });
  binding.entries(root, "sources", [&](const LocatedText& name, const SyntaxNode& node) {
    spec.sources.push_back(bind_source(binding, name, node));
  });
  binding.entries(root, "tables", [&](const LocatedText& name, const SyntaxNode& node) {
    spec.tables.push_back(bind_table(binding, name, node));
  });
  binding.entries(root, "streams", [&](const LocatedText& name, const SyntaxNode& node) {
    spec.streams.push_back(bind_stream(binding, name, node));
  });
  const SyntaxNode* sources = root.find("sources");
  if (sources != nullptr && sources->kind == SyntaxNode::Kind::mapping && sources->entries.empty()) {
    binding.error("missing-key", sources->span, "the pipeline has no 'sources'");
  }
  const SyntaxNode* outputs = root.find("outputs");
  if (outputs != nullptr && outputs->kind == SyntaxNode::Kind::sequence && outputs->items.empty()) {
    binding.error("missing-key", outputs->span, "the pipeline has no 'outputs'; a pipeline without one does nothing");
  } else if (outputs != nullptr) {
    binding.items(*outputs, "outputs",
                  [&](const SyntaxNode& node) { spec.outputs.push_back(bind_output(binding, node)); });
  }
  if (const SyntaxNode* tests = root.find("tests")) {
    binding.items(*tests, "tests",
                  [&](const SyntaxNode& node) { spec.tests.push_back(bind_test(binding, node, spec)); });
  }
}

}  // namespace

bool SpecBinding::is_mapping(const SyntaxNode& node, std::string_view what) {
  if (node.faulty) return false;
  if (node.kind == SyntaxNode::Kind::mapping) return true;
  error("wrong-type", node.span, fmt::format("{} is a mapping", what));
  return false;
}

bool SpecBinding::known_keys(const SyntaxNode& node, std::string_view what, const OptionTable& table,
                             std::vector<std::string_view> more) {
  bool good = true;
  for (const OptionEntry& entry : table.entries()) more.push_back(entry.name);
  for (const SyntaxNode::Entry& entry : node.entries) {
    const std::string& key = entry.key.value();
    if (std::find(more.begin(), more.end(), key) != more.end()) continue;
    error("unknown-key", entry.key.whole(), fmt::format("{} has no key '{}'{}", what, key, did_you_mean(key, more)));
    good = false;
  }
  return good;
}

const OptionTable& pipeline_options() {
  using Kind = Shape::Kind;
  const auto named = [](Shape shape) { return Shape::map_to(std::move(shape), Kind::identifier); };
  const auto some = [](Shape shape) {
    shape.min = 1;
    return shape;
  };
  static const OptionTable table =
      Options<TopLevel>{}
          .optional("name", &TopLevel::name, "", "the pipeline's name; default: the file's stem")
          .required("batch_interval", &TopLevel::batch_interval, "time from one batch to the next")
          .optional("concurrent_outputs", &TopLevel::concurrent_outputs, "1", "output jobs that may run at once",
                    {1, 1024})
          .optional("parallelism", &TopLevel::parallelism, "the processors this process may use",
                    "worker threads; changes no result", {1, 1024})
          .optional("partitions", &TopLevel::partitions, "8", "default for sources and keyed steps", {1, 65536})
          .optional("on_error", &TopLevel::on_error, "fail", "what a record that cannot be read or computed does")
          .optional("checkpoint", &TopLevel::checkpoint, "", "where state and progress are kept")
          .optional("memory", &TopLevel::memory, "half of what this process may use",
                    "bytes that keyed steps, joins and spools may hold together", {1 << 20})
          .optional("spool", &TopLevel::spool, "", "where rows wait that do not fit into memory, and how many bytes")
          .section("params", named(Shape::mapping_of(param_options())),
                   "values for `:name` in expressions and `${name}` in scalars; set by --param")
          .section("sources", some(named(Shape::of_kind(Kind::source))), "what is read", true)
          .section("tables", named(Shape::of_kind(Kind::table)), "static side inputs of joins")
          .section("streams", named(Shape::mapping_of(stream_options())), "steps over sources and streams")
          .section("outputs", some(Shape::list_of(Shape::of_kind(Kind::output))),
                   "what is written, in this order in every batch", true)
          .section("tests", Shape::list_of(Shape::mapping_of(TestSpec::options())),
                   "rows in and rows expected, on a simulated clock")
          .table();
  return table;
}

PipelineSpec bind_spec(const SyntaxNode& root, const Catalog& catalog, const std::string& file_name,
                       DecodeContext& context) {
  SpecBinding binding{catalog, context};
  PipelineSpec spec;
  spec.place = root.span;
  if (root.kind != SyntaxNode::Kind::mapping) {
    binding.error("wrong-type", root.span, "a pipeline is a mapping: batch_interval, sources, outputs…");
    return spec;
  }
  bind_top_level(binding, root, file_name, spec);
  bind_sections(binding, root, spec);
  return spec;
}

}  // namespace streamrun
