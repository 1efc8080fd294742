// Every row on standard output and nothing else, so that it pipes.
#include "operators/builtin_catalog.h"
#include "runner/operator/byte_spool.h"
#include "runner/operator/row_encoder.h"
#include "runner/operator/sink.h"
#include "runner/operator/standard_output.h"

namespace streamrun {
namespace {

struct StdoutOptions {};

class StdoutSink final : public Sink {
 public:
  StdoutSink(std::shared_ptr<const RowEncoder> encoder, const Environment& environment)
      : encoder_(std::move(encoder)), output_(environment), spools_(environment.spools) {}

  void encode(const RecordBatch& batch, KernelContext&, std::vector<StagedRows>& out) const override {
    encoder_->encode(batch, out);
  }
  Result<std::unique_ptr<Stage>> stage(BatchTime) override;

  // The header comes once, before the first row.
  Result<> write(const ByteSpool& spool, StandardOutput::Text& text) {
    if (spool.size() == 0) return {};
    text.begin();
    if (!header_written_) {
      if (auto done = text.write(encoder_->header()); !done) return done;
    }
    auto done = spool.read([&](std::string_view bytes) { return text.write(bytes); });
    if (!done) return done;
    text.end();
    header_written_ = true;
    return {};
  }

  const StandardOutput& output() const { return output_; }
  const std::shared_ptr<SpoolPool>& spools() const { return spools_; }

 private:
  std::shared_ptr<const RowEncoder> encoder_;
  StandardOutput output_;
  std::shared_ptr<SpoolPool> spools_;
  bool header_written_ = false;
};

class StdoutStage final : public Stage {
 public:
  explicit StdoutStage(StdoutSink& sink) : sink_(sink), text_(sink.output()), spool_(sink.spools()) {}

  Result<> append(StagedRows&& rows) override { return spool_.append(std::move(rows.bytes)); }
  // Once it has ended nothing is left to be written again.
  Result<> publish() override { return drain(); }
  void discard() override { spool_.clear(); }
  std::size_t drainable() const override { return spool_.size(); }
  Result<> drain() override {
    auto written = sink_.write(spool_, text_);
    if (written) spool_.clear();
    return written;
  }

 private:
  StdoutSink& sink_;
  StandardOutput::Text text_;
  ByteSpool spool_;
};

Result<std::unique_ptr<Stage>> StdoutSink::stage(BatchTime) {
  return std::make_unique<StdoutStage>(*this);
}

std::optional<BoundSink> bind(const StdoutOptions&, SinkBindContext& context) {
  auto encoder = RowEncoder::bind(context);
  if (!encoder) return std::nullopt;
  BoundSink bound;
  bound.drains = true;
  bound.shares = "standard output";
  bound.guarantee = "at least once";
  bound.open = [encoder = std::move(encoder)](const Environment& environment) {
    return std::make_unique<StdoutSink>(encoder, environment);
  };
  return bound;
}

}  // namespace

SinkDescriptor describe_stdout_sink() {
  return describe_connector<StdoutOptions>(
      "stdout", "every row on standard output, in `format`; when its reader has gone (`| head`), the run ends with 0",
      "{name: out, from: in, stdout: {}, format: json}", true, Options<StdoutOptions>{}.table(), &bind);
}

}  // namespace streamrun
