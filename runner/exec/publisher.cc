#include "runner/exec/publisher.h"

#include <algorithm>
#include <utility>

#include "runner/base/out_of_memory.h"
#include "runner/base/thread.h"
#include "runner/exec/rejects.h"
#include "runner/expr/expression.h"

namespace streamrun {

namespace {

std::vector<std::vector<std::size_t>> find_lines(const PhysicalPlan& plan) {
  std::vector<std::vector<std::size_t>> lines(plan.outputs.size());
  for (std::size_t output = 0; output < lines.size(); ++output) {
    const std::string_view shares = plan.outputs[output].bound.shares;
    for (std::size_t other = 0; other < lines.size(); ++other) {
      if (other == output || (!shares.empty() && plan.outputs[other].bound.shares == shares)) {
        lines[output].push_back(other);
      }
    }
  }
  return lines;
}

}  // namespace

Publisher::Publisher(const PhysicalPlan& plan, Clock& clock, const Retry& retry, Events events, std::stop_token abort,
                     std::stop_source failing)
    : plan_(plan),
      in_line_(find_lines(plan)),
      clock_(clock),
      retry_(retry),
      events_(std::move(events)),
      abort_(std::move(abort)),
      failing_(std::move(failing)) {
  if (plan_.settings.concurrent_outputs > 1) start_threads();
}

void Publisher::start_threads() {
  // More threads than outputs of two batches would have nothing to do.
  const std::size_t most = std::min<std::size_t>(plan_.settings.concurrent_outputs, 2 * plan_.outputs.size());
  while (threads_.size() < most) {
    auto thread =
        start_thread("concurrent_outputs: " + std::to_string(plan_.settings.concurrent_outputs), [this] { work(); });
    if (!thread) {
      events_.warn(thread.error().message + "; going on with " +
                   std::to_string(std::max<std::size_t>(threads_.size(), 1)) + " at once");
      return;
    }
    threads_.push_back(std::move(*thread));
  }
}

Publisher::~Publisher() {
  {
    const std::scoped_lock lock(mutex_);
    closing_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
  for (InFlight& batch : in_flight_) {
    for (std::size_t i = 0; i < batch.staged.stages.size(); ++i) {
      if (batch.progress[i] == Progress::waiting && batch.staged.stages[i]) batch.staged.stages[i]->discard();
    }
  }
}

void Publisher::submit(StagedBatch batch) {
  const std::scoped_lock lock(mutex_);
  const std::size_t outputs = batch.stages.size();
  in_flight_.push_back({std::move(batch), std::vector<Progress>(outputs, Progress::waiting)});
  if (outputs == 0) {
    // Nothing to publish: it commits with the batch before it.
    if (in_flight_.size() == 1) {
      published_.push_back({in_flight_.front().staged.batch, {}, clock_.elapsed()});
      in_flight_.pop_front();
    }
  }
  changed_.notify_all();
}

bool Publisher::settled(std::size_t batches) const {
  const std::scoped_lock lock(mutex_);
  return in_flight_.size() <= batches || (stopping() && running_ == 0);
}

bool Publisher::publish_here() {
  std::unique_lock lock(mutex_);
  return threads_.empty() && publish_one(lock);
}

std::vector<PublishedBatch> Publisher::take_published() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(published_, {});
}

std::optional<Error> Publisher::failed() const {
  const std::scoped_lock lock(mutex_);
  return failure_;
}

bool Publisher::turn(std::size_t output) const {
  if (output >= std::max<std::size_t>(plan_.settings.concurrent_outputs, 1) || !plan_.outputs[output].after.empty() ||
      in_line_[output].front() != output) {
    return false;
  }
  const std::scoped_lock lock(mutex_);
  return in_flight_.empty() && !failure_;
}

void Publisher::work() {
  std::unique_lock lock(mutex_);
  while (!closing_) {
    if (!publish_one(lock)) changed_.wait(lock);
  }
}

bool Publisher::publish_one(std::unique_lock<std::mutex>& lock) {
  if (stopping() || closing_) return false;
  const std::optional<Job> job = next_ready();
  if (!job) return false;
  job->batch->progress[job->output] = Progress::running;
  ++running_;
  lock.unlock();
  Result<bool> published = publish(*job);
  const bool failed = !published;
  lock.lock();
  --running_;
  finish(*job, std::move(published));
  changed_.notify_all();
  events_.changed();
  if (failed) {
    // Its callbacks are others' code: not under the lock.
    lock.unlock();
    failing_.request_stop();
    lock.lock();
  }
  return true;
}

std::optional<Publisher::Job> Publisher::next_ready() const {
  if (running_ >= std::max<std::size_t>(plan_.settings.concurrent_outputs, 1)) return std::nullopt;
  for (std::size_t batch = 0; batch < in_flight_.size(); ++batch) {
    for (std::size_t output = 0; output < plan_.outputs.size(); ++output) {
      if (ready(batch, output)) return Job{const_cast<InFlight*>(&in_flight_[batch]), output};
    }
  }
  return std::nullopt;
}

bool Publisher::ready(std::size_t batch, std::size_t output) const {
  const std::vector<Progress>& progress = in_flight_[batch].progress;
  if (progress[output] != Progress::waiting) return false;
  for (const std::size_t other : in_line_[output]) {
    for (std::size_t earlier = 0; earlier < batch; ++earlier) {
      if (in_flight_[earlier].progress[other] != Progress::done) return false;
    }
    if (other < output && progress[other] != Progress::done) return false;
  }
  const std::vector<std::uint32_t>& after = plan_.outputs[output].after;
  return std::all_of(after.begin(), after.end(),
                     [&](std::uint32_t before) { return progress[before] == Progress::done; });
}

void Publisher::finish(const Job& job, Result<bool> published) {
  job.batch->progress[job.output] = Progress::done;
  if (!published) {
    if (!failure_) failure_ = published.error();
    return;
  }
  if (!*published) job.batch->staged.rows[job.output] = 0;
  // Commits are in batch order: the front one first.
  while (!failure_ && !in_flight_.empty()) {
    InFlight& front = in_flight_.front();
    const bool all =
        std::all_of(front.progress.begin(), front.progress.end(), [](Progress one) { return one == Progress::done; });
    if (!all) break;
    published_.push_back({front.staged.batch, std::move(front.staged.rows), clock_.elapsed()});
    in_flight_.pop_front();
  }
}

Result<bool> Publisher::wanted(const PlanOutput& output, std::uint64_t rows, BatchTime batch) const {
  if (!output.when) return true;
  const MutableColumn count = Column::make_constant(TypeKind::int64, 1);
  count->values<std::int64_t>()[0] = static_cast<std::int64_t>(rows);
  const MutableColumn time = Column::make_constant(TypeKind::timestamp, 1);
  time->values<std::int64_t>()[0] = batch.value * 1000;
  const ColumnPtr columns[] = {count, time};
  EvalContext context;
  context.batch = batch;
  const Selection chosen = select(*output.when, EvalInput{columns, 1}, Selection::all(1), context);
  if (!context.errors.empty()) {
    const RowError error = context.errors.take().front();
    return failure("output '" + output.name + "': when: " + error.message + place_text(error.place, plan_));
  }
  return !chosen.empty();
}

Result<bool> Publisher::publish_stage(const PlanOutput& output, Stage& stage, std::uint64_t rows,
                                      BatchTime batch) const {
  Result<bool> run = wanted(output, rows, batch);
  if (!run || !*run) return run;
  if (Result<> done = retry_(output, [&] { return stage.publish(); }); !done) return pass_on(done);
  return true;
}

Result<bool> Publisher::publish(const Job& job) {
  const PlanOutput& output = plan_.outputs[job.output];
  StagedBatch& staged = job.batch->staged;
  const std::unique_ptr<Stage> stage = std::move(staged.stages[job.output]);
  const auto crashed = [&](CrashPoint point) { return events_.crash && events_.crash(point, staged.batch); };
  if (crashed(CrashPoint::before_publish)) return failure("a crash was asked for");
  Result<bool> published = false;
  if (staged.due[job.output]) {
    published =
        if_memory_lasts([&] { return publish_stage(output, *stage, staged.rows[job.output], staged.batch); },
                        [&] { return Result<bool>(std::unexpected(out_of_memory("output '" + output.name + "'"))); });
  }
  if (!published || !*published) stage->discard();
  if (crashed(CrashPoint::after_publish)) return failure("a crash was asked for");
  return published;
}

}  // namespace streamrun
