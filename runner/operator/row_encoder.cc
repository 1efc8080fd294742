#include "runner/operator/row_encoder.h"

#include <cassert>

namespace streamrun {

std::shared_ptr<const RowEncoder> RowEncoder::bind(const SinkBindContext& context) {
  assert(context.format != nullptr);
  std::vector<Field> fields;
  for (const std::uint32_t i : context.columns) fields.push_back(context.schema->at(i));
  const FormatDescriptor& format = *context.format;
  if (!format.make_encoder) {
    context.diagnostics.error("bad-format", context.place,
                              "format '" + std::string(format.name) + "' can be read, but not written");
    return nullptr;
  }
  if (format.check_write &&
      !format.check_write(context.format_options.get(), fields, context.place, context.diagnostics)) {
    return nullptr;
  }
  auto made = std::make_shared<RowEncoder>();
  made->rows_ = format.rows;
  made->columns_ = context.columns;
  made->options_ = context.format_options;
  if (format.framing) made->framing_ = format.framing(context.format_options.get());
  made->encoder_ = format.make_encoder(context.format_options.get(), fields);
  return made;
}

std::vector<ColumnPtr> RowEncoder::pick(const RecordBatch& batch) const {
  std::vector<ColumnPtr> picked;
  picked.reserve(columns_.size());
  for (const std::uint32_t i : columns_) picked.push_back(batch.columns[i]);
  return picked;
}

void RowEncoder::encode(const RecordBatch& batch, std::vector<StagedRows>& out) const {
  if (batch.selection.empty()) return;
  StagedRows& staged = out.emplace_back();
  staged.rows = batch.selection.count();
  encoder_->encode(pick(batch), batch.selection, staged.bytes);
}

}  // namespace streamrun
