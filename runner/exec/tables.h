// Tables with their versions: each is read in a pass of its own, before the first batch and again when its `refresh`
// has gone by. What tables alone make stays until one of them has a new version.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runner/exec/pass.h"
#include "runner/exec/read_log.h"
#include "runner/operator/environment.h"
#include "runner/plan/table_use.h"

namespace streamrun {

// One thread.
class Tables {
 public:
  Tables(const PhysicalPlan& plan, const Environment& environment, std::function<void(const std::string&)> warn);

  // What is read from now on is kept there. Batches up to `again_until` come again: they get what they had; `only`: and
  // nothing else is read.
  void keep_reads(ReadLog& log, std::optional<BatchTime> again_until, bool only);

  // Reads those that are due at this batch. `input`: of a pass of the batch. A table that cannot be read is an error
  // the first time; later its last version serves on, which is said, and it is tried again, ever less often up to its
  // `refresh`. So it is with a record that cannot be read or computed, unless its `on_error` lets it go, and with rows
  // that `memory` does not hold. `counts` takes what was read.
  Result<> refresh(const PassInput& input, PassCounts& counts);

  // By NodeId: results that the pass of a batch need not compute.
  std::vector<BreakerRun*> results() const;
  // Of that pass: what stays.
  void keep(Pass& pass);

 private:
  struct Version {
    std::uint64_t number = 0;  // 0: not read yet
    BatchTime read;
    BatchTime due;
    Duration patience{0};  // until it is tried again: it could not be read the last time
    bool logged = false;   // as a former run has kept it
  };
  struct Kept {
    std::unique_ptr<BreakerRun> run;
    std::vector<std::uint64_t> versions;  // of the tables that made it
  };

  bool due(std::size_t table, BatchTime batch) const;
  // Of these, those that hold rejects: there are none.
  Result<> clear_rejects(const std::vector<NodeId>& nodes, const PassInput& input);
  Result<> read(std::size_t table, const PassInput& input, PassCounts& counts);
  Result<> read_once(std::size_t table, const PassInput& input, PassCounts& counts);
  // The first read of a run, where it is what the last one of the run before it was: that serves on.
  Result<> finish_read(std::size_t table, const PassInput& input, bool first);
  Result<> serve_as_before(std::size_t table, const PassInput& input);
  // As it was kept for the batch; false: it was not.
  Result<bool> read_kept(std::size_t table, const PassInput& input, PassCounts& counts);
  Result<> load(std::size_t table, Source& source, PassInput input, PassCounts& counts);
  Result<> serve_on(std::size_t table, BatchTime batch, const Error& error);
  std::vector<std::uint64_t> versions(NodeId node) const;

  const PhysicalPlan& plan_;
  const Environment& environment_;
  const std::function<void(const std::string&)> warn_;
  const TableUse use_;
  const std::string definition_;   // of the pipeline: what its rows are made by, and what is rejected
  std::vector<Version> versions_;  // by source
  std::vector<Kept> kept_;         // by NodeId
  ReadLog* log_ = nullptr;
  std::optional<BatchTime> again_until_;
  bool only_again_ = false;
};

}  // namespace streamrun
