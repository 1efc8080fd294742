// Spark's console layout.
#include <fmt/format.h>

#include <cstring>

#include "operators/builtin_catalog.h"
#include "runner/data/codec.h"
#include "runner/operator/file_descriptor.h"
#include "runner/operator/sink.h"

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

// Staged bytes are rows, each behind its length: a row may hold line ends.
class PrintStage final : public Stage {
 public:
  PrintStage(std::shared_ptr<const Layout> layout, int output, BatchTime batch)
      : layout_(std::move(layout)), output_(output), batch_(batch) {}

  Result<> append(StagedRows&& rows) override {
    std::string_view left = rows.bytes;
    while (!left.empty() && kept_ <= layout_->rows) {
      std::uint32_t size = 0;
      std::memcpy(&size, left.data(), sizeof size);
      if (kept_++ < layout_->rows) text_ += left.substr(sizeof size, size);
      left.remove_prefix(sizeof size + size);
    }
    return {};
  }

  Result<> publish() override {
    const std::string line(kDashes, '-');
    return write_all(output_,
                     fmt::format("{0}\nTime: {1} ms\n{0}\n{2}{3}\n", line, batch_.value, text_,
                                 kept_ > layout_->rows ? "...\n" : ""),
                     "standard output");
  }

  void discard() override {}

 private:
  std::shared_ptr<const Layout> layout_;
  int output_;
  BatchTime batch_;
  std::string text_;
  std::uint32_t kept_ = 0;
};

class PrintSink final : public Sink {
 public:
  PrintSink(std::shared_ptr<const Layout> layout, int output) : layout_(std::move(layout)), output_(output) {}

  void encode(const RecordBatch& batch, KernelContext&, std::vector<StagedRows>& out) const override {
    if (batch.selection.empty()) return;
    std::vector<ColumnPtr> columns;
    for (const std::uint32_t i : layout_->columns) columns.push_back(batch.columns[i]);
    StagedRows staged;
    staged.rows = batch.selection.count();
    // One more than is shown tells that there are more.
    for (std::uint32_t i = 0; i < batch.selection.count() && i <= layout_->rows; ++i) {
      const std::size_t at = staged.bytes.size();
      staged.bytes.resize(at + sizeof(std::uint32_t));
      layout_->encoder->encode(columns, Selection::of({batch.selection[i]}), staged.bytes);
      const auto size = static_cast<std::uint32_t>(staged.bytes.size() - at - sizeof(std::uint32_t));
      std::memcpy(staged.bytes.data() + at, &size, sizeof size);
    }
    out.push_back(std::move(staged));
  }

  Result<std::unique_ptr<Stage>> stage(BatchTime batch) override {
    return std::make_unique<PrintStage>(layout_, output_, batch);
  }

 private:
  std::shared_ptr<const Layout> layout_;
  int output_;
};

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
    return std::make_unique<PrintSink>(layout, environment.output);
  };
  return bound;
}

}  // namespace

SinkDescriptor describe_print_sink() {
  return describe_sink<PrintOptions>(
      "print", "the first rows of each batch, in Spark's console layout", "{name: out, from: in, print: {rows: 10}}",
      false,
      Options<PrintOptions>{}
          .optional("rows", &PrintOptions::rows, "10", "how many rows are shown", {0, 1'000'000'000})
          .table(),
      &bind);
}

}  // namespace streamrun
