// Each batch to a program's standard input.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <atomic>

#include "operators/builtin_catalog.h"
#include "runner/operator/byte_spool.h"
#include "runner/operator/child_program.h"
#include "runner/operator/row_encoder.h"
#include "runner/operator/sink.h"

namespace streamrun {
namespace {

struct PipeOptions {
  ProgramCommand command;
};

struct PipeTarget {
  std::string output;
  std::vector<std::string> command;
  std::shared_ptr<const RowEncoder> encoder;
};

class PipeStage final : public Stage {
 public:
  // `stopping`: of the sink, which outlives its stages.
  PipeStage(std::shared_ptr<const PipeTarget> target, const std::atomic<bool>& stopping, BatchTime batch,
            const Environment& environment)
      : target_(std::move(target)),
        stopping_(stopping),
        batch_(batch),
        folder_(environment.working_folder),
        log_(environment.log),
        spool_(environment.spools) {}

  Result<> append(StagedRows&& rows) override { return spool_.append(std::move(rows.bytes)); }

  Result<> publish() override {
    const ProgramInput input{target_->encoder->header(), &spool_};
    auto program = ChildProgram::start({target_->command, folder_}, input, [this] { return stopping_.load(); });
    if (!program) return pass_on(program);
    const auto unread = (*program)->finish();
    if (!unread) return pass_on(unread);
    if (*unread != 0 && log_) {
      log_(LogLevel::warning, fmt::format("output '{}': {}", target_->output,
                                          unread_warning(target_->command[0], *unread, input.size(), batch_)));
    }
    return {};
  }

  void discard() override { spool_.clear(); }

 private:
  std::shared_ptr<const PipeTarget> target_;
  const std::atomic<bool>& stopping_;
  BatchTime batch_;
  std::string folder_;
  std::function<void(LogLevel, const std::string&)> log_;
  ByteSpool spool_;
};

class PipeSink final : public Sink {
 public:
  PipeSink(std::shared_ptr<const PipeTarget> target, const Environment& environment)
      : target_(std::move(target)), environment_(environment) {}

  void encode(const RecordBatch& batch, KernelContext&, std::vector<StagedRows>& out) const override {
    target_->encoder->encode(batch, out);
  }
  Result<std::unique_ptr<Stage>> stage(BatchTime batch) override {
    return std::make_unique<PipeStage>(target_, stopping_, batch, environment_);
  }
  void interrupt() override { stopping_ = true; }

 private:
  std::shared_ptr<const PipeTarget> target_;
  std::atomic<bool> stopping_ = false;
  Environment environment_;
};

std::optional<BoundSink> bind(const PipeOptions& options, SinkBindContext& context) {
  if (!check_command(options.command, fmt::format("output '{}'", context.name), context.allow_exec, context.place,
                     context.diagnostics)) {
    return std::nullopt;
  }
  auto target = std::make_shared<PipeTarget>();
  target->output = context.name;
  target->command = options.command.argv;
  target->encoder = RowEncoder::bind(context);
  if (!target->encoder || !context.allow_exec) return std::nullopt;
  BoundSink bound;
  bound.detail = fmt::format("{}", fmt::join(options.command.argv, " "));
  bound.guarantee = "at least once";
  bound.open = [target = std::shared_ptr<const PipeTarget>(std::move(target))](const Environment& environment) {
    return std::make_unique<PipeSink>(target, environment);
  };
  return bound;
}

}  // namespace

SinkDescriptor describe_pipe_sink() {
  return describe_connector<PipeOptions>(
      "pipe", "each batch to a program's standard input; needs --allow-exec",
      "{name: out, from: in, pipe: {command: [wc, -l]}, format: json}", true,
      Options<PipeOptions>{}
          .required("command", &PipeOptions::command, "the program and its arguments; no shell reads them")
          .table(),
      &bind);
}

}  // namespace streamrun
