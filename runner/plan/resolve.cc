#include <fmt/format.h>

#include <algorithm>

#include "runner/plan/resolution.h"

namespace streamrun {

namespace {

void declare(Resolution& r, const LocatedText& name, std::string_view what) {
  const auto [other, fresh] = r.names.emplace(name.value(), DeclaredName{what, name.whole()});
  if (name.value() == "errors") {
    r.error("reserved-name", name.whole(), "'errors' is the union of all NAME.errors; take another name");
  } else if (!fresh) {
    r.error("name-twice", name.whole(),
            fmt::format("'{}' is the name of a {} already{}", name.value(), other->second.what,
                        r.elsewhere(name.whole(), other->second.place)));
  }
}

// Sources, tables, streams and errors share one namespace.
void declare_names(Resolution& r) {
  for (const SourceSpec& source : r.spec.sources) declare(r, source.name, "source");
  for (const SourceSpec& table : r.spec.tables) declare(r, table.name, "table");
  for (const StreamSpec& stream : r.spec.streams) declare(r, stream.name, "stream");
}

// Names that some stream or output reads, themselves or their errors.
std::set<std::string> names_read(const PipelineSpec& spec) {
  std::set<std::string> read;
  const auto note = [&](const StreamName& name) {
    const std::string& text = name.text.value();
    read.insert(text.substr(0, text.find('.')));
  };
  for (const StreamSpec& stream : spec.streams) {
    for (const StreamName& name : streams_read(stream)) note(name);
  }
  for (const SourceSpec& table : spec.tables) {
    if (!table.stream) continue;
    for (const StreamName& name : streams_read(*table.stream)) note(name);
  }
  for (const OutputSpec& output : spec.outputs) note(output.common.from);
  return read;
}

// Rejects that are routed must be read somewhere, unless there can be none.
void check_routes(Resolution& r, const std::set<std::string>& read) {
  for (const auto& [stream, errors] : r.errors) {
    if (r.read_errors.contains(stream) || !read.contains(stream)) continue;
    for (const GraphNode& node : r.graph.nodes) {
      if (node.errors != errors || !node.can_fail) continue;
      r.error(
          "errors-unread", node.place,
          fmt::format("on_error: route, but no output reads '{}.errors'; give it one, or choose fail or drop", stream));
      break;
    }
  }
}

// A row is pushed through a chain of nodes, each on the stack of the one before.
constexpr std::uint32_t kDeepest = 1000;

void check_depth(Resolution& r) {
  std::vector<std::uint32_t> depth(r.graph.nodes.size(), 1);
  for (std::size_t i = 0; i < depth.size(); ++i) {
    for (const std::size_t input : r.graph.nodes[i].inputs) depth[i] = std::max(depth[i], depth[input] + 1);
    if (depth[i] <= kDeepest) continue;
    r.error("too-deep", r.graph.nodes[i].place, fmt::format("more than {} steps one behind the other", kDeepest));
    return;
  }
}

void warn_unused(Resolution& r, const std::set<std::string>& read) {
  // What is included may be there for others.
  const auto warn = [&](const LocatedText& name, std::string_view what, bool used, std::string_view verb = "reads") {
    if (used || !r.spec.text->in_first(name.whole().begin)) return;
    r.diagnostics.warning("unused", name.whole(), fmt::format("nothing {} {} '{}'", verb, what, name.value()));
  };
  for (const SourceSpec& one : r.spec.sources) warn(one.name, "source", read.contains(one.name.value()));
  for (const SourceSpec& one : r.spec.tables) warn(one.name, "table", read.contains(one.name.value()));
  for (const StreamSpec& one : r.spec.streams) warn(one.name, "stream", read.contains(one.name.value()));
  for (const ParamSpec& one : r.spec.params) {
    warn(one.name, "param", one.used_in_text || r.used_params.contains(one.name.value()));
  }
  for (const auto& [name, what] : r.spec.unused) warn(name, what, false, "uses");
}

}  // namespace

std::string Resolution::elsewhere(Span here, Span other) const {
  const SourceText& text = *spec.text;
  if (&text.name(here.begin) == &text.name(other.begin)) return {};
  return fmt::format("; the other one stands at {}", text.place(other.begin));
}

std::optional<std::size_t> Resolution::add_errors(const std::string& name, OnError policy,
                                                  const std::vector<Field>& hidden) {
  if (policy != OnError::route) return std::nullopt;
  GraphNode node;
  node.kind = GraphNode::Kind::errors;
  node.stream = name + ".errors";
  node.label = "errors";
  node.schema = errors_schema(hidden);
  node.slide = spec.settings.batch_interval;
  node.on_error = OnError::fail;
  return errors[name] = add(std::move(node));
}

Schema errors_schema(const std::vector<Field>& hidden) {
  Schema schema;
  for (const char* name : {"raw", "error", "stage", "place"}) schema.columns.push_back({name, TypeKind::string});
  schema.columns.push_back({"batch", TypeKind::timestamp});
  schema.hidden = {{"_batch", TypeKind::timestamp}, {"_raw", TypeKind::binary}};
  schema.hidden.insert(schema.hidden.end(), hidden.begin(), hidden.end());
  return schema;
}

StreamGraph resolve(const PipelineSpec& spec, const Catalog& catalog, const ResolveOptions& options,
                    Diagnostics& diagnostics) {
  Resolution r{spec, catalog, options, diagnostics};
  r.graph.settings = spec.settings;
  r.graph.settings.parallelism = spec.settings.parallelism.value_or(options.processors);
  r.graph.settings.memory = spec.settings.memory.value_or(ByteSize{options.memory});
  r.graph.text = spec.text;
  resolve_params(r);
  declare_names(r);
  for (const SourceSpec& source : spec.sources) resolve_source(r, source, false);
  for (const SourceSpec& table : spec.tables) resolve_source(r, table, true);
  StreamResolver streams(r);
  for (const SourceSpec& table : spec.tables) {
    if (table.stream) streams.resolve(*table.stream, table.name.whole());
  }
  for (const StreamSpec& stream : spec.streams) streams.resolve(stream, stream.name.whole());
  for (const OutputSpec& output : spec.outputs) {
    const LocatedText& from = output.common.from.text;
    resolve_output(r, output, from.value().empty() ? std::nullopt : streams.find(from));
  }
  r.graph.definitions = definitions_of(r);
  check_files(r);
  check_depth(r);
  const std::set<std::string> read = names_read(spec);
  if (!spec.incomplete) check_routes(r, read);
  if (!diagnostics.has_errors()) warn_unused(r, read);
  return std::move(r.graph);
}

}  // namespace streamrun
