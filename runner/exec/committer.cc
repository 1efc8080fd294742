#include "runner/exec/committer.h"

#include <algorithm>
#include <utility>

namespace streamrun {

void Committer::published(PublishedBatch batch) {
  published_.push_back({std::move(computed_.front()), std::move(batch)});
  computed_.pop_front();
}

std::vector<BatchTime> Committer::published() const {
  std::vector<BatchTime> batches;
  for (const Published& one : published_) batches.push_back(one.computed.batch);
  return batches;
}

Result<> Committer::commit(const BatchIntent* next) {
  if (checkpoint_) {
    std::vector<BatchCommit> commits;
    for (const Published& one : published_) {
      if (!one.computed.logged) continue;
      commits.push_back(checkpoint_->commit(one.computed.batch, one.computed.records, one.published.rows));
      commits.back().rates = sources_.rates();
    }
    if (auto written = checkpoint_->write(commits, next); !written) return failure_of("checkpoint", written.error());
  }
  for (const Published& one : std::exchange(published_, {})) conclude(one);
  return {};
}

void Committer::conclude(const Published& one) {
  const ComputedBatch& batch = one.computed;
  const PublishedBatch& published = one.published;
  sources_.committed(batch.batch, batch.places);
  ++report_.batches;
  BatchProgress progress;
  progress.batch = batch.batch;
  for (std::size_t i = 0; i < published.rows.size(); ++i) {
    report_.outputs[i].rows += published.rows[i];
    progress.rows_out += published.rows[i];
  }
  for (std::size_t i = 0; i < plan_.sources.size(); ++i) {
    if (!plan_.sources[i].table) progress.records_in += batch.records[i];
  }
  progress.processing = published.ended - batch.begun;
  const Duration ended(batch.started.value + progress.processing.count());
  progress.delay = std::max(ended - Duration(batch.batch.value), Duration(0));
  update_rates(batch, published.ended);
  if (progress_) progress_(progress);
}

// Where outputs overlap, a batch is computed while the one before it is published: it costs the longer of the two. The
// time that it waits for the outputs is delay, or they would be thought to be as slow as two batches.
void Committer::update_rates(const ComputedBatch& batch, Duration ended) {
  const Duration computing = batch.computed - batch.begun;
  const Duration turn = std::max(batch.computed, last_ended_);
  const Duration publishing = ended - turn;
  const bool overlap = plan_.settings.concurrent_outputs > 1;
  const Duration cost = overlap ? std::max(computing, publishing) : computing + publishing;
  const Duration delay = Duration(batch.started.value - batch.batch.value) + (turn - batch.computed);
  for (std::size_t i = 0; i < plan_.sources.size(); ++i) {
    sources_.update_rate(i, {batch.records[i], cost, delay, ended.count()});
  }
  last_ended_ = ended;
}

}  // namespace streamrun
