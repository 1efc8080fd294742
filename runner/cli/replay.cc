#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "runner/cli/signals.h"
#include "runner/cli/verbs.h"
#include "runner/exec/checkpoint.h"
#include "runner/operator/standard_output.h"

namespace streamrun {
namespace {

// An output among several, as `head` and `tail` show files.
class TitledStage final : public Stage {
 public:
  TitledStage(std::unique_ptr<Stage> rows, std::string title, const StandardOutput& output)
      : rows_(std::move(rows)), title_(std::move(title)), text_(output) {}

  Result<> append(StagedRows&& rows) override { return rows_->append(std::move(rows)); }
  Result<> publish() override {
    text_.begin();
    auto written = text_.write(title_);
    return written ? rows_->publish() : written;
  }
  void discard() override { rows_->discard(); }

 private:
  const std::unique_ptr<Stage> rows_;
  const std::string title_;
  StandardOutput::Text text_;
};

class TitledSink final : public Sink {
 public:
  TitledSink(std::unique_ptr<Sink> rows, std::string title, const Environment& environment)
      : rows_(std::move(rows)), title_(std::move(title)), output_(environment) {}

  void encode(const RecordBatch& batch, KernelContext& context, std::vector<StagedRows>& out) const override {
    rows_->encode(batch, context, out);
  }
  Result<> start(OutputLog* log) override { return rows_->start(log); }
  Result<std::unique_ptr<Stage>> stage(BatchTime batch) override {
    auto rows = rows_->stage(batch);
    if (!rows) return rows;
    return std::make_unique<TitledStage>(std::move(*rows), title_, output_);
  }

 private:
  const std::unique_ptr<Sink> rows_;
  const std::string title_;
  const StandardOutput output_;
};

// One that is computed and not shown.
class HiddenStage final : public Stage {
 public:
  Result<> append(StagedRows&&) override { return {}; }
  Result<> publish() override { return {}; }
  void discard() override {}
};

class HiddenSink final : public Sink {
 public:
  void encode(const RecordBatch&, KernelContext&, std::vector<StagedRows>&) const override {}
  Result<std::unique_ptr<Stage>> stage(BatchTime) override { return std::make_unique<HiddenStage>(); }
};

using Open = std::function<std::unique_ptr<Sink>(std::unique_ptr<Sink> rows, const Environment&)>;

SinkDescriptor shown_as(const SinkDescriptor& sink, Open open) {
  SinkDescriptor made = sink;
  made.bind = [bind = sink.bind, open = std::move(open)](const void* options,
                                                         SinkBindContext& context) -> std::optional<BoundSink> {
    auto bound = bind(options, context);
    if (!bound) return bound;
    bound->drains = false;
    bound->writes_empty = true;
    bound->open = [rows = bound->open, open](const Environment& environment) {
      return open(rows(environment), environment);
    };
    return bound;
  };
  return made;
}

SinkDescriptor titled(const SinkDescriptor& sink, const std::string& name, bool first) {
  const std::string title = fmt::format("{}==> {} <==\n", first ? "" : "\n", name);
  return shown_as(sink, [title](std::unique_ptr<Sink> rows, const Environment& environment) {
    return std::make_unique<TitledSink>(std::move(rows), title, environment);
  });
}

SinkDescriptor hidden(const SinkDescriptor& sink) {
  return shown_as(sink, [](std::unique_ptr<Sink>, const Environment&) { return std::make_unique<HiddenSink>(); });
}

// Outputs on standard output, in their own formats, one after the other. Those that are not shown are computed all the
// same: what is decoded, and so what is rejected, hangs on all of them.
class Replay {
 public:
  Replay(PipelineFile file, const Catalog& catalog, const Command& command)
      : file_(std::move(file)), catalog_(catalog), command_(command) {}

  // Nothing: the file's diagnostics say why.
  std::optional<PhysicalPlan> compile() {
    PipelineSpec& spec = *file_.spec;
    spec.settings.concurrent_outputs = 1;
    const SinkDescriptor& rows = *catalog_.sink("stdout");
    const FormatDescriptor& plain = *catalog_.format(kOutputFormat);
    SyntaxNode no_options;
    no_options.kind = SyntaxNode::Kind::mapping;
    sinks_.reserve(spec.outputs.size());
    for (OutputSpec& output : spec.outputs) {
      const std::string& name = output.common.name.value();
      output.common.after.clear();
      output.options = rows.decode(no_options, "stdout", context_);
      if (output.format == nullptr) {
        output.format = &plain;
        output.format_options = plain.decode(no_options, kOutputFormat, context_);
      }
      const bool shown = command_.output.empty() || name == command_.output;
      const bool alone = spec.outputs.size() == 1 || !command_.output.empty();
      if (!shown) {
        sinks_.push_back(hidden(rows));
      } else if (alone) {
        sinks_.push_back(rows);
      } else {
        sinks_.push_back(titled(rows, name, &output == spec.outputs.data()));
      }
      output.kind = &sinks_.back();
    }
    return compile_spec(spec, catalog_, compile_options(command_), file_.diagnostics);
  }

  PipelineFile& file() { return file_; }

 private:
  PipelineFile file_;
  const Catalog& catalog_;
  const Command& command_;
  DecodeContext context_{file_.diagnostics, &catalog_};
  std::vector<SinkDescriptor> sinks_;
};

Result<LoggedBatch> find_batch(const LogContent& content, BatchTime batch, const std::string& folder) {
  const auto found = std::ranges::find(content.batches, batch, [](const LoggedBatch& one) { return one.intent.batch; });
  if (found != content.batches.end()) return *found;
  if (content.batches.empty()) return failure(fmt::format("the checkpoint '{}' holds no batch yet", folder));
  const std::string first = format_batch_time(content.batches.front().intent.batch);
  const std::string last = format_batch_time(content.batches.back().intent.batch);
  return failure(
      fmt::format("the checkpoint '{}' holds no batch {}; it has {} (`streamrun state --format json` lists all that "
                  "took something, "
                  "and checkpoint.keep says how many stay)",
                  folder, format_batch_time(batch), first == last ? first : fmt::format("{} to {}", first, last)));
}

// Of what cannot be read again there would be nothing, and other params give other rows.
Result<> check_same(const PhysicalPlan& plan, const LoggedBatch& batch) {
  for (const PlanSource& source : plan.sources) {
    if (source.table || source.can_read_again() || !batch.commit) continue;
    const auto records = batch.commit->records.find(source.name);
    if (records == batch.commit->records.end() || records->second == 0) continue;
    return failure(fmt::format(
        "batch {} took {} record{} of source '{}', which cannot be read again; with `receiver_log: true` "
        "the checkpoint keeps them",
        format_batch_time(batch.intent.batch), records->second, records->second == 1 ? "" : "s", source.name));
  }
  if (const auto param = changed_param(batch.intent, plan)) {
    return failure(fmt::format("batch {0} had another value of param '{1}': give it that value, with --param {1}=…",
                               format_batch_time(batch.intent.batch), *param));
  }
  for (const auto& [name, range] : batch.intent.ranges) {
    if (range.empty || std::ranges::find(plan.sources, name, &PlanSource::name) != plan.sources.end()) continue;
    return failure(fmt::format("batch {} took records of a source '{}', which the pipeline no longer has",
                               format_batch_time(batch.intent.batch), name));
  }
  return {};
}

Result<> run(const PhysicalPlan& plan, const Command& command, Console& console) {
  const std::string& folder = plan.settings.checkpoint->path;
  const auto content = BatchLog::read(folder);
  if (!content) return pass_on(content);
  const auto batch = find_batch(*content, *command.batch, folder);
  if (!batch) return pass_on(batch);
  if (auto good = check_same(plan, *batch); !good) return good;
  if (content->dropped != BatchTime() && content->dropped.value > batch->intent.batch.value - plan.keeps.count()) {
    return failure(fmt::format("batch {} has windows over {}, and the checkpoint no longer has the batches up to {}",
                               format_batch_time(batch->intent.batch), format_duration(plan.keeps),
                               format_batch_time(content->dropped)));
  }
  std::vector<std::string> changed = changed_parts(batch->intent, plan);
  // Its outputs are those of the replay.
  std::erase_if(changed, [](const std::string& part) { return part.starts_with("output '"); });
  if (!changed.empty()) {
    console.say("note: {} changed since the batch was computed; these are the rows of the pipeline as it is now\n",
                shown_text(fmt::format("{}", fmt::join(changed, ", "))));
  }
  const auto reads = ReadLogFile::open(folder);
  if (!reads) return pass_on(reads);
  Signals signals;
  if (auto started = signals.start(); !started) return started;
  SystemClock clock;
  Environment environment;
  environment.clock = &clock;
  environment.allow_exec = command.allow_exec;
  environment.log = [&](LogLevel, const std::string& text) { console.say("{}\n", text); };
  RunOptions options;
  options.replay =
      ReplayedBatch{batch->intent.batch, ranges_of(batch->intent, plan), {}, batch->intent.origin, &(*reads)->log()};
  if (plan.keeps.count() != 0) {
    const auto earlier = std::ranges::lower_bound(content->batches, batch->intent.batch, {},
                                                  [](const LoggedBatch& one) { return one.intent.batch; });
    for (const LoggedBatch& one : batches_kept_at({content->batches.begin(), earlier}, plan.keeps)) {
      options.replay->before.emplace_back(one.intent.batch, ranges_of(one.intent, plan));
    }
  }
  const RunReport report = run_plan(plan, environment, options, signals.stop());
  if (report.failure && report.failure->kind != ErrorKind::reader_gone) return std::unexpected(*report.failure);
  return {};
}

}  // namespace

int replay_verb(const Command& command, const Catalog& catalog, Console& console) {
  const std::string& path = command.files[0];
  if (!command.batch) {
    console.say(
        "error: --batch TIME is missing: which batch to compute again; `streamrun state {}` lists the last ones\n",
        shown_text(path));
    return 2;
  }
  Replay replay(read_pipeline(path, catalog, compile_options(command).params), catalog, command);
  PipelineFile& file = replay.file();
  const bool read = file.spec.has_value() && !file.diagnostics.has_errors();
  if (read && !file.spec->settings.checkpoint) {
    console.say("{}: the pipeline has no `checkpoint`, so nothing is kept of its runs\n", shown_text(path));
    return 2;
  }
  if (read && !command.output.empty() && std::ranges::none_of(file.spec->outputs, [&](const OutputSpec& one) {
        return one.common.name.value() == command.output;
      })) {
    console.say("error: --output {}: the pipeline has no output of that name\n", shown_text(command.output));
    return 2;
  }
  const auto plan = read ? replay.compile() : std::nullopt;
  if (!plan) {
    print_diagnostics(file, console);
    return 2;
  }
  if (const auto done = run(*plan, command, console); !done) {
    console.say("error: {}\n", shown_text(file.diagnostics.secrets().without(done.error().message)));
    return console.exit_code(1);
  }
  return console.exit_code(0);
}

}  // namespace streamrun
