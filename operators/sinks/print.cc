// Spark's console layout.
#include <fmt/format.h>

#include "operators/builtin_catalog.h"
#include "runner/data/codec.h"
#include "runner/operator/byte_spool.h"
#include "runner/operator/row_frames.h"
#include "runner/operator/sink.h"
#include "runner/operator/standard_output.h"

namespace streamrun {
namespace {

struct PrintOptions {
  std::uint32_t rows = 10;
};

struct Layout {
  std::uint32_t rows = 10;
  std::vector<std::uint32_t> columns;
  std::unique_ptr<Encoder> encoder;
};

constexpr std::size_t kDashes = 43;

class PrintSink final : public Sink {
 public:
  PrintSink(std::shared_ptr<const Layout> layout, const Environment& environment)
      : layout_(std::move(layout)), output_(environment), spools_(environment.spools) {}

  // One row more than is shown tells that there are more.
  void encode(const RecordBatch& batch, KernelContext&, std::vector<StagedRows>& out) const override {
    if (batch.selection.empty()) return;
    std::vector<ColumnPtr> columns;
    for (const std::uint32_t i : layout_->columns) columns.push_back(batch.columns[i]);
    StagedRows& staged = out.emplace_back();
    staged.rows = batch.selection.count();
    for (std::uint32_t i = 0; i < batch.selection.count() && i <= layout_->rows; ++i) {
      append_frame(staged.bytes, [&](std::string& to) {
        layout_->encoder->encode(columns, Selection::of({batch.selection[i]}), to);
      });
    }
  }

  Result<std::unique_ptr<Stage>> stage(BatchTime batch) override;

  const StandardOutput& output() const { return output_; }
  const Layout& layout() const { return *layout_; }
  const std::shared_ptr<SpoolPool>& spools() const { return spools_; }

 private:
  std::shared_ptr<const Layout> layout_;
  StandardOutput output_;
  std::shared_ptr<SpoolPool> spools_;
};

class PrintStage final : public Stage {
 public:
  PrintStage(PrintSink& sink, BatchTime batch)
      : sink_(sink), batch_(batch), text_(sink.output()), rows_(sink.spools()) {}

  Result<> append(StagedRows&& rows) override {
    std::string shown;
    std::uint32_t kept = kept_;
    auto done = FrameReader().read(rows.bytes, [&](std::string_view row) -> Result<> {
      const auto most = sink_.layout().rows;
      if (kept < most) shown += row;
      if (kept <= most) ++kept;  // one more tells that there are more
      return {};
    });
    if (done) done = rows_.append(std::move(shown));
    if (done) kept_ = kept;
    return done;
  }
  Result<> publish() override {
    const std::string line(kDashes, '-');
    text_.begin();
    auto done = text_.write(fmt::format("{0}\nTime: {1} ms\n{0}\n", line, batch_.value));
    if (done) done = rows_.read([&](std::string_view bytes) { return text_.write(bytes); });
    return done ? text_.write(kept_ > sink_.layout().rows ? "...\n\n" : "\n") : done;
  }
  void discard() override { rows_.clear(); }

 private:
  PrintSink& sink_;
  BatchTime batch_;
  StandardOutput::Text text_;
  ByteSpool rows_;
  std::uint32_t kept_ = 0;
};

Result<std::unique_ptr<Stage>> PrintSink::stage(BatchTime batch) {
  return std::make_unique<PrintStage>(*this, batch);
}

std::optional<BoundSink> bind(const PrintOptions& options, SinkBindContext& context) {
  auto layout = std::make_shared<Layout>();
  layout->rows = options.rows;
  layout->columns = context.columns;
  std::vector<Field> fields;
  for (const std::uint32_t i : context.columns) fields.push_back(context.schema->at(i));
  layout->encoder = make_console_encoder(fields);
  BoundSink bound;
  bound.detail = fmt::format("{} rows", options.rows);
  bound.shares = "standard output";
  bound.guarantee = "at least once";
  bound.open = [layout = std::shared_ptr<const Layout>(std::move(layout))](const Environment& environment) {
    return std::make_unique<PrintSink>(layout, environment);
  };
  return bound;
}

}  // namespace

SinkDescriptor describe_print_sink() {
  return describe_connector<PrintOptions>(
      "print", "the first rows of each batch, in Spark's console layout", "{name: out, from: in, print: {rows: 10}}",
      false,
      Options<PrintOptions>{}
          .optional("rows", &PrintOptions::rows, "10", "how many rows are shown", {0, 1'000'000'000})
          .table(),
      &bind);
}

}  // namespace streamrun
