#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "runner/base/thread.h"
#include "runner/cli/run_reporter.h"
#include "runner/cli/verbs.h"

namespace streamrun {

namespace {

// What a second signal leaves to clean up takes no longer, unless a thread hangs in a write that nobody reads.
constexpr timespec kGrace{1, 0};

// The first SIGINT, SIGTERM or SIGHUP (a terminal that has gone, unless `nohup` ignores that) asks to finish, the
// second to stop at once. The signals are blocked in every thread and taken by this one.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGINT);
    sigaddset(&set_, SIGTERM);
    struct sigaction hang_up{};
    if (sigaction(SIGHUP, nullptr, &hang_up) == 0 && hang_up.sa_handler != SIG_IGN) sigaddset(&set_, SIGHUP);
    sigaddset(&set_, SIGUSR2);  // wakes the thread at the end
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  }
  ~Signals() {
    if (!thread_.joinable()) return;
    pthread_kill(thread_.native_handle(), SIGUSR2);
    thread_.join();
  }
  Result<> start() {
    auto thread = start_thread("signals", [this] { take(); });
    if (!thread) return pass_on(thread);
    thread_ = std::move(*thread);
    return {};
  }
  StopSignals stop() const { return {finish_.get_token(), abort_.get_token()}; }

 private:
  void take() {
    int which = 0;
    sigwait(&set_, &which);
    if (which == SIGUSR2) return;
    finish_.request_stop();
    sigwait(&set_, &which);
    if (which == SIGUSR2) return;
    abort_.request_stop();
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGUSR2);
    if (sigtimedwait(&end, nullptr, &kGrace) == SIGUSR2) return;
    // Standard error may be what blocks.
    pollfd said{STDERR_FILENO, POLLOUT, 0};
    if (poll(&said, 1, 0) == 1) {
      static constexpr std::string_view kMessage =
          "error: stopped at once; something is blocked and was left as it is\n";
      static_cast<void>(!write(STDERR_FILENO, kMessage.data(), kMessage.size()));
    }
    _exit(1);
  }

  sigset_t set_{};
  std::stop_source finish_, abort_;
  std::thread thread_;
};

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
  if (bounded && !command.realtime) options.available_now = true;

  Signals signals;
  if (const Result<> started = signals.start(); !started) {
    console.say("error: {}\n", started.error().message);
    return 1;
  }
  SystemClock clock;
  RunReporter reporter(reporting(command, plan), compiled.file.diagnostics.secrets(), console);
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
