#include "runner/exec/pass.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "runner/base/out_of_memory.h"

namespace streamrun {
namespace {

constexpr std::size_t kDrainBytes = std::size_t{1} << 20;
constexpr std::size_t kLoggedKinds = 20;

std::string name_of(const PlanOutput& output) {
  return "output '" + output.name + "'";
}

}  // namespace

void PassCounts::add(const PassCounts& other) {
  for (std::size_t i = 0; i < records.size(); ++i) records[i] += other.records[i];
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] += other.rows[i];
  rejected += other.rejected;
  for (const auto& [node, count] : other.dropped) dropped[node] += count;
}

std::string Pass::At::name() const {
  return output != nullptr ? name_of(*output) : step != nullptr ? step->stage : std::string("the batch");
}

Pass::Pass(const PhysicalPlan& plan, PassInput input)
    : plan_(plan),
      input_(std::move(input)),
      state_{plan, input_.batch, input_.sinks, {}, {}, {}, {}, {}, {}, input_.memory, {}},
      window_(
          2 * input_.pool->size(), [this](MorselOutcome&& outcome) { return apply(std::move(outcome)); },
          input_.memory ? std::min<std::uint64_t>(kMorselMemory, input_.memory->budget() / 2) : kMorselMemory),
      own_runs_(plan.nodes.size()),
      started_(plan.nodes.size(), false),
      pushes_(plan.nodes.size(), false) {
  for (std::size_t i = 0; i < plan.outputs.size(); ++i) held_.emplace_back(input_.spools);
  counts_.records.resize(plan.sources.size());
  counts_.rows.resize(plan.outputs.size());
  state_.hand_over = [this](MorselIndex index, MorselOutcome&& part) {
    if (!window_.hand_over(index, std::move(part))) state_.stopping = true;
  };
  state_.states.resize(plan.nodes.size());
  state_.runs.resize(plan.nodes.size());
  state_.live.resize(plan.nodes.size());
  state_.complete.resize(plan.nodes.size());
  input_.results.resize(plan.nodes.size());
  input_.states.resize(plan.nodes.size());
  input_.scratches->resize(input_.pool->size());
  workers_.resize(input_.pool->size());
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
  Result<> done = if_memory_lasts([this] { return run_phases(); },
                                  [this] { return Result<>(std::unexpected(state_.out_of_memory(at_.name()))); });
  if (!done) return pass_on(done);
  return std::move(counts_);
}

Result<> Pass::run_phases() {
  start_breakers();
  for (const PlanPhase& phase : plan_.phases) {
    if (Result<> done = run_phase(phase); !done) return done;
  }
  return append_held();
}

// Backwards from the goals: what leads to them and is not there already.
void Pass::find_live() {
  for (const NodeId goal : input_.goals) state_.live[goal.value] = is_due(plan_.nodes[goal.value].takes);
  for (std::size_t i = plan_.nodes.size(); i-- > 0;) {
    const PlanNode& node = plan_.nodes[i];
    // Rows end in outputs, and in steps whose rejects alone are read.
    const bool end = node.consumers.empty() && node.kind != PlanNode::Kind::breaker;
    if (input_.goals.empty() && end && is_due(node.slide)) state_.live[i] = pushes_[i] = true;
    // What a step keeps is kept in batches, too, in which nobody has rows of it.
    if (input_.goals.empty() && input_.states[i] != nullptr && is_due(node.takes)) state_.live[i] = true;
    for (const PlanEdge& edge : node.consumers) {
      if (state_.live[edge.to.value] && !state_.complete[edge.to.value]) pushes_[i] = true;
    }
    if (node.consumers.empty() && node.errors && state_.live[node.errors->value]) pushes_[i] = true;
    if (pushes_[i]) state_.live[i] = true;
    if (!state_.live[i]) continue;
    for (const NodeId side : node.sides) state_.live[side.value] = true;
  }
}

void Pass::start_breakers() {
  for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
    state_.runs[i] = input_.results[i];
    state_.complete[i] = input_.results[i] != nullptr;
  }
  find_live();
  for (const PlanNode& node : plan_.nodes) {
    const std::size_t i = node.id.value;
    if (node.kind != PlanNode::Kind::breaker || !state_.live[i] || state_.complete[i]) continue;
    at_ = {&node, nullptr};
    own_runs_[i] =
        node.breaker->start({input_.spools, input_.memory, input_.warn, input_.batch, input_.origin, input_.states[i]});
    state_.runs[i] = own_runs_[i].get();
  }
}

Result<> Pass::run_phase(const PlanPhase& phase) {
  start_kernels();
  if (auto refused = state_.over_memory()) return failure(std::move(*refused));
  std::vector<Driver> drivers;
  for (const NodeId id : phase.drivers) {
    const PlanNode& node = plan_.nodes[id.value];
    if (!pushes_[id.value]) continue;
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
    input_.pool->run([this, &morsels](std::size_t thread) { work(thread, morsels); });
    next_ = morsels.end();
  }
  if (Result<> good = so_far(); !good) return good;
  finish_kernels(phase, next_);
  if (Result<> good = so_far(); !good) return good;
  return complete_breakers(phase);
}

// A kernel starts in the first phase before which all of its sides are complete.
void Pass::start_kernels() {
  for (const PlanNode& node : plan_.nodes) {
    const std::size_t i = node.id.value;
    if (node.kind != PlanNode::Kind::kernel || !state_.live[i] || started_[i]) continue;
    std::vector<BreakerRun*> sides;
    bool ready = true;
    for (const NodeId side : node.sides) {
      ready = ready && state_.complete[side.value];
      sides.push_back(state_.runs[side.value]);
    }
    if (!ready) continue;
    at_ = {&node, nullptr};
    state_.states[i] = node.kernel->start(sides);
    started_[i] = true;
  }
}

Worker& Pass::worker(std::size_t thread) {
  std::unique_ptr<Worker>& own = workers_[thread];
  if (!own) own = std::make_unique<Worker>(state_, (*input_.scratches)[thread]);
  return *own;
}

void Pass::work(std::size_t thread, MorselSource& morsels) {
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
    // Most batches of a slow stream are one small morsel: it is done before anybody is woken.
    if (!task.small || shuffle || thread != 0 || task.index.value != next_.value) input_.pool->call_another();
    hold();
    MorselOutcome outcome = if_memory_lasts([&] { return worker(thread).run(task); },
                                            [&] {
                                              const PlanNode* at = workers_[thread] ? workers_[thread]->at() : nullptr;
                                              MorselOutcome none;
                                              none.fail = FailVerdict{{}, state_.out_of_memory(name_at(at)).message};
                                              return none;
                                            });
    task.morsel = Morsel();
    hold();
    window_.complete(task.index, std::move(outcome));
  }
}

std::string Pass::name_at(const PlanNode* node) const {
  const bool output = node != nullptr && node->kind == PlanNode::Kind::output;
  return output ? name_of(plan_.outputs[node->output]) : At{node, nullptr}.name();
}

void Pass::finish_kernels(const PlanPhase& phase, MorselIndex next) {
  for (const NodeId id : phase.finishing) {
    if (!state_.live[id.value]) continue;
    at_ = {&plan_.nodes[id.value], nullptr};
    window_.complete(next, worker(0).finish(plan_.nodes[id.value], next));
    ++next.value;
  }
  next_ = next;
}

Result<> Pass::complete_breakers(const PlanPhase& phase) {
  for (const NodeId id : phase.completing) {
    if (!state_.live[id.value] || state_.complete[id.value]) continue;
    at_ = {&plan_.nodes[id.value], nullptr};
    BreakerRun& run = *state_.runs[id.value];
    std::vector<std::unique_ptr<BreakerLocal>> locals;
    for (const std::unique_ptr<Worker>& worker : workers_) {
      if (!worker) continue;
      if (std::unique_ptr<BreakerLocal> local = worker->take_local(id)) locals.push_back(std::move(local));
    }
    if (locals.empty()) locals.push_back(run.local());
    if (Result<> done = run.finish(std::move(locals)); !done) {
      return failure_of(plan_.nodes[id.value].stage, done.error());
    }
    state_.complete[id.value] = true;
  }
  return {};
}

bool Pass::apply(MorselOutcome&& outcome) {
  return if_memory_lasts([&] { return apply_rows(outcome); },
                         [&] { return stop_with(state_.out_of_memory(applying_.name())); });
}

bool Pass::apply_rows(MorselOutcome& outcome) {
  if (outcome.source) counts_.records[*outcome.source] += outcome.records;
  counts_.rejected += outcome.rejected;
  for (const auto& [node, count] : outcome.dropped) counts_.dropped[node] += count;
  for (const DroppedKind& kind : outcome.kinds) {
    if (kinds_.size() == kLoggedKinds || !kinds_.insert(kind.kind).second) continue;
    input_.warn("dropped: " + kind.message);
  }
  if (outcome.fail) return stop_with({std::move(outcome.fail->message), outcome.fail->kind});
  for (auto& [breaker, partial] : outcome.partials) {
    applying_ = {&plan_.nodes[breaker.value], nullptr};
    if (Result<> merged = state_.runs[breaker.value]->merge(std::move(partial)); !merged) {
      return stop_with(failure_of(plan_.nodes[breaker.value].stage, merged.error()).error());
    }
  }
  if (auto refused = state_.over_memory()) return stop_with({std::move(*refused)});
  for (MorselOutcome::OutputRows& one : outcome.rows) {
    applying_ = {nullptr, &plan_.outputs[one.output]};
    counts_.rows[one.output] += one.rows.rows;
    const PlanOutput& output = plan_.outputs[one.output];
    const Result<> done =
        output.interleaved
            ? (*input_.retry)(output, [&] { return held_[one.output].add(one.partition, std::move(one.rows)); })
            : append(one.output, std::move(one.rows));
    if (!done) return stop_with(done.error());
  }
  return true;
}

bool Pass::stop_with(Error error) {
  failure_ = std::move(error);
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
  if (!done) return failure_of(name_of(plan), done.error());
  return {};
}

Result<> Pass::append_held() {
  for (std::size_t output = 0; output < held_.size(); ++output) {
    at_ = {nullptr, &plan_.outputs[output]};
    Result<> done = held_[output].release([&](StagedRows&& rows) { return append(output, std::move(rows)); });
    if (!done) return done;
  }
  return {};
}

Result<> Pass::so_far() const {
  if (failure_) return std::unexpected(*failure_);
  if (input_.abort.stop_requested()) return failure("stopped at once, before the batch was done");
  return {};
}

}  // namespace streamrun
