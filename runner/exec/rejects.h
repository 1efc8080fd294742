// Records that cannot be read or computed, of one morsel: what becomes of them is their node's policy.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runner/data/record_batch.h"
#include "runner/exec/outcome.h"
#include "runner/plan/physical_plan.h"

namespace streamrun {

// ` (FILE:LINE:COLUMN)`, of the expression that stands there; nothing where it stands nowhere.
std::string place_text(std::uint32_t place, const PhysicalPlan& plan);

// One thread.
class Rejects {
 public:
  explicit Rejects(const PhysicalPlan& plan) : plan_(plan) {}

  // `schema`: of the batch's columns. `outcome` takes verdicts and counts.
  void add(const PlanNode& node, const Schema& schema, const RecordBatch& batch, std::vector<RowError> errors,
           std::uint32_t slice, MorselOutcome& outcome);

  bool pending() const { return !routed_.empty(); }
  // Rows for one errors node, in row order, and which node that is. Call while any are pending.
  RecordBatch take(BatchTime batch, PartitionIndex partition, NodeId& node);

 private:
  struct Routed {
    NodeId to;
    RecordOrder order;
    std::string error;
    std::string stage;
    std::optional<std::string> raw;
    std::optional<std::string> place;
    std::shared_ptr<const Origin> origin;
    std::uint32_t record = 0;
  };

  const PhysicalPlan& plan_;
  std::vector<Routed> routed_;
};

// `raw` of `records` of `origin`: null where there is none.
ColumnPtr raw_column(const Origin* origin, std::uint32_t first, std::uint32_t count);
// A hidden column of records of `origin`; nullptr where there is none such.
ColumnPtr hidden_column(const Origin* origin, const Field& field, BatchTime batch, std::uint32_t first,
                        std::uint32_t count);
// A constant timestamp.
ColumnPtr batch_column(BatchTime batch, std::uint32_t rows);

}  // namespace streamrun
