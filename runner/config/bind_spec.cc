#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "runner/config/spec_binding.h"

namespace streamrun {

namespace {

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
    binding.error("wrong-type", node.span, fmt::format("{} must be a mapping: {{type: …, default: …}}", what));
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

constexpr ForeignName kForeignKeys[] = {
    {"input", "sources"},
    {"inputs", "sources"},
    {"readers", "sources"},
    {"sink", "outputs"},
    {"sinks", "outputs"},
    {"writers", "outputs"},
    {"destinations", "outputs"},
    {"pipeline", "streams: {NAME: {from: …, steps: […]}}"},
    {"processors", "streams: {NAME: {from: …, steps: […]}}"},
    {"steps", "streams: {NAME: {from: …, steps: […]}}"},
    {"transforms", "streams: {NAME: {from: …, steps: […]}}"},
    {"transformations", "streams: {NAME: {from: …, steps: […]}}"},
    {"operators", "streams: {NAME: {from: …, steps: […]}}"},
    {"filter", "streams: {NAME: {from: …, steps: [filter: …]}}"},
    {"interval", "batch_interval"},
    {"trigger", "batch_interval"},
    {"batchduration", "batch_interval"},
    {"processingtime", "batch_interval"},
    {"microbatch", "batch_interval"},
    {"every", "batch_interval"},
    {"schedule", "batch_interval"},
    {"window", "batch_interval"},
    {"vars", "params"},
    {"variables", "params"},
    {"arguments", "params"},
    {"lookups", "tables"},
    {"threads", "parallelism"},
    {"workers", "parallelism"},
    {"errorhandling", "on_error"},
    {"import", "include"},
    {"imports", "include"},
    {"macros", "fragments"},
    {"functions", "fragments"},
    {"templates", "fragments"},
    {"clusters", "connections"},
};

// A section of one source or stream, without its name.
bool has_kind(const SpecBinding& binding, const SyntaxNode& section) {
  return std::ranges::any_of(section.entries, [&](const SyntaxNode::Entry& entry) {
    return binding.catalog.source(entry.key.value()) != nullptr || entry.key.value() == "from";
  });
}

SyntaxNode with_meant_keys(SpecBinding& binding, const SyntaxNode& root) {
  std::vector<std::string_view> names;
  const OptionTable& table = pipeline_options();
  binding.known_keys(root, "the pipeline", table, names, kForeignKeys, [&](const std::string& key) {
    const SyntaxNode& node = *root.find(key);
    if (node.kind != SyntaxNode::Kind::mapping || !has_kind(binding, node)) return std::string();
    return std::string(node.find("from") != nullptr ? "; write streams: {NAME: {from: …}}"
                                                    : "; write sources: {NAME: {…}}, a source under its name");
  });
  SyntaxNode meant = root;
  std::erase_if(meant.entries, [&](const SyntaxNode::Entry& entry) {
    return table.find(entry.key.value()) == nullptr && has_kind(binding, entry.value);
  });
  return SpecBinding::meant_keys(std::move(meant), table, kForeignKeys);
}

void bind_top_level(SpecBinding& binding, const SyntaxNode& root, const std::string& file_name, PipelineSpec& spec) {
  pipeline_options().decode_known(root, &spec.settings, "the pipeline", binding.context);
  std::string& name = spec.settings.name;
  if (name.empty()) name = std::filesystem::path(file_name).stem().string();
}

void note_unused(const SpecBinding& binding, PipelineSpec& spec) {
  for (const Connection& one : binding.connections) {
    if (!one.used) spec.unused.emplace_back(one.name, "connection");
  }
  for (const Fragment& one : binding.fragments) {
    if (!one.used) spec.unused.emplace_back(one.name, "fragment");
  }
}

void bind_sections(SpecBinding& binding, const SyntaxNode& root, PipelineSpec& spec) {
  spec.incomplete = binding.incomplete || root.find("sources") == nullptr || root.find("outputs") == nullptr;
  binding.incomplete = spec.incomplete;
  bind_connections(binding, root);
  declare_fragments(binding, root);
  binding.entries(root, "params", [&](const LocatedText& name, const SyntaxNode& node) {
    spec.params.push_back(bind_param(binding, name, node));
  });
  const auto bind = [&](std::string_view section, auto& all, auto bind_entry) {
    const bool good = binding.entries(root, section, [&](const LocatedText& name, const SyntaxNode& node) {
      all.push_back(bind_entry(binding, name, node));
    });
    spec.incomplete = spec.incomplete || !good;
  };
  bind("sources", spec.sources, bind_source);
  bind("tables", spec.tables, bind_table);
  bind("streams", spec.streams, bind_stream);
  bind_fragments(binding);
  const SyntaxNode* sources = root.find("sources");
  if (sources != nullptr && sources->kind == SyntaxNode::Kind::mapping && sources->entries.empty()) {
    binding.error("missing-key", sources->span, "the pipeline has no 'sources'");
  }
  const SyntaxNode* outputs = root.find("outputs");
  if (outputs != nullptr && outputs->kind == SyntaxNode::Kind::sequence && outputs->items.empty()) {
    binding.error("missing-key", outputs->span, "the pipeline has no 'outputs'; a pipeline without one does nothing");
  } else if (outputs != nullptr) {
    const bool list = binding.items(
        *outputs, "outputs", [&](const SyntaxNode& node) { spec.outputs.push_back(bind_output(binding, node)); });
    spec.incomplete = spec.incomplete || !list;
  }
  if (const SyntaxNode* tests = root.find("tests")) {
    binding.items(*tests, "tests",
                  [&](const SyntaxNode& node) { spec.tests.push_back(bind_test(binding, node, spec)); });
  }
  note_unused(binding, spec);
}

// Of a file that can only be included, what it lacks is one fault.
bool lacks_pipeline(SpecBinding& binding, const SyntaxNode& root) {
  if (root.find("sources") != nullptr && root.find("outputs") != nullptr) return false;
  if (!is_includable(root)) return false;
  binding.error("missing-key", root.span,
                "this is no pipeline, which has batch_interval, sources and outputs; a file that others `include` is "
                "checked with them");
  return true;
}

}  // namespace

bool SpecBinding::is_mapping(const SyntaxNode& node, std::string_view what) {
  if (node.faulty) return false;
  if (node.kind == SyntaxNode::Kind::mapping) return true;
  const bool list = node.kind == SyntaxNode::Kind::sequence;
  error("wrong-type", node.span,
        fmt::format("{} must be a mapping{}", what, list ? ": write NAME: in place of '- '" : ""));
  return false;
}

bool SpecBinding::known_keys(const SyntaxNode& node, std::string_view what, const OptionTable& table,
                             std::vector<std::string_view> more, std::span<const ForeignName> foreign,
                             const std::function<std::string(const std::string& key)>& hint) {
  bool good = true;
  for (const OptionEntry& entry : table.entries()) more.push_back(entry.name);
  for (const SyntaxNode::Entry& entry : node.entries) {
    const std::string& key = entry.key.value();
    if (std::find(more.begin(), more.end(), key) != more.end()) continue;
    std::string remedy = false_blank_hint(key);
    if (remedy.empty() && hint) remedy = hint(key);
    if (remedy.empty()) remedy = name_hint(key, foreign, more);
    error("unknown-key", entry.key.whole(), fmt::format("{} has no key '{}'{}", what, key, remedy));
    good = false;
  }
  return good;
}

SyntaxNode SpecBinding::meant_keys(SyntaxNode node, const OptionTable& table, std::span<const ForeignName> foreign) {
  std::vector<std::string_view> names;
  for (const OptionEntry& entry : table.entries()) names.push_back(entry.name);
  for (SyntaxNode::Entry& entry : node.entries) {
    const std::string& key = entry.key.value();
    if (table.find(key) != nullptr) continue;
    std::string_view name = find_foreign(key, foreign);
    if (name.empty()) name = nearest_name(key, names).value_or("");
    if (table.find(name) == nullptr || node.find(name) != nullptr) continue;
    entry.key = LocatedText(std::string(name), entry.key.whole());
  }
  return node;
}

const OptionTable& pipeline_options() {
  using Kind = Shape::Kind;
  const auto named = [](Shape shape) { return Shape::map_to(std::move(shape), Kind::identifier); };
  const auto some = [](Shape shape) {
    shape.min = 1;
    return shape;
  };
  static const OptionTable table =
      Options<RunSettings>{}
          .optional("name", &RunSettings::name, "", "the pipeline's name; default: the file's stem")
          .required("batch_interval", &RunSettings::batch_interval, "time from one batch to the next, such as 1s")
          .optional("concurrent_outputs", &RunSettings::concurrent_outputs, "1", "output jobs that may run at once",
                    {1, 1024})
          .optional("parallelism", &RunSettings::parallelism, "the processors this process may use",
                    "worker threads; changes no result", {1, 1024})
          .optional("partitions", &RunSettings::partitions, "8", "default for sources and keyed steps", {1, 65536})
          .optional("on_error", &RunSettings::on_error, "fail", "what a record that cannot be read or computed does")
          .optional("memory", &RunSettings::memory, "half of what this process may use",
                    "bytes that steps and spools may hold together; `sort` and `distinct` go to disk past their part, "
                    "a keyed step or join that needs more fails",
                    {1 << 20})
          .optional("spool", &RunSettings::spool, "", "where rows wait that do not fit into memory, and how many bytes")
          .optional("checkpoint", &RunSettings::checkpoint, "",
                    "a folder from which a restart goes on, so that what can be read again is written exactly once")
          .section("include", Shape::list_of(Codec<std::string>::shape(), true),
                   "files whose params, connections, sources, tables, streams, outputs and fragments are added; "
                   "relative to this one")
          .section("params", named(Shape::mapping_of(param_options())),
                   "values for `:name` in expressions and `${name}` in scalars; set by --param")
          .section("connections", named(Shape::mapping_of(connection_options())),
                   "Kafka clusters, for `connection: NAME` in sources and outputs")
          .section("sources", some(named(Shape::of_kind(Kind::source))), "what is read", true)
          .section("tables", named(Shape::of_kind(Kind::table)), "static side inputs of joins")
          .section("streams", named(Shape::mapping_of(stream_options())), "steps over sources and streams")
          .section("fragments", named(Shape::list_of(Shape::of_kind(Kind::step))), "steps, for `use: NAME` among steps")
          .section("outputs", some(Shape::list_of(Shape::of_kind(Kind::output))),
                   "what is written, in this order in every batch", true)
          .section("tests", Shape::list_of(Shape::mapping_of(TestSpec::options())),
                   "rows in and rows expected, on a simulated clock")
          .table();
  return table;
}

PipelineSpec bind_spec(const WrittenPipeline& written, const Catalog& catalog, DecodeContext& context) {
  SpecBinding binding{catalog, context};
  binding.incomplete = written.incomplete;
  const SyntaxNode& root = written.root;
  PipelineSpec spec;
  spec.place = root.span;
  if (root.kind != SyntaxNode::Kind::mapping) {
    binding.error("wrong-type", root.span, "a pipeline is a mapping: batch_interval, sources, outputs…");
    return spec;
  }
  SyntaxNode meant = with_meant_keys(binding, root);
  // Misspelt: nothing was read.
  if (meant.find("include") != nullptr && root.find("include") == nullptr) binding.incomplete = true;
  meant = merge_included(binding, written, std::move(meant), kForeignKeys);
  if (!lacks_pipeline(binding, meant)) bind_top_level(binding, meant, written.source.name(), spec);
  bind_sections(binding, meant, spec);
  return spec;
}

}  // namespace streamrun
