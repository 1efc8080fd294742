#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "runner/cli/run_reporter.h"
#include "runner/cli/signals.h"
#include "runner/cli/verbs.h"

namespace streamrun {

namespace {

bool writes_standard_output(const PhysicalPlan& plan) {
  return std::any_of(plan.outputs.begin(), plan.outputs.end(),
                     [](const PlanOutput& output) { return output.bound.shares == "standard output"; });
}

bool only_to_standard_output(const PhysicalPlan& plan) {
  return std::all_of(plan.outputs.begin(), plan.outputs.end(),
                     [](const PlanOutput& output) { return output.bound.shares == "standard output"; });
}

RunReporter::Settings reporting(const Command& command, const PhysicalPlan& plan) {
  RunReporter::Settings settings;
  settings.json = command.log_json;
  settings.quiet = command.quiet;
  settings.terminal = isatty(STDERR_FILENO) != 0 && !command.quiet && !command.log_json;
  settings.progress = settings.terminal && !(isatty(STDOUT_FILENO) != 0 && writes_standard_output(plan));
  return settings;
}

}  // namespace

std::uint32_t usable_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<std::uint32_t>(std::max(1, CPU_COUNT(&set)));
}

int run_verb(const Command& command, const Catalog& catalog, Console& console) {
  const CompiledPipeline compiled = compile_pipeline(command.files.at(0), catalog, compile_options(command));
  // Of what is right and yet doubtful `--quiet` says nothing.
  if (!command.quiet || !compiled.plan) print_diagnostics(compiled.file, console);
  if (!compiled.plan) return 2;
  const PhysicalPlan& plan = *compiled.plan;

  RunOptions options = command.run;
  bool bounded = true;
  for (const PlanSource& source : plan.sources) bounded = bounded && (source.bound.bounded || source.table);
  options.realtime = command.realtime;
  if (bounded && !command.realtime) options.available_now = true;

  Signals signals;
  SystemClock clock;
  RunReporter reporter(reporting(command, plan), compiled.file.diagnostics.secrets(), console);
  const auto waits = [&] {
    reporter.log(LogLevel::warning, "told to stop: the batch at hand is still being finished; another signal ends it");
  };
  if (const Result<> started = signals.start(waits); !started) {
    console.say("error: {}\n", started.error().message);
    return 1;
  }
  Environment environment;
  environment.clock = &clock;
  environment.allow_exec = command.allow_exec;
  environment.log = [&](LogLevel level, const std::string& text) { reporter.log(level, text); };
  RunReport report = run_plan(plan, environment, options, signals.stop(),
                              [&](const BatchProgress& batch) { reporter.batch_done(batch); });
  // `| head` has what it wanted. What else is written waited for nobody, and lacks the rest.
  if (report.failure && report.failure->kind == ErrorKind::reader_gone) {
    report.failure.reset();
    if (!only_to_standard_output(plan)) {
      reporter.log(LogLevel::warning,
                   "the reader of standard output has gone, and the run ends before its input does; other outputs lack "
                   "what would have come, and the batch at hand is not committed");
    }
  }
  reporter.finish(report);
  return report.failure ? 1 : 0;
}

}  // namespace streamrun
