#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <new>
#include <thread>

#include "runner/cli/run_reporter.h"
#include "runner/cli/verbs.h"

namespace streamrun {

namespace {

// What a second signal leaves to clean up takes no longer, unless a thread hangs in a write that nobody reads.
constexpr timespec kGrace{1, 0};

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
    thread_ = std::thread([this] { take(); });
  }
  ~Signals() {
    pthread_kill(thread_.native_handle(), SIGUSR2);
    thread_.join();
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
    static constexpr std::string_view kMessage = "error: stopped at once, while an output was blocked\n";
    static_cast<void>(!write(STDERR_FILENO, kMessage.data(), kMessage.size()));
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

namespace {

// Of the machine, the container and the process, the least.
std::uint64_t usable_memory() {
  std::uint64_t least =
      static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  std::uint64_t group = 0;
  if (std::ifstream("/sys/fs/cgroup/memory.max") >> group) least = std::min(least, group);
  rlimit own{};
  if (getrlimit(RLIMIT_AS, &own) == 0) least = std::min<std::uint64_t>(least, own.rlim_cur);
  return least;
}

// Memory may end anywhere; what has been published stands, and the rest is not half done.
void out_of_memory() {
  static constexpr std::string_view kMessage =
      "error: out of memory; make batches smaller with `max_batch_bytes` or `max_batch_records`\n";
  static_cast<void>(!write(STDERR_FILENO, kMessage.data(), kMessage.size()));
  _exit(1);
}

}  // namespace

int run_verb(const Command& command, const Catalog& catalog) {
  const CompiledPipeline compiled = compile_pipeline(command.files.at(0), catalog, compile_options(command));
  print_diagnostics(compiled.file);
  if (!compiled.plan) return 2;
  const PhysicalPlan& plan = *compiled.plan;

  RunOptions options = command.run;
  options.breaker_memory = usable_memory() / 2;
  bool bounded = true;
  for (const PlanSource& source : plan.sources) bounded = bounded && (source.bound.bounded || source.table);
  if (bounded && !command.realtime) options.available_now = true;

  std::set_new_handler(out_of_memory);
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
