#include "operators/clients/kafka_start.h"

#include <fmt/format.h>

#include <algorithm>

#include "runner/data/node_rows.h"
#include "runner/operator/option_faults.h"

namespace streamrun {
namespace {

// The two forms of `start` that say more than a word.
struct StartForm {
  std::optional<SyntaxNode> timestamp;
  NamedValues<NamedValues<std::int64_t>> offsets;
};

const OptionTable& start_options() {
  static const OptionTable table =
      Options<StartForm>{}
          .optional("timestamp", &StartForm::timestamp, "", "records of this time and later: 2026-01-31T12:00:00Z")
          .optional("offsets", &StartForm::offsets, "", "{topic: {partition: offset}}; the others from their beginning")
          .table();
  return table;
}

bool decode_time(const SyntaxNode& node, KafkaStart& out, DecodeContext& context) {
  Diagnostics own;
  const ColumnPtr column = column_of_scalars({&node, 1}, TypeKind::timestamp, own);
  if (own.has_errors() || column->is_null(0)) {
    return wrong_type(node, "a time such as 2026-01-31T12:00:00Z", context);
  }
  // Down to the millisecond that it lies in: that of brokers.
  const std::int64_t micros = column->value<std::int64_t>(0);
  out.time = std::max<std::int64_t>(0, micros / 1000);
  return true;
}

}  // namespace

Shape Codec<KafkaStart>::shape() {
  return Shape::any({Shape::choice_of({"earliest", "latest"}), Shape::mapping_of(start_options())});
}

bool Codec<KafkaStart>::decode(const SyntaxNode& node, KafkaStart& out, DecodeContext& context) {
  if (node.kind != SyntaxNode::Kind::mapping) {
    const auto word = decode_choice(node, {"earliest", "latest"}, context);
    if (word) out.time = *word == 0 ? kKafkaBeginning : kKafkaEnd;
    return word.has_value();
  }
  StartForm form;
  if (!start_options().decode(node, &form, "`start`", context)) return false;
  if (form.timestamp.has_value() == !form.offsets.empty()) {
    context.diagnostics.error("bad-option", node.span, "`start` is earliest, latest, {timestamp: …} or {offsets: …}");
    return false;
  }
  out.time = kKafkaBeginning;
  if (form.timestamp) return decode_time(*form.timestamp, out, context);
  for (const auto& [topic, partitions] : form.offsets) {
    for (const auto& [number, offset] : partitions) {
      const auto partition = parse_partition(number.value());
      if (!partition) {
        context.diagnostics.error("bad-option", number.whole(),
                                  fmt::format("'{}' is no number of a partition", number.value()));
        return false;
      }
      if (offset < 0) {
        context.diagnostics.error("bad-option", number.whole(), fmt::format("{} is no offset", offset));
        return false;
      }
      out.offsets[{topic.value(), *partition}] = offset;
    }
  }
  return true;
}

}  // namespace streamrun
