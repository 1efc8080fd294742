#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "runner/plan/stream_graph.h"

namespace streamrun {

namespace {

const Schema kWhenSchema{{{"rows", TypeKind::int64}, {"batch", TypeKind::timestamp}}, {}};

class Resolver {
 public:
  Resolver(const PipelineSpec& spec, const Catalog& catalog, const ResolveOptions& options, Diagnostics& diagnostics)
      : spec_(spec), catalog_(catalog), options_(options), diagnostics_(diagnostics) {}

  StreamGraph resolve() {
    graph_.name = spec_.name;
    graph_.interval = spec_.batch_interval;
    graph_.concurrent_outputs = spec_.concurrent_outputs;
    graph_.parallelism = spec_.parallelism.value_or(options_.processors);
    params();
    declare_names();
    for (const SourceSpec& source : spec_.sources) add_source(source, false);
    for (const SourceSpec& table : spec_.tables) add_source(table, true);
    for (const StreamSpec& stream : spec_.streams) find(stream.name.value(), stream.name.whole());
    for (const OutputSpec& output : spec_.outputs) add_output(output);
    check_files();
    check_routes();
    warn_unused();
    return std::move(graph_);
  }

 private:
  void error(std::string code, Span span, std::string message) {
    diagnostics_.error(std::move(code), span, std::move(message));
  }

  void params() {
    std::set<std::string, std::less<>> known;
    for (const ParamSpec& param : spec_.params) {
      known.insert(param.name.value());
      const auto test = options_.test_params.find(param.name.value());
      const auto given = options_.params.find(param.name.value());
      std::optional<LocatedText> text;
      if (test != options_.test_params.end()) {
        text = LocatedText(test->second, param.name.whole());
      } else if (given != options_.params.end()) {
        text = LocatedText(given->second, param.name.whole());
      } else {
        text = param.value;
      }
      if (!text) {
        error("missing-param", param.name.whole(),
              fmt::format("param '{0}' has no default; give it with --param {0}=…", param.name.value()));
        continue;
      }
      // A param's value is a text of its type, not an expression.
      const bool quoted = param.type.kind() == TypeKind::string;
      std::string literal = text->value();
      if (quoted || param.type.kind() == TypeKind::date || param.type.kind() == TypeKind::timestamp) {
        std::string escaped;
        for (const char c : literal) {
          if (c == '\'' || c == '\\') escaped += '\\';
          escaped += c;
        }
        literal = fmt::format("cast('{}' as {})", escaped, param.type.name());
      } else {
        literal = fmt::format("cast({} as {})", literal, param.type.name());
      }
      Diagnostics own;
      if (auto value = compile_constant(LocatedText(literal, text->whole()), param.type, nullptr, own)) {
        params_.emplace(param.name.value(), std::move(*value));
      } else {
        error("bad-param", text->whole(),
              fmt::format("param '{}': '{}' is no {}", param.name.value(), text->value(), param.type.name()));
      }
    }
    std::vector<std::string_view> names(known.begin(), known.end());
    for (const auto& [name, value] : options_.params) {
      if (!known.contains(name)) {
        error("unknown-param", spec_.place,
              fmt::format("the pipeline has no param '{}'{}", name, did_you_mean(name, names)));
      }
    }
  }

  void declare(const LocatedText& name, std::string_view what) {
    const auto [it, added] = names_.emplace(name.value(), what);
    if (name.value() == "errors") {
      error("reserved-name", name.whole(), "'errors' is the union of all NAME.errors; take another name");
    } else if (!added) {
      error("name-twice", name.whole(), fmt::format("'{}' is the name of a {} already", name.value(), it->second));
    }
  }

  void declare_names() {
    for (const auto& one : spec_.sources) declare(one.name, "source");
    for (const auto& one : spec_.tables) declare(one.name, "table");
    for (const auto& one : spec_.streams) declare(one.name, "stream");
  }

  std::function<void(std::string_view)> note_param() {
    return [this](std::string_view name) { used_params_.insert(std::string(name)); };
  }

  std::optional<std::size_t> errors_node(const std::string& stream, const std::vector<Field>& hidden) {
    GraphNode node;
    node.kind = GraphNode::Kind::errors;
    node.stream = stream + ".errors";
    node.label = "errors";
    node.schema = errors_schema(hidden);
    node.on_error = OnError::fail;
    graph_.nodes.push_back(std::move(node));
    errors_of_[stream] = graph_.nodes.size() - 1;
    return graph_.nodes.size() - 1;
  }

  static std::vector<Field> own_hidden(const Schema& schema) {
    std::vector<Field> hidden;
    for (const Field& field : schema.hidden) {
      if (field.name != "_raw" && field.name != "_batch") hidden.push_back(field);
    }
    return hidden;
  }

  void add_source(const SourceSpec& spec, bool table) {
    GraphSource made;
    made.plan.name = spec.name.value();
    made.plan.table = table;
    made.plan.refresh = spec.common.refresh;
    const std::uint32_t partitions = spec.common.partitions.value_or(table ? 1 : spec_.partitions);
    std::optional<Schema> schema;
    if (!spec.kind) {
      error("unsupported", spec.place, "a table of rows needs a 'queue' kind");
      return;
    }
    SourceBindContext context{.name = spec.name.value(),
                              .declared = spec.common.schema ? &*spec.common.schema : nullptr,
                              .partitions = partitions,
                              .batch_interval = spec_.batch_interval,
                              .params = &params_,
                              .param_used = note_param(),
                              .diagnostics = diagnostics_,
                              .place = spec.kind_place};
    auto bound = spec.kind->bind(spec.options.get(), context);
    if (!bound) return;
    if (bound->rows) {
      schema = *bound->rows;
    } else if (spec.format) {
      if (spec.format->own_schema) {
        schema = *spec.format->own_schema;
      } else if (spec.common.schema) {
        schema = spec.common.schema->schema;
      } else {
        error("missing-schema", spec.format_place,
              fmt::format("format '{}' needs a schema: {{column: type, …}}", spec.format->name));
        return;
      }
      if (!spec.format->make_decoder) {
        error("format-not-readable", spec.format_place, fmt::format("format '{}' cannot be read", spec.format->name));
        return;
      }
      if (spec.format->check_read &&
          !spec.format->check_read(spec.format_options.get(), *schema, spec.format_place, diagnostics_)) {
        return;
      }
      made.format = spec.format;
      made.format_options = spec.format_options;
    } else {
      return;
    }
    schema->hidden = bound->hidden;
    schema->hidden.push_back({"_batch", TypeKind::timestamp});
    schema->hidden.push_back({"_raw", TypeKind::binary});
    made.schema = *schema;
    made.plan.caps.records = spec.common.max_batch_records;
    if (spec.common.max_batch_bytes) made.plan.caps.bytes = spec.common.max_batch_bytes->bytes;
    if (spec.common.max_rate) made.plan.max_rate = static_cast<double>(*spec.common.max_rate);
    if (table && !bound->bounded) {
      error("unbounded-table", spec.kind_place, "a table is read to its end; this source has none");
    }
    const OnError policy = spec.common.on_error.value_or(spec_.on_error);
    std::optional<std::size_t> errors;
    if (policy == OnError::route) errors = errors_node(spec.name.value(), bound->hidden);
    GraphNode node;
    node.kind = GraphNode::Kind::source;
    node.stream = spec.name.value();
    node.label = spec.kind->name;
    node.schema = *schema;
    node.partitions = bound->partitions;
    node.on_error = policy;
    node.errors = errors;
    node.source = graph_.sources.size();
    node.can_fail = made.format != nullptr;
    node.place = spec.name.whole();
    made.plan.bound = std::move(*bound);
    graph_.sources.push_back(std::move(made));
    graph_.nodes.push_back(std::move(node));
    last_[spec.name.value()] = graph_.nodes.size() - 1;
  }

  // The node whose rows the name stands for; diagnosed if there is none.
  std::optional<std::size_t> find(const std::string& name, Span span) {
    used_.insert(name);
    if (name == "errors") return all_errors(span);
    if (name.ends_with(".errors")) {
      const std::string stream = name.substr(0, name.size() - 7);
      if (!names_.contains(stream)) return unknown(stream, span);
      if (!find(stream, span)) return std::nullopt;
      routed_.insert(stream);
      const auto found = errors_of_.find(stream);
      if (found != errors_of_.end()) return found->second;
      error("no-errors", span, fmt::format("'{}' has no errors stream; give it on_error: route", stream));
      return std::nullopt;
    }
    const auto known = last_.find(name);
    if (known != last_.end()) return known->second;
    for (const StreamSpec& stream : spec_.streams) {
      if (stream.name.value() == name) return add_stream(stream, span);
    }
    if (names_.contains(name)) return std::nullopt;  // a faulty source: diagnosed already
    return unknown(name, span);
  }

  std::optional<std::size_t> unknown(const std::string& name, Span span) {
    std::vector<std::string_view> names;
    for (const auto& [one, what] : names_) names.push_back(one);
    error("unknown-stream", span, fmt::format("there is no source or stream '{}'{}", name, did_you_mean(name, names)));
    return std::nullopt;
  }

  std::optional<std::size_t> all_errors(Span span) {
    for (const StreamSpec& stream : spec_.streams) {
      if (!resolving_.contains(stream.name.value())) find(stream.name.value(), stream.name.whole());
    }
    GraphNode node;
    node.kind = GraphNode::Kind::errors;
    node.stream = "errors";
    node.label = "errors of all";
    node.schema = errors_schema({});
    for (const auto& [stream, index] : errors_of_) {
      node.inputs.push_back(index);
      routed_.insert(stream);
    }
    if (node.inputs.empty()) {
      error("no-errors", span, "no source or stream has on_error: route, so there are no errors to read");
      return std::nullopt;
    }
    std::sort(node.inputs.begin(), node.inputs.end());
    graph_.nodes.push_back(std::move(node));
    last_["errors"] = graph_.nodes.size() - 1;
    return graph_.nodes.size() - 1;
  }

  std::optional<std::size_t> add_stream(const StreamSpec& stream, Span span) {
    const std::string& name = stream.name.value();
    if (stream.from.empty() || failed_.contains(name)) return std::nullopt;
    if (!resolving_.insert(name).second) {
      error("cycle", span, fmt::format("stream '{}' reads itself, by way of others or directly", name));
      failed_.insert(name);
      return std::nullopt;
    }
    const auto node = stream_nodes(stream);
    resolving_.erase(name);
    if (node) {
      last_[name] = *node;
    } else {
      failed_.insert(name);
    }
    return node;
  }

  std::optional<std::size_t> stream_nodes(const StreamSpec& stream) {
    const std::string& name = stream.name.value();
    const OnError policy = stream.on_error.value_or(spec_.on_error);
    bool ok = true;
    std::vector<std::size_t> from;
    for (const StreamName& one : stream.from) {
      const auto found = find(one.text.value(), one.text.whole());
      if (found) from.push_back(*found);
      ok = ok && found.has_value();
    }
    if (!ok) return std::nullopt;
    std::optional<std::size_t> errors;
    if (policy == OnError::route) errors = errors_node(name, own_hidden(graph_.nodes[from[0]].schema));
    std::size_t at = from[0];
    if (from.size() > 1) {
      SyntaxNode others;
      others.kind = SyntaxNode::Kind::sequence;
      others.span = stream.from_place;
      for (std::size_t i = 1; i < stream.from.size(); ++i) {
        SyntaxNode item;
        item.kind = SyntaxNode::Kind::scalar;
        item.text = stream.from[i].text;
        item.span = item.text.whole();
        others.items.push_back(std::move(item));
      }
      DecodeContext context{.diagnostics = diagnostics_};
      StepSpec step;
      step.kind = catalog_.transform("union");
      step.place = stream.from[0].text.whole();
      step.options = step.kind->decode(others, "from", context);
      const auto made = step.options ? add_step(step, stream, policy, errors, at) : std::nullopt;
      if (!made) return std::nullopt;
      at = *made;
    }
    for (const StepSpec& step : stream.steps) {
      const auto made = add_step(step, stream, policy, errors, at);
      if (!made) return std::nullopt;
      at = *made;
    }
    return at;
  }

  std::optional<std::size_t> add_step(const StepSpec& step, const StreamSpec& stream, OnError policy,
                                      std::optional<std::size_t> errors, std::size_t input) {
    GraphNode node;
    node.inputs.push_back(input);
    BindContext context{.inputs = {},
                        .input_names = {},
                        .params = &params_,
                        .param_used = note_param(),
                        .owner = fmt::format("stream '{}'", stream.name.value()),
                        .partitions = spec_.partitions,
                        .allow_exec = options_.allow_exec,
                        .diagnostics = diagnostics_,
                        .place = step.place};
    if (step.kind->streams) {
      for (const StreamName& one : step.kind->streams(step.options.get())) {
        const auto found = find(one.text.value(), one.text.whole());
        if (!found) return std::nullopt;
        node.inputs.push_back(*found);
      }
    }
    const std::vector<std::size_t> inputs = node.inputs;
    for (const std::size_t one : inputs) {
      context.inputs.push_back(&graph_.nodes[one].schema);
      context.input_names.push_back(graph_.nodes[one].stream);
    }
    auto bound = step.kind->bind(step.options.get(), context);
    if (!bound) return std::nullopt;
    node.kind = GraphNode::Kind::step;
    node.stream = stream.name.value();
    node.label = step.kind->name;
    node.schema = bound->output;
    node.on_error = policy;
    node.errors = errors;
    node.can_fail = bound->can_fail;
    node.place = step.place;
    node.partitions = graph_.nodes[input].partitions;
    if (bound->sides.empty()) {
      for (std::size_t i = 1; i < inputs.size(); ++i) node.partitions += graph_.nodes[inputs[i]].partitions;
    }
    if (bound->partitions) node.partitions = *bound->partitions;
    node.step = std::move(*bound);
    graph_.nodes.push_back(std::move(node));
    return graph_.nodes.size() - 1;
  }

  void add_output(const OutputSpec& spec) {
    const std::string& name = spec.common.name.value();
    for (const OutputSpec& other : spec_.outputs) {
      if (&other == &spec) break;
      if (other.common.name.value() == name) {
        error("name-twice", spec.common.name.whole(), fmt::format("there is an output '{}' already", name));
      }
    }
    const auto from = find(spec.common.from.text.value(), spec.common.from.text.whole());
    if (!from) return;
    const Schema schema = graph_.nodes[*from].schema;
    GraphOutput made;
    made.plan.name = name;
    if (spec.common.columns.empty()) {
      for (std::uint32_t i = 0; i < schema.columns.size(); ++i) made.columns.push_back(i);
    }
    for (const NameText& column : spec.common.columns) {
      if (const auto found = schema.find(column.text.value())) {
        made.columns.push_back(*found);
        continue;
      }
      std::vector<std::string_view> names;
      for (std::uint32_t i = 0; i < schema.size(); ++i) names.push_back(schema.at(i).name);
      error("unknown-column", column.text.whole(),
            fmt::format("'{}' has no column '{}'{}", spec.common.from.text.value(), column.text.value(),
                        did_you_mean(column.text.value(), names)));
    }
    for (const LocatedText& after : spec.common.after) {
      bool found = false;
      for (std::size_t i = 0; i < graph_.outputs.size(); ++i) {
        if (graph_.outputs[i].plan.name != after.value()) continue;
        made.plan.after.push_back(static_cast<std::uint32_t>(i));
        found = true;
      }
      if (!found) {
        error("unknown-output", after.whole(),
              fmt::format("no output '{}' is written above; after names outputs above its own", after.value()));
      }
    }
    if (spec.common.when) {
      Scope scope;
      scope.inputs.push_back({"", &kWhenSchema, false});
      scope.params = &params_;
      scope.owner = "'when', over rows and batch,";
      scope.param_used = note_param();
      made.plan.when = compile_expression_as(spec.common.when->text, TypeKind::boolean, scope, diagnostics_);
    }
    if (spec.common.retry) {
      made.plan.retries = spec.common.retry->times;
      made.plan.backoff = spec.common.retry->backoff;
    }
    std::vector<Field> fields;
    for (const std::uint32_t column : made.columns) fields.push_back(schema.at(column));
    if (spec.format) {
      if (!spec.format->make_encoder) {
        error("format-not-writable", spec.format_place,
              fmt::format("format '{}' cannot be written", spec.format->name));
        return;
      }
      if (spec.format->check_write &&
          !spec.format->check_write(spec.format_options.get(), fields, spec.format_place, diagnostics_)) {
        return;
      }
    }
    SinkBindContext context{.name = name,
                            .schema = &schema,
                            .columns = made.columns,
                            .format = spec.format,
                            .format_options = spec.format_options,
                            .params = &params_,
                            .param_used = note_param(),
                            .allow_exec = options_.allow_exec,
                            .diagnostics = diagnostics_,
                            .place = spec.kind_place};
    auto bound = spec.kind->bind(spec.options.get(), context);
    if (!bound) return;
    GraphNode node;
    node.kind = GraphNode::Kind::output;
    node.stream = graph_.nodes[*from].stream;
    node.label = spec.kind->name;
    node.inputs = {*from};
    node.schema = schema;
    node.on_error = graph_.nodes[*from].on_error;
    node.errors = graph_.nodes[*from].errors;
    node.can_fail = bound->can_fail;
    node.output = graph_.outputs.size();
    node.place = spec.place;
    made.plan.bound = std::move(*bound);
    graph_.outputs.push_back(std::move(made));
    graph_.nodes.push_back(std::move(node));
  }

  void check_files() {
    std::map<std::string, std::string> written;
    for (const GraphOutput& output : graph_.outputs) {
      for (const auto& path : output.plan.bound.writes) {
        const auto [it, added] = written.emplace(path.value, output.plan.name);
        if (!added && it->second != output.plan.name) {
          error("two-writers", path.span, fmt::format("output '{}' writes '{}' too", it->second, path.value));
        }
        for (const GraphSource& source : graph_.sources) {
          for (const auto& read : source.plan.bound.reads) {
            if (read.value == path.value) {
              error("writes-its-source", path.span,
                    fmt::format("source '{}' reads '{}'", source.plan.name, path.value));
            }
          }
        }
      }
    }
  }

  void check_routes() {
    for (const auto& [stream, node] : errors_of_) {
      if (routed_.contains(stream)) continue;
      for (const GraphNode& other : graph_.nodes) {
        if (other.stream != stream || !other.can_fail) continue;
        error("errors-unread", other.place,
              fmt::format("on_error: route, but no output reads '{}.errors'; give it one, or choose fail or drop",
                          stream));
        break;
      }
    }
  }

  void warn_unused() {
    if (diagnostics_.has_errors()) return;
    const auto warn = [&](const LocatedText& name, std::string_view what) {
      if (!used_.contains(name.value())) {
        diagnostics_.warning("unused", name.whole(), fmt::format("nothing reads {} '{}'", what, name.value()));
      }
    };
    used_.clear();
    for (const StreamSpec& stream : spec_.streams) {
      for (const StreamName& one : stream.from) use(one);
      for (const StepSpec& step : stream.steps) {
        if (!step.kind->streams) continue;
        for (const StreamName& one : step.kind->streams(step.options.get())) use(one);
      }
    }
    for (const OutputSpec& output : spec_.outputs) use(output.common.from);
    for (const auto& one : spec_.sources) warn(one.name, "source");
    for (const auto& one : spec_.tables) warn(one.name, "table");
    for (const auto& one : spec_.streams) warn(one.name, "stream");
    for (const ParamSpec& param : spec_.params) {
      if (!used_params_.contains(param.name.value())) {
        diagnostics_.warning("unused", param.name.whole(), fmt::format("nothing reads param '{}'", param.name.value()));
      }
    }
  }

  void use(const StreamName& name) {
    std::string text = name.text.value();
    if (text.ends_with(".errors")) text.resize(text.size() - 7);
    used_.insert(text);
  }

  const PipelineSpec& spec_;
  const Catalog& catalog_;
  const ResolveOptions& options_;
  Diagnostics& diagnostics_;
  StreamGraph graph_;
  Params params_;
  std::map<std::string, std::string> names_;
  std::map<std::string, std::size_t> last_;
  std::map<std::string, std::size_t> errors_of_;
  std::set<std::string> used_, used_params_, routed_, resolving_, failed_;
};

}  // namespace

Schema errors_schema(const std::vector<Field>& hidden) {
  Schema schema;
  for (const char* name : {"raw", "error", "stage", "place"}) schema.columns.push_back({name, TypeKind::string});
  schema.columns.push_back({"batch", TypeKind::timestamp});
  schema.hidden = hidden;
  return schema;
}

StreamGraph resolve(const PipelineSpec& spec, const Catalog& catalog, const ResolveOptions& options,
                    Diagnostics& diagnostics) {
  return Resolver(spec, catalog, options, diagnostics).resolve();
}

}  // namespace streamrun
