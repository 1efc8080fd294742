// The batch loop: it says when. What a batch takes, how it runs and what follows are its parts' to know.
#include "runner/exec/run.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

#include "runner/base/out_of_memory.h"
#include "runner/exec/batch_runner.h"
#include "runner/exec/batch_ticks.h"
#include "runner/exec/committer.h"
#include "runner/exec/publisher.h"
#include "runner/exec/retry.h"
#include "runner/exec/source_set.h"
#include "runner/exec/wakeup.h"

namespace streamrun {
namespace {

// Steps and outputs have guards of their own, which say more.
template <class Work>
Result<> guarded(std::string_view whose, Work&& work) {
  return if_memory_lasts(work, [&] { return Result<>(std::unexpected(out_of_memory(whose))); });
}

class BatchLoop {
 public:
  BatchLoop(const PhysicalPlan& plan, const Environment& environment, const RunOptions& options,
            const StopSignals& stop, const std::function<void(const BatchProgress&)>& progress)
      : plan_(plan),
        clock_(*environment.clock),
        options_(options),
        stop_(stop),
        memory_(std::make_shared<MemoryAccount>(plan.memory.bytes)),
        environment_(of_run(plan, environment, options)),
        retry_(clock_, warn_, stop.abort),
        report_(empty_report(plan)),
        wakeup_(clock_),
        ticks_(clock_, plan.interval, warn_),
        sources_(plan, environment_, options.available_now, options.batches.has_value(), [this] { wakeup_.wake(); }),
        runner_(plan, environment_, options, report_, warn_, retry_, memory_, pass_abort_.get_token()),
        committer_(plan, sources_, report_, progress) {}

  RunReport run();

 private:
  static RunReport empty_report(const PhysicalPlan& plan);
  Environment of_run(const PhysicalPlan& plan, const Environment& environment, const RunOptions& options);

  // Not `begun`, without an error: told to stop before there was anything to do.
  Result<> start(bool& begun);
  Result<> loop();
  // Waits for the next tick. False: told to stop.
  bool await_tick();
  // Waits until no more than so many batches are not yet published.
  void settle(std::size_t batches);
  void commit();
  // Of a batch at the tick, nothing where none is worth it.
  Result<std::optional<std::vector<SourceRange>>> plan_batch();
  // From the first batch on.
  Result<> run_batches();
  void close();
  bool told_to_stop() const { return stop_.finish.stop_requested() || pass_abort_.stop_requested(); }
  void warn(const std::string& message);

  const PhysicalPlan& plan_;
  RunClock clock_;
  const RunOptions& options_;
  const StopSignals& stop_;
  const std::shared_ptr<MemoryAccount> memory_;  // of breakers and spools
  const Environment environment_;
  std::mutex log_;
  const std::function<void(const std::string&)> warn_ = [this](const std::string& message) { warn(message); };
  const Retry retry_;
  RunReport report_;
  std::stop_source pass_abort_;  // told to abort, or an output has failed for good
  Wakeup wakeup_;
  BatchTicks ticks_;
  SourceSet sources_;
  BatchRunner runner_;
  Committer committer_;
  std::optional<Publisher> publisher_;
  std::uint64_t made_ = 0;  // batches
};

RunReport BatchLoop::empty_report(const PhysicalPlan& plan) {
  RunReport report;
  for (const PlanSource& source : plan.sources) report.sources.push_back({source.name, 0});
  for (const PlanOutput& output : plan.outputs) report.outputs.push_back({output.name, 0});
  return report;
}

Environment BatchLoop::of_run(const PhysicalPlan& plan, const Environment& environment, const RunOptions& options) {
  Environment own = environment;
  own.clock = &clock_;
  own.stop = stop_.finish;
  own.times_named = options.start_time.has_value();
  // What is in spools leaves at least three quarters to what cannot go to disk.
  own.spools = std::make_shared<SpoolPool>(
      SpoolLimits{std::min(options.spool_memory, plan.memory.bytes / 4), plan.spool.path,
                  plan.spool.size ? std::optional(plan.spool.size->bytes) : std::nullopt, memory_, environment.disk});
  return own;
}

void BatchLoop::warn(const std::string& message) {
  const std::scoped_lock lock(log_);
  if (environment_.log) environment_.log(LogLevel::warning, message);
}

Result<> BatchLoop::start(bool& begun) {
  if (Result<> started = sources_.start(); !started) return told_to_stop() ? Result<>{} : started;
  ticks_.begin(options_.start_time, sources_.last_batch(), !options_.available_now);
  auto started = runner_.start();
  begun = started.has_value();
  return started;
}

bool BatchLoop::await_tick() {
  while (!told_to_stop()) {
    commit();
    if (options_.available_now || sources_.ended()) return true;
    const Duration left = ticks_.left();
    if (left == Duration(0)) return true;
    wakeup_.wait(left);
  }
  return false;
}

void BatchLoop::settle(std::size_t batches) {
  while (!publisher_->settled(batches)) {
    if (!publisher_->publish_here()) wakeup_.wait({});
    commit();
  }
  commit();
}

void BatchLoop::commit() {
  for (const PublishedBatch& published : publisher_->take_published()) committer_.commit(published);
}

Result<std::optional<std::vector<SourceRange>>> BatchLoop::plan_batch() {
  for (;;) {
    Result<SourceSet::Planned> planned = sources_.plan(ticks_.next());
    if (!planned) return pass_on(planned);
    // The first batch runs, whatever there is.
    if (planned->worth || made_ == 0) return std::move(planned->ranges);
    if (committer_.pending() == 0) return std::nullopt;
    // What is being published may be what a source waits for.
    settle(0);
    if (publisher_->failed()) return std::nullopt;
  }
}

Result<> BatchLoop::loop() {
  while (!options_.batches || made_ < *options_.batches) {
    if (!await_tick()) return {};
    auto ranges = plan_batch();
    if (!ranges && told_to_stop()) return {};  // it gave up waiting for its source: no batch has begun
    if (!ranges) return pass_on(ranges);
    if (!*ranges) return {};
    std::vector<std::string> places = sources_.take(**ranges);
    Result<ComputedBatch> computed = runner_.run(ticks_.next(), **ranges, sources_, *publisher_);
    if (!computed) return pass_on(computed);
    computed->places = std::move(places);
    committer_.expect(std::move(*computed));
    ++made_;
    ticks_.pass();
    // One batch may publish while the next is computed, where outputs may overlap at all.
    settle(publisher_->overlaps() ? 1 : 0);
    if (publisher_->failed() || sources_.exhausted()) return {};
  }
  return {};
}

Result<> BatchLoop::run_batches() {
  publisher_.emplace(plan_, clock_, retry_, Publisher::Events{warn_, [this] { wakeup_.wake(); }}, stop_.abort,
                     pass_abort_);
  Result<> done = guarded("the loop of batches", [this] { return loop(); });
  // A batch that failed takes nothing from those before it.
  const Result<> settled = guarded("the end of the last batches", [this] { return settle(0), Result<>(); });
  if (done) done = settled;
  if (publisher_->failed()) done = std::unexpected(*publisher_->failed());
  if (done && committer_.pending() != 0) done = failure("stopped at once, before the last batch was published");
  publisher_.reset();
  return done;
}

void BatchLoop::close() {
  for (const Result<>& closed : {guarded("the end of the sources", [this] { return sources_.close(); }),
                                 guarded("the end of the outputs", [this] { return runner_.close(); })}) {
    if (!closed && !report_.failure) report_.failure = closed.error();
  }
}

RunReport BatchLoop::run() {
  // A source that waits for input ends its batch when the run is to stop, or gives up to start.
  const std::stop_callback on_finish(stop_.finish, [this] {
    sources_.interrupt();
    wakeup_.wake();
  });
  const std::stop_callback on_abort(stop_.abort, [this] {
    pass_abort_.request_stop();
    runner_.interrupt();
  });
  const std::stop_callback on_failed(pass_abort_.get_token(), [this] { wakeup_.wake(); });
  bool begun = false;
  Result<> done = guarded("the start", [&] { return start(begun); });
  if (done && begun) done = run_batches();
  if (!done) report_.failure = done.error();
  runner_.report_drops();
  close();
  return std::move(report_);
}

}  // namespace

RunReport run_plan(const PhysicalPlan& plan, const Environment& environment, const RunOptions& options,
                   const StopSignals& stop, const std::function<void(const BatchProgress&)>& progress) {
  return BatchLoop(plan, environment, options, stop, progress).run();
}

}  // namespace streamrun
