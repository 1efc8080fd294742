#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <forward_list>
#include <mutex>

#include "runner/cli/capture.h"
#include "runner/cli/row_diff.h"
#include "runner/cli/signals.h"
#include "runner/cli/verbs.h"
#include "runner/exec/batch_log.h"
#include "runner/operator/written_rows.h"

namespace streamrun {

namespace {

// Made when it is first asked for.
class TemporaryFolder {
 public:
  TemporaryFolder() = default;
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code none;
    if (made_) std::filesystem::remove_all(path_, none);
  }
  bool made() const { return path_.empty() || made_; }
  const std::string& path() {
    if (path_.empty()) {
      std::error_code none;
      path_ = std::filesystem::temp_directory_path(none) / "streamrun-test-XXXXXX";
      made_ = !none && ::mkdtemp(path_.data()) != nullptr;
    }
    return path_;
  }

 private:
  std::string path_;
  bool made_ = false;
};

// The source as it is, but for what it reads: its rows go through its own decoder or have its types.
SourceDescriptor with_rows(const SourceSpec& source, std::vector<RowNodes> batches) {
  SourceDescriptor made = *source.kind;
  made.bind = [original = source.kind, format = source.format, format_options = source.format_options,
               place = source.format_place, batches = std::move(batches)](
                  const void* options, SourceBindContext& context) -> std::optional<BoundSource> {
    auto bound = original->bind(options, context);
    if (!bound) return std::nullopt;
    WrittenRows rows{.name = context.name, .batches = batches, .partitions = context.partitions};
    rows.records = !bound->rows;
    std::vector<Field> columns;
    if (bound->rows) {
      columns = bound->rows->columns;
    } else {
      auto read = bind_format(*format, format_options.get(),
                              {.declared = context.declared,
                               .source = original->name,
                               .messages = bound->messages,
                               .place = place,
                               .diagnostics = context.diagnostics});
      if (!read) return std::nullopt;
      columns = std::move(read->columns);
    }
    rows.schema = source_schema(columns, bound->hidden);
    if (!context.declared && columns.size() == 1) rows.form = WrittenRows::Form::either;
    auto written = bind_written_rows(rows, context.diagnostics);
    if (!written) return std::nullopt;
    written->rows = std::move(bound->rows);
    written->hidden = std::move(bound->hidden);
    written->messages = bound->messages;
    return written;
  };
  return made;
}

class TestRun {
 public:
  // `file`: read with the test's params.
  TestRun(PipelineFile& file, const TestSpec& test, const ResolveOptions& options, const Catalog& catalog)
      : file_(file), test_(test), options_(options), catalog_(catalog), spec_(*file.spec) {}

  // The pipeline with the test's rows in place of its sources, tables and outputs. What is wrong with them is among the
  // file's diagnostics. Once.
  std::optional<PhysicalPlan> compile() {
    const std::size_t batches = count_batches();
    if (test_.crash.empty()) {
      spec_.settings.checkpoint.reset();
    } else {
      spec_.settings.checkpoint->path = folder_.path();
    }
    for (SourceSpec& source : spec_.sources) {
      std::vector<RowNodes> rows;
      for (const auto& [name, given] : test_.sources) {
        if (name.value() == source.name.value()) rows = given;
      }
      // To the last batch that is looked at, empty ones too.
      rows.resize(batches);
      replace(source, std::move(rows));
    }
    for (SourceSpec& table : spec_.tables) {
      for (const auto& [name, rows] : test_.tables) {
        if (name.value() == table.name.value()) replace(table, {rows});
      }
    }
    sinks_.resize(spec_.outputs.size());
    for (std::size_t i = 0; i < spec_.outputs.size(); ++i) {
      OutputSpec& output = spec_.outputs[i];
      auto& capture = captures_.emplace_back(std::make_unique<Capture>());
      for (const auto& [name, expected] : test_.expect) {
        if (name.value() != output.common.name.value()) continue;
        capture->expected = &expected;
      }
      capture->interval = spec_.settings.batch_interval;
      sinks_[i].name = "test";
      sinks_[i].bind = [&capture = *capture](const void*, SinkBindContext& context) {
        return bind_capture(capture, context);
      };
      output.kind = &sinks_[i];
      output.options = std::make_shared<int>();
      output.format = nullptr;
    }
    return compile_spec(spec_, catalog_, options_, file_.diagnostics);
  }

  // Empty: passed; else what went wrong. `stop`: it ends at once, with the programs that it has started.
  std::string run(const std::stop_token& stop) {
    const auto plan = compile();
    if (!plan) return "it does not compile";
    if (count_batches() == 0) return {};
    if (!folder_.made()) return "no folder for its checkpoint can be made in TMPDIR, or /tmp";
    std::vector<TestSpec::Crash> crashes = test_.crash;
    for (bool crashed = true; crashed;) {
      crashed = false;
      const auto failure = run_once(*plan, stop, crashes, crashed);
      if (failure && !crashed) return shown_text(file_.diagnostics.secrets().without(*failure));
    }
    if (!crashes.empty()) {
      return fmt::format(
          "the crash of batch {} never came: the batch takes nothing, is not there, or was committed "
          "before another crash",
          crashes.front().batch);
    }
    std::string diff;
    for (std::size_t i = 0; i < captures_.size(); ++i) {
      if (captures_[i]->expected) diff += compare(spec_.outputs[i].common.name.value(), *captures_[i]);
    }
    return diff;
  }

 private:
  // Up to a crash, which is taken from `crashes`, or to its end.
  std::optional<std::string> run_once(const PhysicalPlan& plan, const std::stop_token& stop,
                                      std::vector<TestSpec::Crash>& crashes, bool& crashed) {
    std::uint64_t batches = count_batches();
    if (plan.settings.checkpoint && crashes.size() != test_.crash.size()) {
      const auto log = BatchLog::read(folder_.path());
      if (!log) return log.error().message;
      if (!log->batches.empty()) batches -= number_of(log->batches.back().intent.batch);
    }
    SimulatedClock clock(BatchTime(0));
    Environment environment;
    environment.clock = &clock;
    environment.log = [](LogLevel, const std::string&) {};
    RunOptions run;
    run.available_now = true;
    run.start_time = BatchTime(0);
    run.batches = batches;
    std::mutex mutex;
    run.crash = [&](CrashPoint point, BatchTime batch) {
      const std::scoped_lock lock(mutex);
      const auto here = std::ranges::find_if(
          crashes, [&](const TestSpec::Crash& one) { return one.at == point && one.batch == number_of(batch); });
      if (crashed || here == crashes.end()) return crashed;
      crashes.erase(here);
      return crashed = true;
    };
    const RunReport report = run_plan(plan, environment, run, {stop, stop});
    if (report.failure) return report.failure->message;
    return std::nullopt;
  }

  std::uint64_t number_of(BatchTime batch) const {
    return static_cast<std::uint64_t>(batch.value / spec_.settings.batch_interval.count());
  }

  void replace(SourceSpec& source, std::vector<RowNodes> batches) {
    source.kind = &stand_ins_.emplace_front(with_rows(source, std::move(batches)));
    // A test says itself what a batch holds.
    source.common.receiver_log = false;
    source.common.max_rate.reset();
    source.common.max_batch_records.reset();
    source.common.max_batch_bytes.reset();
  }

  std::size_t count_batches() const {
    std::size_t count = 0;
    for (const auto& [name, rows] : test_.sources) count = std::max(count, rows.size());
    for (const auto& [name, expected] : test_.expect) count = std::max(count, expected.batches.size());
    return count;
  }

  static std::string compare(const std::string& output, const Capture& capture) {
    std::string diff;
    const std::size_t count = std::max(capture.got.size(), capture.wanted.size());
    for (std::size_t b = 0; b < count; ++b) {
      std::vector<std::string> wanted = b < capture.wanted.size() ? capture.wanted[b] : std::vector<std::string>{};
      std::vector<std::string> got = b < capture.got.size() ? capture.got[b] : std::vector<std::string>{};
      if (!capture.expected->ordered) {
        std::sort(wanted.begin(), wanted.end());
        std::sort(got.begin(), got.end());
      }
      if (wanted == got) continue;
      const bool reordered = std::ranges::is_permutation(wanted, got);
      diff += fmt::format("  output '{}', batch {}: - expected, + came{}\n", output, b + 1,
                          reordered ? ", the same rows in another order; if it does not matter, write "
                                      "{ordered: false, batches: [...]}"
                                    : "");
      diff += row_diff(wanted, got, "    ");
    }
    return diff;
  }

  PipelineFile& file_;
  const TestSpec& test_;
  const ResolveOptions& options_;
  const Catalog& catalog_;
  PipelineSpec spec_;
  std::forward_list<SourceDescriptor> stand_ins_;
  std::vector<SinkDescriptor> sinks_;
  std::vector<std::unique_ptr<Capture>> captures_;
  TemporaryFolder folder_;  // of the checkpoint
};

ResolveOptions options_of(const TestSpec& test, ResolveOptions options) {
  for (const auto& [name, value] : test.params) options.params[name.value()] = value.value();
  return options;
}

}  // namespace

void check_tests(const std::string& path, const Catalog& catalog, const ResolveOptions& options,
                 CompiledPipeline& pipeline) {
  for (const TestSpec& test : pipeline.file.spec->tests) {
    const ResolveOptions own = options_of(test, options);
    CompiledPipeline compiled = compile_pipeline(path, catalog, starts_nothing(own));
    if (compiled.plan) TestRun(compiled.file, test, own, catalog).compile();
    // Its params may choose other files to include, whose places are others.
    const bool same_places = compiled.file.source.text() == pipeline.file.source.text();
    for (const Diagnostic& one : compiled.file.diagnostics.sorted()) {
      if (one.severity != Severity::error) continue;
      pipeline.file.diagnostics.error(
          one.code, same_places ? one.span : test.place,
          same_places ? one.message : fmt::format("{}: {}", compiled.file.source.place(one.span.begin), one.message));
    }
  }
  if (pipeline.file.diagnostics.has_errors()) pipeline.plan.reset();
}

int test_verb(const Command& command, const Catalog& catalog, Console& console) {
  int passed = 0;
  int failed = 0;
  bool broken = false;
  DiagnosticPrinter printer(console);
  Signals signals;
  if (const Result<> started = signals.start(); !started) {
    console.say("error: {}\n", started.error().message);
    return 1;
  }
  const std::stop_token stop = signals.stop().finish;
  for (const std::string& path : command.files) {
    const ResolveOptions options = compile_options(command);
    // Only its tests count here: what is faulty may be so for want of a test's params.
    const PipelineFile file = read_pipeline(path, catalog, options.params);
    if (!file.spec || (file.spec->tests.empty() && file.diagnostics.has_errors())) {
      printer.print(file);
      broken = true;
      continue;
    }
    if (file.spec->tests.empty()) console.say("{}: no tests\n", path);
    for (std::size_t i = 0; i < file.spec->tests.size(); ++i) {
      const TestSpec& test = file.spec->tests[i];
      const ResolveOptions own = options_of(test, options);
      // Its outputs do not run, but its steps do.
      CompiledPipeline compiled = compile_pipeline(path, catalog, starts_nothing(own));
      std::string fault = compiled.plan ? TestRun(compiled.file, test, own, catalog).run(stop) : std::string();
      if (stop.stop_requested()) {
        console.say("error: {}: stopped by a signal\n", path);
        return console.exit_code(1);
      }
      if (compiled.file.diagnostics.has_errors()) {
        printer.print(compiled.file);
        broken = true;
        if (fault.empty()) fault = "it does not compile";
      }
      const std::string name = test.name.value().empty() ? fmt::format("test {}", i + 1) : test.name.value();
      console.print("{} {}: {}\n", fault.empty() ? "ok  " : "FAIL", path, name);
      if (!fault.empty()) console.print("{}", fault.starts_with("  ") ? fault : fmt::format("  {}\n", fault));
      ++(fault.empty() ? passed : failed);
    }
  }
  console.print("{} passed, {} failed\n", passed, failed);
  return console.exit_code(broken ? 2 : failed == 0 ? 0 : 1);
}

}  // namespace streamrun
