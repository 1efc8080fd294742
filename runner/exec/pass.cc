#include "runner/exec/pass.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace streamrun {
namespace {

constexpr std::size_t kDrainBytes = std::size_t{1} << 20;
constexpr std::size_t kLoggedKinds = 20;

std::size_t thread_count(const PhysicalPlan& plan) {
  return std::max<std::size_t>(plan.parallelism, 1);
}

std::string of_output(const PlanOutput& output, const std::string& message) {
  return "output '" + output.name + "': " + message;
}

}  // namespace

KeptRuns find_kept(const PhysicalPlan& plan) {
  const std::size_t count = plan.nodes.size();
  const std::size_t sources = plan.sources.size();
  using Sources = std::vector<bool>;
  std::vector<Sources> feeds(count, Sources(sources));   // sources that a node's rows come from
  std::vector<Sources> pushes(count, Sources(sources));  // of these, those whose rows no breaker has taken in before
  const auto merge = [](Sources& into, const Sources& from) {
    for (std::size_t s = 0; s < from.size(); ++s) into[s] = into[s] || from[s];
  };
  for (const PlanNode& node : plan.nodes) {  // in topological order
    const std::size_t i = node.id.value;
    if (node.kind == PlanNode::Kind::source) feeds[i][node.source] = pushes[i][node.source] = true;
    for (const NodeId side : node.sides) merge(feeds[i], feeds[side.value]);
    for (const PlanEdge& edge : node.consumers) {
      merge(feeds[edge.to.value], feeds[i]);
      if (node.kind != PlanNode::Kind::breaker) merge(pushes[edge.to.value], pushes[i]);
    }
  }
  std::vector<bool> driver(count, false);
  for (const PlanPhase& phase : plan.phases) {
    for (const NodeId node : phase.drivers) driver[node.value] = true;
  }

  KeptRuns kept;
  kept.keepable.assign(count, false);
  kept.source_kept.assign(sources, false);
  for (std::size_t s = 0; s < sources; ++s) kept.source_kept[s] = plan.sources[s].table;
  // Each round but the last gives up a table.
  for (bool changed = true; changed;) {
    changed = false;
    for (const PlanNode& node : plan.nodes) {
      const Sources& fed = feeds[node.id.value];
      bool only_kept = std::find(fed.begin(), fed.end(), true) != fed.end();
      for (std::size_t s = 0; s < sources; ++s) only_kept = only_kept && (!fed[s] || kept.source_kept[s]);
      kept.keepable[node.id.value] = node.kind == PlanNode::Kind::breaker && !driver[node.id.value] && only_kept;
    }
    for (const PlanNode& node : plan.nodes) {
      const bool keeps = node.kind == PlanNode::Kind::breaker && kept.keepable[node.id.value];
      if (keeps || (node.kind != PlanNode::Kind::breaker && node.kind != PlanNode::Kind::output)) continue;
      for (std::size_t s = 0; s < sources; ++s) {
        if (!pushes[node.id.value][s] || !kept.source_kept[s]) continue;
        kept.source_kept[s] = false;
        changed = true;
      }
    }
  }
  kept.runs.resize(count);
  return kept;
}

Pass::Pass(const PhysicalPlan& plan, PassInput input)
    : plan_(plan),
      input_(std::move(input)),
      state_{plan, input_.batch, input_.sinks, {}, {}, {}, {}, input_.memory},
      window_(2 * thread_count(plan), [this](MorselOutcome&& outcome) { return apply(std::move(outcome)); }),
      own_runs_(plan.nodes.size()),
      complete_(plan.nodes.size(), false),
      started_(plan.nodes.size(), false) {
  for (std::size_t i = 0; i < plan.outputs.size(); ++i) held_.emplace_back(input_.spools);
  counts_.records.resize(plan.sources.size());
  counts_.rows.resize(plan.outputs.size());
  state_.states.resize(plan.nodes.size());
  state_.runs.resize(plan.nodes.size());
  input_.scratches->resize(thread_count(plan));
  for (DecodeScratches& scratches : *input_.scratches) {
    workers_.push_back(std::make_unique<Worker>(state_, scratches));
  }
}

Result<PassCounts> Pass::run() {
  // A reader that waits for input holds the only way to the next morsel: it has to be woken.
  const std::stop_callback on_abort(input_.abort, [this] {
    state_.stopping = true;
    window_.close();
    for (Source* source : input_.sources) {
      if (source != nullptr) source->interrupt();
    }
  });
  for (const PlanNode& node : plan_.nodes) {
    if (node.kind != PlanNode::Kind::breaker) continue;
    const std::size_t i = node.id.value;
    if (input_.kept->complete && input_.kept->keepable[i]) {
      state_.runs[i] = input_.kept->runs[i].get();
      complete_[i] = true;
    } else {
      own_runs_[i] = node.breaker->start({input_.spools, input_.memory});
      state_.runs[i] = own_runs_[i].get();
    }
  }
  for (const PlanPhase& phase : plan_.phases) {
    if (Result<> done = run_phase(phase); !done) return pass_on(done);
  }
  if (Result<> done = append_held(); !done) return pass_on(done);
  for (const PlanNode& node : plan_.nodes) {
    if (input_.kept->keepable[node.id.value] && !input_.kept->complete) {
      input_.kept->runs[node.id.value] = std::move(own_runs_[node.id.value]);
    }
  }
  input_.kept->complete = true;
  return std::move(counts_);
}

Result<> Pass::run_phase(const PlanPhase& phase) {
  start_kernels();
  if (auto refused = state_.over_memory()) return failure(std::move(*refused));
  std::vector<Driver> drivers;
  for (const NodeId id : phase.drivers) {
    const PlanNode& node = plan_.nodes[id.value];
    Driver driver;
    driver.node = &node;
    if (node.kind == PlanNode::Kind::breaker) {
      driver.run = state_.runs[id.value];
      if (driver.run->chunks() == 0) continue;
    } else {
      driver.source = input_.sources[node.source];
      if (driver.source == nullptr || input_.ranges[node.source].empty) continue;
      driver.range = input_.ranges[node.source];
      driver.whole = plan_.sources[node.source].table;
    }
    drivers.push_back(std::move(driver));
  }
  if (!drivers.empty()) {
    MorselSource morsels(std::move(drivers), next_, input_.batch, window_);
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < workers_.size(); ++i) {
      threads.emplace_back([this, i, &morsels] { work(i, morsels); });
    }
    work(0, morsels);
    threads.clear();  // joins
    next_ = morsels.end();
  }
  if (Result<> so_far = state_of_affairs(); !so_far) return so_far;
  finish_kernels(phase, next_);
  if (Result<> so_far = state_of_affairs(); !so_far) return so_far;
  return complete_breakers(phase);
}

// A kernel starts in the first phase before which all of its sides are complete.
void Pass::start_kernels() {
  for (const PlanNode& node : plan_.nodes) {
    if (node.kind != PlanNode::Kind::kernel || started_[node.id.value]) continue;
    std::vector<BreakerRun*> sides;
    bool ready = true;
    for (const NodeId side : node.sides) {
      ready = ready && complete_[side.value];
      sides.push_back(state_.runs[side.value]);
    }
    if (!ready) continue;
    state_.states[node.id.value] = node.kernel->start(sides);
    started_[node.id.value] = true;
  }
}

void Pass::work(std::size_t thread, MorselSource& morsels) {
  Worker& worker = *workers_[thread];
  std::optional<std::minstd_rand> shuffle;
  if (input_.shuffle_seed) {
    const std::uint64_t seed =
        *input_.shuffle_seed * 31 + thread * 1009 + static_cast<std::uint64_t>(input_.batch.value);
    shuffle.emplace(static_cast<std::minstd_rand::result_type>(seed));
  }
  const auto hold = [&] {
    if (!shuffle) return;
    for (std::uint32_t turns = static_cast<std::uint32_t>((*shuffle)() % 64); turns > 0; --turns) {
      std::this_thread::yield();
    }
  };
  MorselTask task;
  while (morsels.next(task)) {
    hold();
    MorselOutcome outcome = worker.run(task);
    task.morsel = Morsel();
    hold();
    window_.complete(task.index, std::move(outcome));
  }
}

void Pass::finish_kernels(const PlanPhase& phase, MorselIndex next) {
  for (const NodeId id : phase.finishing) {
    window_.complete(next, workers_[0]->finish(plan_.nodes[id.value], next));
    ++next.value;
  }
  next_ = next;
}

Result<> Pass::complete_breakers(const PlanPhase& phase) {
  for (const NodeId id : phase.completing) {
    if (complete_[id.value]) continue;  // kept from an earlier batch
    BreakerRun& run = *state_.runs[id.value];
    std::vector<std::unique_ptr<BreakerLocal>> locals;
    for (const std::unique_ptr<Worker>& worker : workers_) {
      if (std::unique_ptr<BreakerLocal> local = worker->take_local(id)) locals.push_back(std::move(local));
    }
    if (locals.empty()) locals.push_back(run.local());
    if (Result<> done = run.finish(std::move(locals)); !done) {
      return failure(plan_.nodes[id.value].stage + ": " + done.error().message);
    }
    complete_[id.value] = true;
  }
  return {};
}

bool Pass::apply(MorselOutcome&& outcome) {
  if (outcome.source) counts_.records[*outcome.source] += outcome.records;
  counts_.rejected += outcome.rejected;
  for (const auto& [node, count] : outcome.dropped) counts_.dropped[node] += count;
  for (const DroppedKind& kind : outcome.kinds) {
    if (kinds_.size() == kLoggedKinds || !kinds_.insert(kind.kind).second) continue;
    input_.warn("dropped: " + kind.message);
  }
  if (outcome.fail) return stop_with(std::move(outcome.fail->message));
  for (auto& [breaker, partial] : outcome.partials) {
    if (Result<> merged = state_.runs[breaker.value]->merge(std::move(partial)); !merged) {
      return stop_with(plan_.nodes[breaker.value].stage + ": " + merged.error().message);
    }
  }
  if (auto refused = state_.over_memory()) return stop_with(std::move(*refused));
  for (MorselOutcome::OutputRows& one : outcome.rows) {
    counts_.rows[one.output] += one.rows.rows;
    if (plan_.outputs[one.output].interleaved) {
      if (Result<> held = held_[one.output].add(one.partition, std::move(one.rows)); !held) {
        return stop_with(of_output(plan_.outputs[one.output], held.error().message));
      }
    } else if (Result<> done = append(one.output, std::move(one.rows)); !done) {
      return stop_with(done.error().message);
    }
  }
  return true;
}

bool Pass::stop_with(std::string message) {
  failure_ = std::move(message);
  state_.stopping = true;
  for (Source* source : input_.sources) {
    if (source != nullptr) source->interrupt();
  }
  return false;
}

Result<> Pass::append(std::size_t output, StagedRows&& rows) {
  const PlanOutput& plan = plan_.outputs[output];
  Stage& stage = *(*input_.stages)[output];
  Result<> done = (*input_.retry)(plan, [&] { return stage.append(std::move(rows)); });
  if (!done) return done;
  if (plan.bound.drains && !plan.when && plan.retries == 0 && stage.drainable() >= kDrainBytes && input_.turn(output)) {
    done = stage.drain();
  }
  if (!done) return failure(of_output(plan, done.error().message));
  return {};
}

Result<> Pass::append_held() {
  for (std::size_t output = 0; output < held_.size(); ++output) {
    Result<> done = held_[output].release([&](StagedRows&& rows) { return append(output, std::move(rows)); });
    if (!done) return done;
  }
  return {};
}

Result<> Pass::state_of_affairs() {
  if (failure_) return failure(*failure_);
  if (input_.abort.stop_requested()) return failure("stopped at once, before the batch was done");
  return {};
}

}  // namespace streamrun
