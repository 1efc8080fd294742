// The batch loop: it says when. What a batch takes, how it runs and what follows are its parts' to know.
#include "runner/exec/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

#include "runner/base/out_of_memory.h"
#include "runner/exec/batch_runner.h"
#include "runner/exec/batch_ticks.h"
#include "runner/exec/checkpoint.h"
#include "runner/exec/committer.h"
#include "runner/exec/publisher.h"
#include "runner/exec/retry.h"
#include "runner/exec/source_set.h"
#include "runner/exec/wakeup.h"
#include "runner/operator/read_files.h"

namespace streamrun {
namespace {

// Steps and outputs have guards of their own, which say more.
template <class Work>
Result<> guarded(std::string_view whose, Work&& work) {
  return if_memory_lasts(work, [&] { return Result<>(std::unexpected(out_of_memory(whose))); });
}

// So that no output writes them.
void name_read_files(const PlanSource& source, const Environment& environment) {
  std::vector<std::string> globs;
  for (const ReadPath& read : source.bound.reads) {
    const std::string path = below_folder(environment.working_folder, read.path);
    globs.push_back(resolved_glob(path, path.size() - read.path.size() + read.folder));
  }
  if (globs.empty()) return;
  ReadFiles::of(environment)
      ->add(source.name, (source.table ? "table '" : "source '") + source.name + "'", std::move(globs), source.table);
}

class BatchLoop {
 public:
  BatchLoop(const PhysicalPlan& plan, const Environment& environment, const RunOptions& options,
            const StopSignals& stop, const std::function<void(const BatchProgress&)>& progress)
      : plan_(plan),
        clock_(*environment.clock),
        options_(options),
        stop_(stop),
        memory_(std::make_shared<MemoryAccount>(plan.settings.memory->bytes)),
        environment_(of_run(plan, environment, options)),
        retry_(clock_, warn_, stop.abort),
        report_(empty_report(plan)),
        wakeup_(clock_),
        ticks_(clock_, plan.settings.batch_interval, warn_),
        sources_(plan, environment_, options.available_now, options.batches.has_value(), [this] { wakeup_.wake(); }),
        runner_(plan, environment_, options, report_, warn_, retry_, memory_, pass_abort_.get_token()),
        committer_(plan, sources_, checkpoint_, report_, progress) {}

  RunReport run();

 private:
  static RunReport empty_report(const PhysicalPlan& plan);
  Environment of_run(const PhysicalPlan& plan, const Environment& environment, const RunOptions& options);

  // Not `begun`, without an error: told to stop before there was anything to do.
  Result<> start(bool& begun);
  Result<> loop();
  Result<> start_sources(ReadLog* reads);
  // Waits for the next tick. False: told to stop.
  Result<bool> await_tick();
  // Waits until no more than so many batches are not yet published.
  Result<> settle(std::size_t batches);
  // Batches whose outputs are done. `now`: they are committed, too, and not with the next intent.
  Result<> commit(bool now);
  Result<> commit_with(const BatchIntent* next);
  // Batches that a former run has begun and not committed.
  Result<> finish_begun();
  Result<> start_replay();
  Result<> replay();
  // `logged`: it has an intent.
  Result<> run_batch(BatchTime batch, const std::vector<SourceRange>& ranges, bool logged);
  // Of a batch at the tick, nothing where none is worth it.
  Result<std::optional<std::vector<SourceRange>>> plan_batch();
  // From the first batch on.
  Result<> run_batches();
  void close();
  void begin_at(BatchTime origin) {
    origin_ = origin;
    runner_.begin_at(origin);
    if (checkpoint_) checkpoint_->begin_at(origin);
  }
  // One interval before the first batch; anew where the interval is another than it was.
  void find_origin(BatchTime batch) {
    const std::int64_t interval = plan_.settings.batch_interval.count();
    if (origin_ && (batch.value - origin_->value) % interval == 0) return;
    begin_at(BatchTime(batch.value - interval));
  }
  bool told_to_stop() const { return stop_.finish.stop_requested() || pass_abort_.stop_requested(); }
  void warn(const std::string& message);
  Result<> reached(CrashPoint point, BatchTime batch) {
    if (!options_.crash || !options_.crash(point, batch)) return {};
    pass_abort_.request_stop();
    crashed_ = true;
    return failure("a crash was asked for");
  }

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
  std::unique_ptr<Checkpoint> checkpoint_;
  std::vector<Checkpoint::Former> kept_;  // batches that what steps keep is made of, as long as they can be read
  std::optional<Publisher> publisher_;
  std::optional<BatchTime> origin_;  // see BreakerResources
  std::uint64_t made_ = 0;           // batches
  bool crashed_ = false;
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
      SpoolLimits{std::min(options.spool_memory, plan.settings.memory->bytes / 4), plan.settings.spool.path,
                  plan.settings.spool.size ? std::optional(plan.settings.spool.size->bytes) : std::nullopt, memory_,
                  environment.disk});
  for (const PlanSource& source : plan.sources) name_read_files(source, own);
  return own;
}

void BatchLoop::warn(const std::string& message) {
  const std::scoped_lock lock(log_);
  if (environment_.log) environment_.log(LogLevel::warning, message);
}

Result<> BatchLoop::start(bool& begun) {
  if (plan_.settings.checkpoint) {
    auto opened = Checkpoint::open(plan_, environment_, options_.resets, warn_);
    if (!opened) return pass_on(opened);
    checkpoint_ = std::move(*opened);
  } else if (!options_.resets.empty()) {
    return failure("--reset forgets what a checkpoint has kept, and the pipeline has no `checkpoint`");
  }
  ReadLog* const reads = checkpoint_ ? &checkpoint_->reads() : nullptr;
  if (reads != nullptr) runner_.keep_reads(*reads, checkpoint_->read_until(), false);
  if (checkpoint_) sources_.restore_rates(checkpoint_->rates());
  if (Result<> started = start_sources(reads); !started) return told_to_stop() ? Result<>{} : started;
  std::optional<BatchTime> last = sources_.last_batch();
  if (checkpoint_) last = std::max(last, checkpoint_->last_batch());
  ticks_.begin(options_.start_time, last, !options_.available_now);
  if (checkpoint_ && checkpoint_->origin()) begin_at(*checkpoint_->origin());
  auto started = runner_.start(checkpoint_.get());
  begun = started.has_value();
  return started;
}

// Where what steps keep can be made again; else behind the last commit.
Result<> BatchLoop::start_sources(ReadLog* reads) {
  if (!checkpoint_) return sources_.start({}, nullptr);
  kept_ = checkpoint_->kept();
  checkpoint_->warn_short(warn_);
  auto started = sources_.start(checkpoint_->places(true), reads);
  if (started || kept_.empty() || started.error().kind != ErrorKind::input || told_to_stop()) return started;
  const std::string why = started.error().message;
  sources_.reopen();
  kept_.clear();
  started = sources_.start(checkpoint_->places(false), reads);
  if (started) warn("windows begin anew, since what they look back at cannot be read again: " + why);
  return started;
}

Result<> BatchLoop::start_replay() {
  const ReplayedBatch& batch = *options_.replay;
  runner_.keep_reads(*batch.reads, batch.batch, true);
  runner_.begin_at(batch.origin);
  std::vector<SourceRange> first = batch.ranges;
  for (std::size_t i = batch.before.size(); i-- > 0;) {
    for (std::size_t source = 0; source < first.size(); ++source) {
      if (!batch.before[i].second[source].empty) first[source] = batch.before[i].second[source];
    }
  }
  if (auto started = sources_.start_again(first, *batch.reads); !started) return started;
  return runner_.start(nullptr);
}

Result<> BatchLoop::replay() {
  const ReplayedBatch& batch = *options_.replay;
  for (const auto& [time, ranges] : batch.before) {
    if (auto ran = runner_.run_for_state(time, ranges, sources_); !ran) return ran;
  }
  auto ran = runner_.run(batch.batch, batch.ranges, sources_, *publisher_, true);
  if (!ran) return pass_on(ran);
  publisher_->submit(std::move(ran->staged));
  while (!publisher_->settled(0)) {
    if (!publisher_->publish_here()) wakeup_.wait({});
  }
  static_cast<void>(publisher_->take_published());
  return {};
}

Result<bool> BatchLoop::await_tick() {
  while (!told_to_stop()) {
    const bool now = options_.available_now || (!options_.realtime && sources_.ended());
    const Duration left = now ? Duration(0) : ticks_.left();
    if (auto done = commit(left != Duration(0)); !done) return pass_on(done);
    if (left == Duration(0)) return true;
    wakeup_.wait(left);
  }
  return false;
}

Result<> BatchLoop::settle(std::size_t batches) {
  while (!publisher_->settled(batches)) {
    if (!publisher_->publish_here()) wakeup_.wait({});
    if (auto done = commit(false); !done) return done;
  }
  return commit(false);
}

Result<> BatchLoop::commit(bool now) {
  for (PublishedBatch& published : publisher_->take_published()) committer_.published(std::move(published));
  return now || !checkpoint_ ? commit_with(nullptr) : Result<>();
}

Result<> BatchLoop::commit_with(const BatchIntent* next) {
  if (crashed_) return failure("a crash was asked for");
  const std::vector<BatchTime> published = committer_.published();
  auto done = committer_.commit(next);
  for (const BatchTime batch : published) {
    if (done) done = reached(CrashPoint::after_commit, batch);
  }
  if (done && next != nullptr) done = reached(CrashPoint::after_intent, next->batch);
  return done;
}

Result<std::optional<std::vector<SourceRange>>> BatchLoop::plan_batch() {
  for (;;) {
    Result<SourceSet::Planned> planned = sources_.plan(ticks_.next());
    if (!planned) return pass_on(planned);
    // The first batch runs, whatever there is.
    const bool first = made_ == 0 && !(checkpoint_ && checkpoint_->last_batch());
    if (planned->worth || first) return std::move(planned->ranges);
    if (committer_.pending() == 0) return std::nullopt;
    // What is being published may be what a source waits for.
    if (auto settled = settle(0); !settled) return pass_on(settled);
    if (auto done = commit(true); !done) return pass_on(done);
    if (publisher_->failed()) return std::nullopt;
  }
}

Result<> BatchLoop::run_batch(BatchTime batch, const std::vector<SourceRange>& ranges, bool logged) {
  std::vector<std::string> places = sources_.take(ranges);
  auto ran = runner_.run(batch, ranges, sources_, *publisher_, logged || !checkpoint_);
  if (!ran) return pass_on(ran);
  if (checkpoint_ && !logged && ran->changes) {
    const BatchIntent intent = checkpoint_->intent(batch, ranges);
    if (auto intended = commit_with(&intent); !intended) {
      for (const std::unique_ptr<Stage>& stage : ran->staged.stages) stage->discard();
      return intended;
    }
    logged = true;
  }
  ran->computed.places = std::move(places);
  ran->computed.logged = logged;
  committer_.expect(std::move(ran->computed));
  if (auto on = reached(CrashPoint::after_compute, batch); !on) return on;
  publisher_->submit(std::move(ran->staged));
  return {};
}

Result<> BatchLoop::finish_begun() {
  if (!checkpoint_) return {};
  for (const Checkpoint::Former& kept : kept_) {
    if (told_to_stop()) return {};
    static_cast<void>(sources_.take(kept.ranges));
    auto ran = runner_.run_for_state(kept.batch, kept.ranges, sources_);
    if (ran || told_to_stop()) continue;
    if (ran.error().kind != ErrorKind::input) return ran;
    warn(fmt::format("windows are without the rows of batch {}, which cannot be computed again: {}",
                     format_batch_time(kept.batch), ran.error().message));
  }
  for (const Checkpoint::Former& begun : checkpoint_->begun()) {
    if (told_to_stop()) return {};
    if (auto on = reached(CrashPoint::after_intent, begun.batch); !on) return on;
    if (auto ran = run_batch(begun.batch, begun.ranges, true); !ran) return ran;
    if (auto settled = settle(publisher_->overlaps() ? 1 : 0); !settled) return settled;
    if (publisher_->failed()) return {};
  }
  return {};
}

// A batch that takes nothing has no intent, unless there is something to publish all the same: ticks without data are
// free, and a restart jumps over them.
Result<> BatchLoop::loop() {
  if (auto finished = finish_begun(); !finished || publisher_->failed()) return finished;
  while (!options_.batches || made_ < *options_.batches) {
    const auto due = await_tick();
    if (!due || !*due) return due ? Result<>{} : pass_on(due);
    auto ranges = plan_batch();
    if (!ranges && told_to_stop()) return {};  // it gave up waiting for its source: no batch has begun
    if (!ranges) return pass_on(ranges);
    if (!*ranges) return {};
    find_origin(ticks_.next());
    const bool takes = std::ranges::any_of(
        **ranges, [](const SourceRange& range) { return !range.empty || range.from != range.until; });
    if (checkpoint_ && takes) {
      const BatchIntent intent = checkpoint_->intent(ticks_.next(), **ranges);
      if (auto intended = commit_with(&intent); !intended) return intended;
    }
    if (auto ran = run_batch(ticks_.next(), **ranges, checkpoint_ && takes); !ran) return ran;
    ++made_;
    ticks_.pass();
    // One batch may publish while the next is computed, where outputs may overlap at all.
    if (auto settled = settle(publisher_->overlaps() ? 1 : 0); !settled) return settled;
    if (publisher_->failed() || sources_.exhausted()) return {};
  }
  return {};
}

Result<> BatchLoop::run_batches() {
  publisher_.emplace(plan_, clock_, retry_, Publisher::Events{warn_, [this] { wakeup_.wake(); }, options_.crash},
                     stop_.abort, pass_abort_);
  Result<> done = guarded("the loop of batches", [this] { return options_.replay ? replay() : loop(); });
  // A batch that failed takes nothing from those before it.
  Result<> settled = guarded("the end of the last batches", [this] { return settle(0); });
  if (settled) settled = guarded("the commit of the last batches", [this] { return commit(true); });
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
  Result<> done = guarded("the start", [&] { return options_.replay ? start_replay() : start(begun); });
  begun = begun || options_.replay.has_value();
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
