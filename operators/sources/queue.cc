// queueStream: batches that are written in the pipeline's file.
#include <algorithm>
#include <string>
#include <utility>

#include "operators/builtin_catalog.h"
#include "runner/data/node_rows.h"
#include "runner/operator/written_rows.h"

namespace streamrun {
namespace {

struct QueueOptions {
  std::vector<RowNodes> batches;
  bool one_at_a_time = true;
  std::optional<RowNodes> default_rows;
};

// The first row that is a mapping: without a schema it has no columns.
const SyntaxNode* find_mapping(const QueueOptions& options) {
  const auto find = [](const RowNodes& batch) -> const SyntaxNode* {
    const auto found = std::ranges::find(batch.rows, SyntaxNode::Kind::mapping, &SyntaxNode::kind);
    return found == batch.rows.end() ? nullptr : &*found;
  };
  for (const RowNodes& batch : options.batches) {
    if (const SyntaxNode* row = find(batch)) return row;
  }
  return options.default_rows ? find(*options.default_rows) : nullptr;
}

// What a value as it stands could be of: `array<bigint>`, `struct<a:string>`. Of no value nothing is known.
std::string type_of(const SyntaxNode& value) {
  if (value.kind == SyntaxNode::Kind::sequence) {
    return "array<" + (value.items.empty() ? std::string("string") : type_of(value.items[0])) + ">";
  }
  if (value.kind == SyntaxNode::Kind::mapping) {
    std::string fields;
    for (const SyntaxNode::Entry& entry : value.entries) {
      fields += (fields.empty() ? "" : ",") + entry.key.value() + ":" + type_of(entry.value);
    }
    return fields.empty() ? "map<string,string>" : "struct<" + fields + ">";
  }
  const Type type = type_of_scalars({&value, 1}, Type());
  return type.kind() == TypeKind::null ? "string" : type.name();
}

// `{a: bigint, b: "struct<a:int,b:string>"}`, a type for what YAML makes of each value.
std::string schema_of(const SyntaxNode& row) {
  std::string schema;
  for (const SyntaxNode::Entry& entry : row.entries) {
    const std::string type = type_of(entry.value);
    const std::string_view quote = type.find_first_of(",:") == std::string::npos ? "" : "\"";
    schema += schema.empty() ? "{" : ", ";
    schema += entry.key.value() + ": ";
    schema.append(quote).append(type).append(quote);
  }
  return schema + "}";
}

std::optional<BoundSource> bind(const QueueOptions& options, SourceBindContext& context) {
  WrittenRows rows{.name = context.name, .batches = options.batches};
  if (options.default_rows) rows.default_rows = &*options.default_rows;
  rows.one_at_a_time = options.one_at_a_time;
  rows.partitions = context.partitions;
  if (context.declared != nullptr) {
    rows.schema = context.declared->schema;
  } else if (const SyntaxNode* row = find_mapping(options)) {
    context.diagnostics.error("missing-schema", row->span,
                              "rows with columns need a schema beside them; write schema: " + schema_of(*row));
    return std::nullopt;
  } else {
    Type type;
    for (const RowNodes& batch : options.batches) type = type_of_scalars(batch.rows, type);
    if (options.default_rows) type = type_of_scalars(options.default_rows->rows, type);
    rows.schema.columns.push_back({"value", type.kind() == TypeKind::null ? Type(TypeKind::string) : type});
    rows.form = WrittenRows::Form::scalars;
  }
  auto bound = bind_written_rows(rows, context.diagnostics);
  if (bound) bound->rows = std::move(rows.schema);
  return bound;
}

}  // namespace

SourceDescriptor describe_queue_source() {
  SourceDescriptor made = describe_connector<QueueOptions>(
      "queue", "batches written in the pipeline's file (queueStream)", "queue: {batches: [[1, 2, 3], [4, 5]]}", false,
      Options<QueueOptions>{}
          .required("batches", &QueueOptions::batches, "a list of rows for each batch")
          .optional("one_at_a_time", &QueueOptions::one_at_a_time, "true", "false: the first batch takes all of them")
          .optional("default", &QueueOptions::default_rows, "",
                    "rows of every batch behind the last; it never ends then")
          .table(),
      &bind);
  made.rows_option = "batches";
  return made;
}

}  // namespace streamrun
