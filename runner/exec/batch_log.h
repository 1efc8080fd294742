// The batch log: what each batch takes, and what stands of each output behind it. A restart goes on from it.
//
// The folder `checkpoint.path` is one pipeline's own: `batches.db` (SQLite) and a lock. Before a batch reads anything
// its intent is durable: its time and the ranges of its sources. When all of its outputs have published it, its commit
// is. An intent without a commit means: the same ranges, under the same time, from what stood at the last commit.
// What is logged goes by the names that the pipeline gives, so that a changed pipeline can read it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runner/base/strong_id.h"
#include "runner/base/units.h"
#include "runner/exec/checkpoint_folder.h"
#include "runner/exec/database.h"
#include "runner/exec/read_log.h"
#include "runner/operator/sink.h"
#include "runner/operator/source.h"

namespace streamrun {

struct BatchIntent {
  BatchTime batch;
  BatchTime origin;                           // see BreakerResources
  std::map<std::string, SourceRange> ranges;  // by source, of those that can be read again
  // Hashes of what it is computed with: the params, and the parts of the pipeline.
  std::map<std::string, std::string> params;
  std::map<std::string, std::string> definitions;
  std::vector<std::string> standing;  // outputs of which what a batch has published stays
};

using OutputMarks = std::map<std::string, std::vector<OutputMark>>;  // by output

struct BatchCommit {
  BatchTime batch;
  OutputMarks marks;                             // that the batch has changed
  std::map<std::string, std::uint64_t> records;  // that were read, by source
  std::map<std::string, std::uint64_t> rows;     // that were published, by output
  std::map<std::string, double> rates;           // records a second, by source whose rate is controlled
};

// What a log holds.
struct LoggedBatch {
  BatchIntent intent;
  std::optional<BatchCommit> commit;
};
struct LogContent {
  std::string pipeline;
  std::vector<LoggedBatch> batches;  // in order of time; those without a commit are the last
  OutputMarks marks;                 // as of the last commit
  OutputMarks announced;             // by batches without one, of what had no mark
  BatchTime dropped;                 // the last batch that it no longer has; 0: it has all
  std::uint64_t bytes = 0;           // on the disk

  std::span<const LoggedBatch> committed() const;
  std::span<const LoggedBatch> begun() const;  // and not committed
};

// Any thread. After its first failure it writes nothing any more.
class BatchLog {
 public:
  // What stays of batches with a commit: so many, and all that are not so much older than the first of these.
  struct Keep {
    std::uint32_t batches = 0;
    Duration time{0};
  };
  // Makes the folder and what is in it, where there is nothing, or with `afresh` whatever there is.
  static Result<std::unique_ptr<BatchLog>> open(const std::string& path, const std::string& pipeline, Keep keep,
                                                bool afresh);
  // Of a pipeline that runs, or does not.
  static Result<LogContent> read(const std::string& folder);
  // Forgets the place of a source or what stands of an output; false: it knows none of that name.
  Result<bool> reset(const std::string& name);

  // As it was when it was opened, or reset.
  const LogContent& former() const { return former_; }

  // Durable when it returns: these commits, in order, and then the intent, if there is one.
  Result<> write(std::span<const BatchCommit> commits, const BatchIntent* intent);
  Result<> announce(BatchTime batch, const std::string& output, const std::vector<OutputMark>& before);
  // In the place of those of these batches.
  Result<> replace(std::span<const BatchIntent> intents);
  ReadLog& reads() { return reads_; }
  BatchTime dropped() const { return dropped_; }

 private:
  BatchLog(CheckpointFolder folder, std::unique_ptr<Database> database, Keep keep)
      : folder_(std::move(folder)), database_(std::move(database)), reads_(*database_, mutex_), keep_(keep) {}

  Result<> make_tables(const std::string& pipeline);
  Result<> prepare();
  Result<> load();
  Result<> add_intent(const BatchIntent& intent);
  Result<> update_intents(std::span<const BatchIntent> intents);
  Result<> add_commit(const BatchCommit& commit);
  Result<> put_marks(BatchTime batch, const std::string& output, const std::vector<OutputMark>& marks, bool announced);
  Result<> drop_old();

  std::mutex mutex_;
  CheckpointFolder folder_;
  const std::unique_ptr<Database> database_;
  ReadLog reads_;
  const Keep keep_;
  std::optional<Statement> add_intent_;
  std::optional<Statement> add_commit_;
  std::optional<Statement> put_mark_;
  std::optional<Statement> drop_mark_;
  std::optional<Statement> drop_announced_;
  std::optional<Statement> drop_batches_;
  std::optional<Statement> note_dropped_;
  std::deque<BatchTime> kept_;  // batches with a commit
  BatchTime dropped_;           // the last that was dropped
  LogContent former_;
};

}  // namespace streamrun
