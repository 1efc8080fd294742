// What the batch log means for one run of a plan: where its sources go on, which batches come again, what stands of its
// outputs.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runner/exec/batch_log.h"
#include "runner/operator/environment.h"
#include "runner/plan/physical_plan.h"

namespace streamrun {

// By source of the plan; none of what the intent does not know.
std::vector<SourceRange> ranges_of(const BatchIntent& intent, const PhysicalPlan& plan);
// Those that what a plan keeps behind the last of them is made of.
std::span<const LoggedBatch> batches_kept_at(std::span<const LoggedBatch> committed, Duration keeps);
// A param that has another value in the plan than the batch had.
std::optional<std::string> changed_param(const BatchIntent& intent, const PhysicalPlan& plan);
// Parts of the pipeline that the batch was begun with, and that are others in the plan, or gone, or new.
std::vector<std::string> changed_parts(const BatchIntent& intent, const PhysicalPlan& plan);

class Checkpoint {
 public:
  // `resets`: names of sources and outputs that are to begin as if there had been no former run, or `all`. `warn`: what
  // cannot be made good.
  static Result<std::unique_ptr<Checkpoint>> open(const PhysicalPlan& plan, const Environment& environment,
                                                  const std::vector<std::string>& resets,
                                                  const std::function<void(const std::string&)>& warn);

  // By source: where it stood behind the last commit; with `kept` before the batches that what steps keep is made of.
  std::vector<std::optional<std::string>> places(bool kept) const;
  // Where these are not all there any more.
  void warn_short(const std::function<void(const std::string&)>& warn) const;
  // Of former runs, in order; ranges by source.
  struct Former {
    BatchTime batch;
    std::vector<SourceRange> ranges;
  };
  // Batches that have no commit.
  std::vector<Former> begun() const;
  // Those with one that what steps keep is made of.
  std::vector<Former> kept() const;
  // The last of both; of those that have no commit.
  std::optional<BatchTime> read_until() const;
  std::optional<BatchTime> again_until() const;
  // Of the pipeline's batches; nothing: none has been begun.
  std::optional<BatchTime> origin() const;
  void begin_at(BatchTime origin) { origin_ = origin; }
  // Whether a pipeline that was changed since may finish them. `published`: the last batch that an output has published
  // for good, by name of output; of such a batch all outputs have rows of one pipeline.
  Result<> may_finish(const std::map<std::string, BatchTime>& published,
                      const std::function<void(const std::string&)>& warn);
  // As of the last commit.
  std::map<std::string, double> rates() const;
  // The last that was begun.
  std::optional<BatchTime> last_batch() const;
  ReadLog& reads() { return log_->reads(); }
  OutputLog* output(std::size_t output) { return &outputs_[output]; }

  BatchIntent intent(BatchTime batch, const std::vector<SourceRange>& ranges) const;
  // Of a batch that all outputs have published; records by source, rows by output.
  BatchCommit commit(BatchTime batch, const std::vector<std::uint64_t>& records,
                     const std::vector<std::uint64_t>& rows);
  Result<> write(std::span<const BatchCommit> commits, const BatchIntent* intent) {
    return log_->write(commits, intent);
  }

 private:
  class Output final : public OutputLog {
   public:
    Output(BatchLog& log, std::string name, std::optional<BatchTime> again_until);
    const std::vector<OutputMark>& marks() const override { return marks_; }
    bool goes_on() const override { return goes_on_; }
    std::optional<BatchTime> again_until() const override { return again_until_; }
    Result<> announce(BatchTime batch, const std::vector<OutputMark>& before) override;
    void stand(BatchTime batch, std::vector<OutputMark> marks) override;
    // What stands once `batch` is published; at its commit.
    std::vector<OutputMark> take(BatchTime batch);

   private:
    BatchLog& log_;
    const std::string name_;
    std::vector<OutputMark> marks_;
    const bool goes_on_;
    const std::optional<BatchTime> again_until_;
    std::mutex mutex_;
    std::map<BatchTime, std::vector<OutputMark>> standing_;
  };

  Checkpoint(const PhysicalPlan& plan, std::unique_ptr<BatchLog> log);

  std::span<const LoggedBatch> kept_batches() const;

  // What the log knows and the pipeline no longer has.
  Result<> check_missing(const std::function<void(const std::string&)>& warn);

  const PhysicalPlan& plan_;
  const std::map<std::string, std::string> params_;       // hashes of their values
  const std::map<std::string, std::string> definitions_;  // hashes
  std::vector<std::string> standing_;                     // outputs: see BatchIntent
  const std::unique_ptr<BatchLog> log_;
  std::deque<Output> outputs_;
  BatchTime origin_;
  std::map<std::string, SourceRange> others_;  // places of sources that the pipeline no longer has
};

}  // namespace streamrun
