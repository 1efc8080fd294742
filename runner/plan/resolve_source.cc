#include <fmt/format.h>

#include "runner/plan/resolution.h"

namespace streamrun {
namespace {

// Of a source whose records are bytes: its format's, or the one declared. Nothing: diagnosed.
std::optional<Schema> decoded_schema(Resolution& r, const SourceSpec& spec) {
  const FormatDescriptor& format = *spec.format;
  if (!format.make_decoder) {
    r.error("format-not-readable", spec.format_place, fmt::format("format '{}' cannot be read", format.name));
    return std::nullopt;
  }
  if (!format.own_schema && !spec.common.schema) {
    r.error("missing-schema", spec.format_place,
            fmt::format("format '{}' needs a schema: {{column: type, …}}", format.name));
    return std::nullopt;
  }
  // The default, where the schema tells that another was meant.
  const bool unsaid = spec.format_place.begin <= spec.kind_place.begin && spec.kind_place.end <= spec.format_place.end;
  if (unsaid && format.own_schema && spec.common.schema &&
      spec.common.schema->schema.columns != format.own_schema->columns) {
    r.error("missing-format", spec.common.schema->span,
            fmt::format("`format` is not given, and {}, the default, has one column, {}; write format: json, or how "
                        "else the records look",
                        format.name, format.own_schema->to_string()));
    return std::nullopt;
  }
  Schema schema = spec.common.schema ? spec.common.schema->schema : *format.own_schema;
  if (format.check_read && !format.check_read(spec.format_options.get(), schema, spec.format_place, r.diagnostics)) {
    return std::nullopt;
  }
  return schema;
}

}  // namespace

void resolve_source(Resolution& r, const SourceSpec& spec, bool table) {
  if (spec.kind == nullptr) return;
  const std::string& name = spec.name.value();
  SourceBindContext context{.name = name,
                            .pipeline = r.spec.name,
                            .declared = spec.common.schema ? &*spec.common.schema : nullptr,
                            .partitions = spec.common.partitions.value_or(table ? 1 : r.spec.partitions),
                            .framing = spec.format && spec.format_options && spec.format->framing
                                           ? spec.format->framing(spec.format_options.get())
                                           : RecordFraming{},
                            .batch_interval = r.spec.batch_interval,
                            .params = &r.params,
                            .param_used = r.note_param(),
                            .diagnostics = r.diagnostics,
                            .place = spec.kind_place};
  auto bound = spec.kind->bind(spec.options.get(), context);
  if (!bound) return;
  if (bound->messages && (context.framing.header || context.framing.length != 0)) {
    r.error("bad-option", spec.format_place,
            fmt::format("source '{}' gives messages, each of them a record: {}", spec.kind->name,
                        context.framing.header ? "none of them is a header; leave `header` out, the columns of the "
                                                 "schema are in the order of the fields"
                                               : "leave `record_length` out"));
  }
  auto schema = bound->rows ? bound->rows : decoded_schema(r, spec);
  if (!schema) return;
  schema = source_schema(std::move(schema->columns), bound->hidden);
  if (table && !bound->bounded) {
    r.error("unbounded-table", spec.kind_place, "a table is read to its end; this source has none");
  }

  GraphNode node;
  node.kind = GraphNode::Kind::source;
  node.stream = name;
  node.label = spec.kind->name;
  node.schema = *schema;
  node.partitions = bound->partitions;
  node.on_error = spec.common.on_error.value_or(r.spec.on_error);
  node.source = r.graph.sources.size();
  node.can_fail = bound->rows ? bound->can_fail : spec.format->can_fail;
  node.place = spec.name.whole();

  GraphSource made;
  made.plan.name = name;
  made.plan.table = table;
  made.plan.refresh = spec.common.refresh;
  made.plan.caps.records = spec.common.max_batch_records;
  if (spec.common.max_batch_bytes) made.plan.caps.bytes = spec.common.max_batch_bytes->bytes;
  if (spec.common.max_rate) made.plan.max_rate = static_cast<double>(*spec.common.max_rate);
  if (!bound->rows) {
    made.format = spec.format;
    made.plan.format = spec.format->name;
    made.format_options = spec.format_options;
  }
  made.schema = std::move(*schema);
  made.plan.bound = std::move(*bound);
  r.graph.sources.push_back(std::move(made));
  const OnError policy = node.on_error;
  const std::size_t at = r.rows[name] = r.add(std::move(node));
  r.graph.nodes[at].errors = r.add_errors(name, policy, r.graph.sources.back().plan.bound.hidden);
}

}  // namespace streamrun
