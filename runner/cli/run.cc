#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "runner/cli/run_reporter.h"
#include "runner/cli/verbs.h"

namespace streamrun {

namespace {

// The first SIGINT or SIGTERM asks to finish, the second to stop at once. The signals are blocked in every
// thread and taken by this one.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGINT);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGUSR2);  // wakes the thread at the end
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    signal(SIGPIPE, SIG_IGN);
    thread_ = std::thread([this] {
      for (int seen = 0;;) {
        int which = 0;
        sigwait(&set_, &which);
        if (which == SIGUSR2) return;
        if (++seen == 1) {
          finish_.request_stop();
        } else {
          abort_.request_stop();
        }
      }
    });
  }
  ~Signals() {
    pthread_kill(thread_.native_handle(), SIGUSR2);
    thread_.join();
  }
  StopSignals stop() const { return {finish_.get_token(), abort_.get_token()}; }

 private:
  sigset_t set_{};
  std::stop_source finish_, abort_;
  std::thread thread_;
};

bool writes_standard_output(const PhysicalPlan& plan) {
  return std::any_of(plan.outputs.begin(), plan.outputs.end(),
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

int run_verb(const Command& command, const Catalog& catalog) {
  const CompiledPipeline compiled = compile_pipeline(command.files.at(0), catalog, compile_options(command));
  print_diagnostics(compiled.file);
  if (!compiled.plan) return 2;
  const PhysicalPlan& plan = *compiled.plan;

  RunOptions options = command.run;
  bool bounded = true;
  for (const PlanSource& source : plan.sources) bounded = bounded && (source.bound.bounded || source.table);
  if (bounded && !command.realtime) options.available_now = true;

  Signals signals;
  SystemClock clock;
  RunReporter reporter(reporting(command, plan));
  Environment environment;
  environment.clock = &clock;
  environment.allow_exec = command.allow_exec;
  environment.log = [&](LogLevel level, const std::string& text) { reporter.log(level, text); };
  const RunReport report = run_plan(plan, environment, options, signals.stop(),
                                    [&](const BatchProgress& batch) { reporter.batch_done(batch); });
  reporter.finish(report);
  return report.failure ? 1 : 0;
}

}  // namespace streamrun
