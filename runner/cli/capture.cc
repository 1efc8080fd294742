#include "runner/cli/capture.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "runner/data/codec.h"
#include "runner/data/node_rows.h"

namespace streamrun {
namespace {

std::vector<std::string> json_rows(const std::vector<Field>& fields, const std::vector<ColumnPtr>& columns,
                                   std::uint32_t rows) {
  std::vector<std::string> lines;
  const auto encoder = make_json_encoder(fields, {});
  for (std::uint32_t row = 0; row < rows; ++row) {
    std::string line;
    encoder->encode(columns, Selection::of({row}), line);
    if (!line.empty() && line.back() == '\n') line.pop_back();
    lines.push_back(std::move(line));
  }
  return lines;
}

class CaptureStage final : public Stage {
 public:
  CaptureStage(Capture& capture, BatchTime time) : capture_(capture), time_(time) {}
  Result<> append(StagedRows&& rows) override {
    for (std::size_t at = 0; at < rows.bytes.size();) {
      const std::size_t end = rows.bytes.find('\n', at);
      lines_.push_back(rows.bytes.substr(at, end - at));
      at = end + 1;
    }
    return {};
  }
  Result<> publish() override {
    // The first batch is at one interval; one that `when` passed over has nothing.
    const auto batches = static_cast<std::size_t>(time_.value / capture_.interval.count());
    capture_.got.resize(std::max(batches, capture_.got.size()));
    capture_.got[batches - 1] = lines_;
    return {};
  }
  void discard() override {}

 private:
  Capture& capture_;
  BatchTime time_;
  std::vector<std::string> lines_;
};

class CaptureSink final : public Sink {
 public:
  CaptureSink(Capture& capture, const std::vector<Field>& fields, std::vector<std::uint32_t> columns)
      : capture_(capture), encoder_(make_json_encoder(fields, {})), columns_(std::move(columns)) {}
  void encode(const RecordBatch& batch, KernelContext&, std::vector<StagedRows>& out) const override {
    std::vector<ColumnPtr> columns;
    for (const std::uint32_t column : columns_) columns.push_back(batch.columns[column]);
    StagedRows& staged = out.emplace_back();
    encoder_->encode(columns, batch.selection, staged.bytes);
    staged.rows = batch.selection.count();
  }
  Result<std::unique_ptr<Stage>> stage(BatchTime time) override {
    return std::make_unique<CaptureStage>(capture_, time);
  }

 private:
  Capture& capture_;
  std::unique_ptr<Encoder> encoder_;
  std::vector<std::uint32_t> columns_;
};

bool bare_scalars(const RowNodes& rows) {
  return std::any_of(rows.rows.begin(), rows.rows.end(),
                     [](const SyntaxNode& row) { return row.kind != SyntaxNode::Kind::mapping; });
}

}  // namespace

std::optional<BoundSink> bind_capture(Capture& capture, SinkBindContext& context) {
  std::vector<Field> fields;
  Schema schema;
  for (const std::uint32_t column : context.columns) fields.push_back(context.schema->at(column));
  schema.columns = fields;
  if (capture.expected) {
    for (const RowNodes& batch : capture.expected->batches) {
      const auto rows = static_cast<std::uint32_t>(batch.rows.size());
      std::vector<ColumnPtr> columns;
      if (rows > 0 && fields.size() == 1 && bare_scalars(batch)) {
        columns.push_back(column_of_scalars(batch.rows, fields[0].type, context.diagnostics));
      } else {
        columns = columns_of_rows(batch.rows, schema, context.diagnostics);
      }
      if (context.diagnostics.has_errors()) return std::nullopt;
      capture.wanted.push_back(json_rows(fields, columns, rows));
    }
  }
  BoundSink bound;
  bound.open = [&capture, fields, columns = context.columns](const Environment&) -> std::unique_ptr<Sink> {
    return std::make_unique<CaptureSink>(capture, fields, columns);
  };
  return bound;
}

}  // namespace streamrun
