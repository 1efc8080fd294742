#include "runner/exec/batch_runner.h"

#include <utility>

#include "runner/base/out_of_memory.h"

namespace streamrun {

BatchRunner::BatchRunner(const PhysicalPlan& plan, const Environment& environment, const RunOptions& options,
                         RunReport& report, const std::function<void(const std::string&)>& warn, const Retry& retry,
                         std::shared_ptr<MemoryAccount> memory, std::stop_token abort)
    : plan_(plan),
      environment_(environment),
      options_(options),
      report_(report),
      warn_(warn),
      retry_(retry),
      memory_(std::move(memory)),
      abort_(std::move(abort)),
      pool_(*plan.settings.parallelism, warn),
      tables_(plan, environment, warn) {
  for (const PlanOutput& output : plan_.outputs) sinks_.push_back(output.bound.open(environment_));
  for (const PlanNode& node : plan_.nodes) {
    states_.push_back(node.breaker ? node.breaker->make_state() : nullptr);
  }
}

Result<> BatchRunner::start(Checkpoint* checkpoint) {
  // No batch is at hand that a wait would serve: the first signal ends it.
  const Retry retry(*environment_.clock, warn_, environment_.stop);
  for (; started_sinks_ < sinks_.size(); ++started_sinks_) {
    const PlanOutput& output = plan_.outputs[started_sinks_];
    OutputLog* const log = checkpoint != nullptr ? checkpoint->output(started_sinks_) : nullptr;
    Result<> started =
        if_memory_lasts([&] { return retry(output, [&] { return sinks_[started_sinks_]->start(log); }); },
                        [&] { return Result<>(std::unexpected(out_of_memory("output '" + output.name + "'"))); });
    if (!started) return started;
  }
  return checkpoint != nullptr ? may_finish(*checkpoint) : Result<>();
}

Result<> BatchRunner::may_finish(Checkpoint& checkpoint) const {
  std::map<std::string, BatchTime> published;
  for (std::size_t i = 0; i < sinks_.size(); ++i) {
    if (const auto last = sinks_[i]->stands()) published.emplace(plan_.outputs[i].name, *last);
  }
  auto may = checkpoint.may_finish(published, warn_);
  return may ? may : failure_of("checkpoint", may.error());
}

Result<> BatchRunner::close() {
  Result<> all;
  for (std::size_t i = 0; i < started_sinks_; ++i) {
    const Result<> closed = sinks_[i]->close();
    if (!closed && all) all = failure_of("output '" + plan_.outputs[i].name + "'", closed.error());
  }
  return all;
}

void BatchRunner::interrupt() {
  for (const std::unique_ptr<Sink>& sink : sinks_) sink->interrupt();
}

Result<std::vector<std::unique_ptr<Stage>>> BatchRunner::open_stages(BatchTime batch) {
  std::vector<std::unique_ptr<Stage>> stages;
  for (std::size_t i = 0; i < sinks_.size(); ++i) {
    const std::string whose = "output '" + plan_.outputs[i].name + "'";
    Result<std::unique_ptr<Stage>> stage =
        if_memory_lasts([&] { return sinks_[i]->stage(batch); },
                        [&] { return Result<std::unique_ptr<Stage>>(std::unexpected(out_of_memory("its stage"))); });
    if (!stage) {
      for (const std::unique_ptr<Stage>& one : stages) one->discard();
      return failure_of(whose, stage.error());
    }
    stages.push_back(std::move(*stage));
  }
  return stages;
}

PassInput BatchRunner::input(BatchTime batch) {
  PassInput input;
  input.batch = batch;
  input.origin = origin_;
  for (const std::unique_ptr<StepState>& state : states_) input.states.push_back(state.get());
  for (const std::unique_ptr<Sink>& sink : sinks_) input.sinks.push_back(sink.get());
  input.warn = warn_;
  input.retry = &retry_;
  input.scratches = &scratches_;
  input.pool = &pool_;
  input.spools = environment_.spools;
  input.memory = memory_;
  input.shuffle_seed = options_.shuffle_seed;
  input.abort = abort_;
  return input;
}

Result<PassCounts> BatchRunner::run_pass(PassInput input, const std::vector<SourceRange>& ranges,
                                         const SourceSet& sources) {
  PassCounts counts;
  counts.records.resize(plan_.sources.size());
  counts.rows.resize(plan_.outputs.size());
  if (Result<> refreshed = tables_.refresh(input, counts); !refreshed) return pass_on(refreshed);
  for (std::size_t i = 0; i < plan_.sources.size(); ++i) input.sources.push_back(sources.get(i));
  input.ranges = ranges;
  input.results = tables_.results();
  Pass pass(plan_, std::move(input));
  Result<PassCounts> own = pass.run();
  if (!own) return own;
  tables_.keep(pass);
  counts.add(*own);
  return counts;
}

Result<BatchRunner::Ran> BatchRunner::run(BatchTime batch, const std::vector<SourceRange>& ranges,
                                          const SourceSet& sources, const Publisher& publisher, bool early) {
  Ran ran;
  ComputedBatch& computed = ran.computed;
  computed.batch = batch;
  computed.started = environment_.clock->now();
  computed.begun = environment_.clock->elapsed();
  auto stages = open_stages(batch);
  if (!stages) return pass_on(stages);
  PassInput own = input(batch);
  own.stages = &*stages;
  own.turn = [&publisher, early](std::size_t output) { return early && publisher.turn(output); };
  Result<PassCounts> counts = if_memory_lasts(
      [&] { return run_pass(std::move(own), ranges, sources); },
      [&] { return Result<PassCounts>(std::unexpected(out_of_memory("batch " + format_batch_time(batch)))); });
  if (!counts) {
    for (const std::unique_ptr<Stage>& stage : *stages) stage->discard();
    return pass_on(counts);
  }
  count(*counts);
  computed.computed = environment_.clock->elapsed();
  computed.records = std::move(counts->records);
  // What a window takes may be made by steps of a tick without records (`count`): its batch must be known again.
  ran.changes = plan_.keeps != Duration(0);
  for (std::size_t i = 0; i < plan_.outputs.size(); ++i) {
    ran.staged.due.push_back(is_due(plan_.outputs[i].slide, batch, origin_));
    const bool publishes = counts->rows[i] != 0 || plan_.outputs[i].bound.writes_empty;
    ran.changes = ran.changes || (publishes && ran.staged.due.back());
  }
  ran.staged.batch = batch;
  ran.staged.stages = std::move(*stages);
  ran.staged.rows = std::move(counts->rows);
  return ran;
}

Result<> BatchRunner::run_for_state(BatchTime batch, const std::vector<SourceRange>& ranges, const SourceSet& sources) {
  PassInput again = input(batch);
  // What is dropped was told of when the batch first ran.
  again.warn = [](const std::string&) {};
  for (const PlanNode& node : plan_.nodes) {
    if (states_[node.id.value]) again.goals.push_back(node.id);
  }
  const Result<PassCounts> counts = if_memory_lasts(
      [&] { return run_pass(std::move(again), ranges, sources); },
      [&] { return Result<PassCounts>(std::unexpected(out_of_memory("batch " + format_batch_time(batch)))); });
  return counts ? Result<>() : pass_on(counts);
}

void BatchRunner::count(const PassCounts& counts) {
  for (std::size_t i = 0; i < counts.records.size(); ++i) report_.sources[i].rows += counts.records[i];
  report_.rejected += counts.rejected;
  for (const auto& [node, dropped] : counts.dropped) dropped_[node] += dropped;
}

void BatchRunner::report_drops() const {
  std::map<std::string, std::uint64_t> by_stage;
  for (const auto& [node, dropped] : dropped_) by_stage[plan_.nodes[node.value].stage] += dropped;
  for (const auto& [stage, dropped] : by_stage) {
    warn_(stage + ": dropped " + std::to_string(dropped) + (dropped == 1 ? " record" : " records") + " in all");
  }
}

}  // namespace streamrun
