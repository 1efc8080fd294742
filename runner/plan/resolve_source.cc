#include <fmt/format.h>

#include "runner/plan/resolution.h"

namespace streamrun {
namespace {

// No format was given, and the schema tells that another than the default was meant: that is diagnosed.
bool lacks_format(Resolution& r, const SourceSpec& spec) {
  const bool unsaid = spec.format_place.begin <= spec.kind_place.begin && spec.kind_place.end <= spec.format_place.end;
  if (!unsaid || !spec.common.schema) return false;
  const std::vector<Field>& columns = spec.common.schema->schema.columns;
  if (columns == std::vector<Field>{{"value", TypeKind::string}}) return false;
  r.error("missing-format", spec.common.schema->span,
          fmt::format("`format` is not given, and {}, the default, has one column, (value string); write format: json, "
                      "or how else the records look",
                      spec.format->name));
  return true;
}

// What it received is kept for a restart: there must be where, and need.
void check_receiver_log(Resolution& r, const SourceSpec& spec, const BoundSource& bound) {
  if (!spec.common.receiver_log) return;
  if (!r.spec.settings.checkpoint) {
    r.error("receiver-log", spec.name.whole(),
            fmt::format("receiver_log of '{}' is kept in the checkpoint, and the pipeline has none; add checkpoint: "
                        "{{path: state/{}}}",
                        spec.name.value(), r.spec.settings.name));
  } else if (bound.can_read_again) {
    r.error("receiver-log", spec.name.whole(),
            fmt::format("receiver_log is for what comes once, and '{}' can be read again ({}); take it away",
                        spec.name.value(), spec.kind->name));
  }
}

}  // namespace

void resolve_source(Resolution& r, const SourceSpec& spec, bool table) {
  if (spec.kind == nullptr) return;
  const std::string& name = spec.name.value();
  SourceBindContext context{.name = name,
                            .pipeline = r.spec.settings.name,
                            .declared = spec.common.schema ? &*spec.common.schema : nullptr,
                            .partitions = spec.common.partitions.value_or(table ? 1 : r.spec.settings.partitions),
                            .framing = spec.format && spec.format_options && spec.format->framing
                                           ? spec.format->framing(spec.format_options.get())
                                           : RecordFraming{},
                            .batch_interval = r.spec.settings.batch_interval,
                            .params = &r.params,
                            .param_used = r.note_param(),
                            .diagnostics = r.diagnostics,
                            .place = spec.kind_place};
  auto bound = spec.kind->bind(spec.options.get(), context);
  if (!bound) return;
  std::optional<BoundFormat> format;
  if (!bound->rows) {
    if (lacks_format(r, spec)) return;
    format = bind_format(*spec.format, spec.format_options.get(),
                         {.declared = context.declared,
                          .source = spec.kind->name,
                          .messages = bound->messages,
                          .place = spec.format_place,
                          .diagnostics = r.diagnostics});
    if (!format) return;
  }
  Schema schema = source_schema(format ? format->columns : bound->rows->columns, bound->hidden);
  if (table && !bound->bounded) {
    r.error("unbounded-table", spec.kind_place, "a table is read to its end; this source has none");
  }

  check_receiver_log(r, spec, *bound);

  GraphNode node;
  node.kind = GraphNode::Kind::source;
  node.stream = name;
  node.label = spec.kind->name;
  node.schema = schema;
  node.partitions = bound->partitions;
  if (!table) node.slide = r.spec.settings.batch_interval;
  node.on_error = spec.common.on_error.value_or(r.spec.settings.on_error);
  node.source = r.graph.sources.size();
  node.can_fail = bound->rows ? bound->can_fail : !bound->messages || spec.format->can_fail;
  node.place = spec.name.whole();

  GraphSource made;
  made.plan.name = name;
  made.plan.header = context.framing.header && !context.framing.header_is_line;
  made.plan.table = table;
  made.plan.refresh = spec.common.refresh;
  made.plan.receiver_log = spec.common.receiver_log;
  made.plan.caps.records = spec.common.max_batch_records;
  if (spec.common.max_batch_bytes) made.plan.caps.bytes = spec.common.max_batch_bytes->bytes;
  if (spec.common.max_rate) made.plan.max_rate = static_cast<double>(*spec.common.max_rate);
  if (format) made.plan.format = spec.format->name;
  made.format = std::move(format);
  made.schema = std::move(schema);
  made.plan.bound = std::move(*bound);
  r.graph.sources.push_back(std::move(made));
  const OnError policy = node.on_error;
  const std::size_t at = r.add(std::move(node));
  if (spec.stream) {
    r.read[name] = at;
    return;
  }
  r.rows[name] = at;
  r.graph.nodes[at].errors = r.add_errors(name, policy, r.graph.sources.back().plan.bound.hidden);
}

}  // namespace streamrun
