#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <mutex>
#include <thread>

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

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void print_summary(const RunReport& report, double seconds) {
  std::uint64_t records = 0;
  for (const EndpointCounts& source : report.sources) records += source.rows;
  fmt::print(stderr, "{} batches in {:.2f} s, {:.0f} records/s", report.batches, seconds,
             seconds > 0 ? static_cast<double>(records) / seconds : 0.0);
  fmt::print(stderr, ", {} rejected\n", report.rejected);
  for (const EndpointCounts& source : report.sources)
    fmt::print(stderr, "  in   {:<20} {}\n", source.name, source.rows);
  for (const EndpointCounts& output : report.outputs)
    fmt::print(stderr, "  out  {:<20} {}\n", output.name, output.rows);
}

}  // namespace

std::uint32_t usable_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<std::uint32_t>(std::max(1, CPU_COUNT(&set)));
}

int run_verb(const Command& command, const Catalog& catalog) {
  const auto started = std::chrono::steady_clock::now();
  const CompiledPipeline compiled = compile_pipeline(command.files.at(0), catalog, compile_options(command));
  print_diagnostics(compiled.file, DiagnosticFormat::text);
  if (!compiled.plan) return 2;
  const PhysicalPlan& plan = *compiled.plan;

  RunOptions options = command.run;
  bool bounded = true;
  for (const PlanSource& source : plan.sources) bounded = bounded && (source.bound.bounded || source.table);
  if (bounded && !command.realtime) options.available_now = true;

  Signals signals;
  SystemClock clock;
  std::mutex log_mutex;
  const bool terminal = isatty(2) != 0;
  bool progress_shown = false;
  Environment environment;
  environment.clock = &clock;
  environment.allow_exec = command.allow_exec;
  environment.log = [&](LogLevel level, const std::string& text) {
    if (command.quiet && level == LogLevel::info) return;
    const std::lock_guard lock(log_mutex);
    if (progress_shown) fmt::print(stderr, "\r\033[K");
    progress_shown = false;
    fmt::print(stderr, "{}{}\n",
               level == LogLevel::error     ? "error: "
               : level == LogLevel::warning ? "warning: "
                                            : "",
               text);
  };
  std::uint64_t records = 0;
  const auto progress = [&](const BatchProgress& batch) {
    records += batch.records_in;
    if (!terminal || command.quiet) return;
    const std::lock_guard lock(log_mutex);
    const double seconds = seconds_since(started);
    fmt::print(stderr, "\r\033[Kbatch {}  {:.0f} records/s  delay {} ms", format_batch_time(batch.batch),
               seconds > 0 ? static_cast<double>(records) / seconds : 0.0, batch.delay.count());
    progress_shown = true;
  };
  const RunReport report = run_plan(plan, environment, options, signals.stop(), progress);
  if (progress_shown) fmt::print(stderr, "\r\033[K");
  if (report.failure) fmt::print(stderr, "error: {}\n", report.failure->message);
  if (terminal && !command.quiet) print_summary(report, seconds_since(started));
  return report.failure ? 1 : 0;
}

}  // namespace streamrun
