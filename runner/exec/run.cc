// The batch loop: which records belong to which batch, and when.
#include "runner/exec/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <mutex>
#include <utility>

#include "runner/data/text_value.h"
#include "runner/exec/pass.h"
#include "runner/exec/publisher.h"
#include "runner/exec/rate_controller.h"
#include "runner/exec/retry.h"

namespace streamrun {
namespace {

// The first multiple of `interval` strictly after `moment`.
BatchTime first_tick(BatchTime moment, Duration interval) {
  const std::int64_t step = std::max<std::int64_t>(interval.count(), 1);
  std::int64_t ticks = moment.value / step;
  if (moment.value % step < 0) --ticks;
  return BatchTime((ticks + 1) * step);
}

struct OpenSource {
  std::unique_ptr<Source> source;  // null: a table, opened when it is read
  std::string cursor;
  bool exhausted = false;
  std::optional<RateController> rate;  // none: it is not controlled
};

class BatchLoop {
 public:
  BatchLoop(const PhysicalPlan& plan, const Environment& environment, const RunOptions& options,
            const StopSignals& stop, const std::function<void(const BatchProgress&)>& progress)
      : plan_(plan),
        environment_(environment),
        options_(options),
        stop_(stop),
        progress_(progress),
        memory_(std::make_shared<MemoryAccount>(plan.memory.bytes)),
        retry_(*environment.clock, [this](const std::string& message) { warn(message); }, stop.abort) {
    environment_.stop = stop.finish;
    environment_.times_named = options.start_time.has_value();
    // What is in spools leaves at least three quarters to what cannot go to disk.
    environment_.spools = std::make_shared<SpoolPool>(
        SpoolLimits{std::min(options.spool_memory, plan.memory.bytes / 4), plan.spool.path,
                    plan.spool.size ? std::optional(plan.spool.size->bytes) : std::nullopt, memory_});
  }

  RunReport run();

 private:
  struct Computed {
    BatchTime batch;
    std::vector<std::uint64_t> records;  // by source
    BatchTime started;
    std::vector<std::pair<std::size_t, std::string>> cursors;  // by source: up to where it took
  };

  Result<> open();
  BatchTime start_tick();
  Result<> loop(Publisher& publisher);
  // False: told to stop.
  bool wait_for(BatchTime tick);
  // False: nothing is left that would be worth a batch.
  Result<bool> plan_ranges(BatchTime batch, std::vector<SourceRange>& ranges);
  BatchLimits limits(const PlanSource& source, const OpenSource& open) const;
  Result<> run_batch(BatchTime batch, std::vector<SourceRange> ranges, Publisher& publisher);
  Result<> open_tables(BatchTime batch, std::vector<Source*>& sources, std::vector<SourceRange>& ranges);
  void commit(Publisher& publisher);
  void close();
  bool all_exhausted() const;
  bool told_to_stop() const { return stop_.finish.stop_requested() || pass_abort_.stop_requested(); }
  void warn(const std::string& message);
  void report_drops();

  const PhysicalPlan& plan_;
  Environment environment_;
  const RunOptions& options_;
  const StopSignals& stop_;
  const std::function<void(const BatchProgress&)>& progress_;
  std::shared_ptr<MemoryAccount> memory_;
  std::stop_source pass_abort_;  // told to abort, or an output has failed for good
  std::mutex log_;
  Retry retry_;
  RunReport report_;
  std::vector<OpenSource> sources_;
  std::vector<std::unique_ptr<Sink>> sinks_;
  std::size_t started_sinks_ = 0;
  KeptRuns kept_;
  std::optional<BatchTime> tables_read_;
  std::vector<DecodeScratches> scratches_;
  std::deque<Computed> computed_;  // passes that have ended and are not committed
  std::map<NodeId, std::uint64_t> dropped_;
};

void BatchLoop::warn(const std::string& message) {
  const std::scoped_lock lock(log_);
  if (environment_.log) environment_.log(LogLevel::warning, message);
}

Result<> BatchLoop::open() {
  for (const PlanSource& source : plan_.sources) {
    OpenSource& open = sources_.emplace_back();
    if (source.table) {
      open.exhausted = true;
      continue;
    }
    open.source = source.bound.open(environment_);
    open.source->want_hidden(source.wanted_hidden);
    if (source.bound.rate_controlled && !options_.available_now) open.rate.emplace(plan_.interval);
    Result<std::string> cursor = open.source->start();
    if (!cursor) return pass_on(cursor);
    open.cursor = std::move(*cursor);
  }
  for (const PlanOutput& output : plan_.outputs) {
    sinks_.push_back(output.bound.open(environment_));
    if (Result<> started = retry_(output, [&] { return sinks_.back()->start(); }); !started) return started;
    ++started_sinks_;
  }
  return {};
}

BatchLimits BatchLoop::limits(const PlanSource& source, const OpenSource& open) const {
  BatchLimits limits = source.caps;
  limits.available_now = options_.available_now;
  const auto at_most = [](std::optional<std::uint64_t>& limit, std::uint64_t most) {
    limit = limit ? std::min(*limit, most) : most;
  };
  if (source.max_rate && !options_.available_now) {
    const double seconds = static_cast<double>(plan_.interval.count()) / 1000.0;
    const double share = std::floor(*source.max_rate * seconds * std::max<std::uint32_t>(source.bound.partitions, 1));
    // At least one, or a slow rate would never move.
    const auto records = static_cast<std::uint64_t>(std::clamp(share, 1.0, 9e18));
    at_most(source.bound.partitions == 0 ? limits.partition_records : limits.records, records);
  }
  if (open.rate) at_most(limits.records, open.rate->limit());
  return limits;
}

bool BatchLoop::all_exhausted() const {
  return std::all_of(sources_.begin(), sources_.end(), [](const OpenSource& one) { return one.exhausted; });
}

bool BatchLoop::wait_for(BatchTime tick) {
  if (told_to_stop()) return false;
  if (options_.available_now) return true;
  std::stop_source stopping;
  const std::stop_callback on_finish(stop_.finish, [&] { stopping.request_stop(); });
  const std::stop_callback on_abort(pass_abort_.get_token(), [&] { stopping.request_stop(); });
  bool all_ended = !sources_.empty();
  for (const OpenSource& one : sources_) {
    if (!one.source) continue;
    if (!one.exhausted && !one.source->ended()) one.source->wait(tick, stopping.get_token());
    all_ended = all_ended && (one.exhausted || one.source->ended());
  }
  if (!all_ended && !environment_.clock->wait_until(tick, stopping.get_token())) return false;
  return !told_to_stop();
}

Result<bool> BatchLoop::plan_ranges(BatchTime batch, std::vector<SourceRange>& ranges) {
  bool something = report_.batches == 0 && computed_.empty();  // the first batch runs, whatever there is
  bool open_end = false;                                       // on the clock more may come
  ranges.assign(plan_.sources.size(), SourceRange());
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    OpenSource& one = sources_[i];
    if (one.exhausted) continue;
    Result<SourceRange> range = one.source->plan(one.cursor, limits(plan_.sources[i], one), batch);
    if (!range) return pass_on(range);
    if (range->empty && range->until.empty()) range->until = one.cursor;
    const bool there = !range->made_up || !options_.available_now || options_.batches;
    something = something || (there && (!range->empty || range->until != one.cursor));
    open_end = open_end || (!options_.available_now && !range->exhausted);
    ranges[i] = std::move(*range);
  }
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (sources_[i].exhausted) continue;
    sources_[i].exhausted = ranges[i].exhausted;
    sources_[i].cursor = ranges[i].until;
  }
  return something || open_end;
}

Result<> BatchLoop::open_tables(BatchTime batch, std::vector<Source*>& sources, std::vector<SourceRange>& ranges) {
  bool due = !tables_read_;
  for (const PlanSource& source : plan_.sources) {
    if (source.table && source.refresh && tables_read_) {
      due = due || batch.value - tables_read_->value >= source.refresh->count();
    }
  }
  if (due) {
    tables_read_ = batch;
    kept_.complete = false;
  }
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (!plan_.sources[i].table) continue;
    sources[i] = nullptr;
    if (kept_.complete && kept_.source_kept[i]) continue;
    // Opened anew, so that it is read as it is now.
    sources_[i].source = plan_.sources[i].bound.open(environment_);
    Result<std::string> cursor = sources_[i].source->start();
    if (!cursor) return pass_on(cursor);
    BatchLimits all;
    all.available_now = true;
    Result<SourceRange> range = sources_[i].source->plan(*cursor, all, batch);
    if (!range) return pass_on(range);
    ranges[i] = std::move(*range);
    sources[i] = sources_[i].source.get();
  }
  return {};
}

Result<> BatchLoop::run_batch(BatchTime batch, std::vector<SourceRange> ranges, Publisher& publisher) {
  Computed computed;
  computed.batch = batch;
  computed.started = environment_.clock->now();
  PassInput input;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    input.sources.push_back(sources_[i].source.get());
    if (!plan_.sources[i].table) {
      // Of a source that has ended nothing is planned, and its cursor stays.
      computed.cursors.emplace_back(i, ranges[i].until.empty() ? sources_[i].cursor : ranges[i].until);
    }
  }
  if (Result<> opened = open_tables(batch, input.sources, ranges); !opened) return opened;

  StagedBatch staged;
  staged.batch = batch;
  const auto discard = [&] {
    for (const std::unique_ptr<Stage>& stage : staged.stages) stage->discard();
  };
  for (std::size_t i = 0; i < sinks_.size(); ++i) {
    Result<std::unique_ptr<Stage>> stage = sinks_[i]->stage(batch);
    if (!stage) {
      discard();
      return failure_of("output '" + plan_.outputs[i].name + "'", stage.error());
    }
    staged.stages.push_back(std::move(*stage));
    input.sinks.push_back(sinks_[i].get());
  }
  input.batch = batch;
  input.ranges = std::move(ranges);
  input.stages = &staged.stages;
  input.turn = [&publisher](std::size_t output) { return publisher.turn(output); };
  input.warn = [this](const std::string& message) { warn(message); };
  input.retry = &retry_;
  input.scratches = &scratches_;
  input.kept = &kept_;
  input.spools = environment_.spools;
  input.memory = memory_;
  input.shuffle_seed = options_.shuffle_seed;
  input.abort = pass_abort_.get_token();
  Pass pass(plan_, std::move(input));
  Result<PassCounts> counts = pass.run();
  if (!counts) {
    discard();
    return pass_on(counts);
  }
  for (std::size_t i = 0; i < counts->records.size(); ++i) report_.sources[i].rows += counts->records[i];
  computed.records = std::move(counts->records);
  report_.rejected += counts->rejected;
  for (const auto& [node, count] : counts->dropped) dropped_[node] += count;
  staged.rows = std::move(counts->rows);
  computed_.push_back(std::move(computed));
  publisher.submit(std::move(staged));
  return {};
}

// Sources are told by this thread alone, between passes.
void BatchLoop::commit(Publisher& publisher) {
  for (const PublishedBatch& published : publisher.take_published()) {
    const Computed computed = std::move(computed_.front());
    computed_.pop_front();
    for (const auto& [source, cursor] : computed.cursors) sources_[source].source->committed(cursor, computed.batch);
    ++report_.batches;
    BatchProgress progress;
    progress.batch = published.batch;
    for (std::size_t i = 0; i < published.rows.size(); ++i) {
      report_.outputs[i].rows += published.rows[i];
      progress.rows_out += published.rows[i];
    }
    const BatchTime now = environment_.clock->now();
    progress.processing = std::chrono::milliseconds(now.value - computed.started.value);
    progress.delay = std::chrono::milliseconds(std::max<std::int64_t>(now.value - published.batch.value, 0));
    const std::chrono::milliseconds waited(computed.started.value - published.batch.value);
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      if (!plan_.sources[i].table) progress.records_in += computed.records[i];
      if (sources_[i].rate) sources_[i].rate->update({computed.records[i], progress.processing, waited, now.value});
    }
    if (progress_) progress_(progress);
  }
}

// Behind the clock or `--start-time`, and behind whatever a former run has committed.
BatchTime BatchLoop::start_tick() {
  const BatchTime now = environment_.clock->now();
  const BatchTime planned = first_tick(options_.start_time.value_or(now), plan_.interval);
  BatchTime tick = planned;
  for (const OpenSource& one : sources_) {
    const std::optional<BatchTime> last = one.source ? one.source->last_batch() : std::nullopt;
    if (last) tick = std::max(tick, first_tick(*last, plan_.interval));
  }
  if (!options_.available_now && tick > planned && tick.value - now.value > plan_.interval.count()) {
    std::string at;
    append_timestamp_iso(tick.value * 1000, at);
    warn(
        fmt::format("the last batch of the run before was ahead of the clock, and batches go on behind it: the first "
                    "one waits until {}",
                    at));
  }
  return tick;
}

Result<> BatchLoop::loop(Publisher& publisher) {
  BatchTime tick = start_tick();
  const bool overlap = plan_.concurrent_outputs > 1;
  for (std::uint64_t count = 0; !options_.batches || count < *options_.batches; ++count) {
    if (!wait_for(tick)) return {};
    commit(publisher);
    std::vector<SourceRange> ranges;
    Result<bool> something = plan_ranges(tick, ranges);
    if (something && !*something && !computed_.empty()) {
      // What is being published may be what a source waits for.
      publisher.wait(0);
      commit(publisher);
      if (publisher.failed()) return {};
      something = plan_ranges(tick, ranges);
    }
    if (!something) return pass_on(something);
    if (!*something) return {};
    if (Result<> ran = run_batch(tick, std::move(ranges), publisher); !ran) return ran;
    // One batch may publish while the next is computed, where outputs may overlap at all.
    publisher.wait(overlap ? 1 : 0);
    commit(publisher);
    if (publisher.failed() || all_exhausted()) return {};
    tick = BatchTime(tick.value + plan_.interval.count());
  }
  return {};
}

void BatchLoop::report_drops() {
  std::map<std::string, std::uint64_t> by_stage;
  for (const auto& [node, count] : dropped_) by_stage[plan_.nodes[node.value].stage] += count;
  for (const auto& [stage, count] : by_stage) {
    warn(stage + ": dropped " + std::to_string(count) + (count == 1 ? " record" : " records") + " in all");
  }
}

void BatchLoop::close() {
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (!sources_[i].source || plan_.sources[i].table) continue;
    const Result<> closed = sources_[i].source->close();
    if (!closed && !report_.failure) {
      report_.failure = Error{"source '" + plan_.sources[i].name + "': " + closed.error().message};
    }
  }
  for (std::size_t i = 0; i < started_sinks_; ++i) {
    const Result<> closed = sinks_[i]->close();
    if (!closed && !report_.failure) {
      report_.failure = Error{"output '" + plan_.outputs[i].name + "': " + closed.error().message};
    }
  }
}

RunReport BatchLoop::run() {
  for (const PlanSource& source : plan_.sources) report_.sources.push_back({source.name, 0});
  for (const PlanOutput& output : plan_.outputs) report_.outputs.push_back({output.name, 0});
  kept_ = find_kept(plan_);
  Result<> done = open();
  if (done) {
    // A reader that waits for input ends its batch when the run is to stop; an abort is the pass's.
    const std::stop_callback on_finish(stop_.finish, [this] {
      for (std::size_t i = 0; i < sources_.size(); ++i) {
        if (!plan_.sources[i].table) sources_[i].source->interrupt();
      }
    });
    const std::stop_callback on_abort(stop_.abort, [this] {
      pass_abort_.request_stop();
      for (const std::unique_ptr<Sink>& sink : sinks_) sink->interrupt();
    });
    Publisher publisher(plan_, retry_, stop_.abort, pass_abort_);
    done = loop(publisher);
    // A batch that failed takes nothing from those before it.
    publisher.wait(0);
    commit(publisher);
    if (publisher.failed()) done = std::unexpected(*publisher.failed());
    if (done && !computed_.empty()) done = failure("stopped at once, before the last batch was published");
  }
  if (!done) report_.failure = done.error();
  report_drops();
  close();
  return std::move(report_);
}

}  // namespace

RunReport run_plan(const PhysicalPlan& plan, const Environment& environment, const RunOptions& options,
                   const StopSignals& stop, const std::function<void(const BatchProgress&)>& progress) {
  return BatchLoop(plan, environment, options, stop, progress).run();
}

}  // namespace streamrun
