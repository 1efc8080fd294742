// External sorting: the runs that come of morsels are merged, in memory or, past a share of it, from the spool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runner/base/result.h"
#include "runner/data/column.h"
#include "runner/data/type.h"
#include "runner/operator/byte_spool.h"
#include "runner/operator/memory_account.h"
#include "runner/operator/merged_runs.h"
#include "runner/operator/row_order.h"
#include "runner/operator/row_store.h"

namespace streamrun {

// For `explain`.
constexpr const char* kSpills = ", spilling to disk past a quarter of `memory`";

// What the rows are, and their order. Const, shared by threads.
struct RunLayout {
  Schema stored;  // columns of rows; those from `begin` on are the keys
  std::uint32_t begin = 0;
  RowOrder order = RowOrder(std::vector<Direction>());
  std::size_t group = 0;               // rows whose first keys are equal, so many of them, are a group
  std::optional<std::uint64_t> limit;  // of each group's rows the first so many stay

  std::span<const ColumnPtr> keys(const std::vector<ColumnPtr>& columns) const {
    return std::span(columns).subspan(begin);
  }
};

struct SortedRun {
  std::vector<ColumnPtr> columns;
  std::vector<OrderedRow> rows;  // of all of the columns', in order
};
// Of all `count` rows of these columns.
SortedRun sorted_run(const RunLayout& layout, std::vector<ColumnPtr> columns, std::uint32_t count);
// Leaves the rows up to the limit, and of the columns theirs.
void cut(const RunLayout& layout, SortedRun& run);

// One thread at a time; `chunk` once it is finished may be called by any.
class SortedRuns {
 public:
  // They hold a part of `memory`, and leave some to others.
  SortedRuns(const RunLayout& layout, const std::shared_ptr<MemoryAccount>& memory, std::shared_ptr<SpoolPool> spools);

  // Of equal rows those of runs that were added before come first.
  Result<> add(SortedRun&& run);
  std::uint32_t in_memory() const { return stored_.count(); }

  // Calls `take(columns, rows)` with all rows in order, up to the limit, some at a time. Nothing is left.
  using Take = std::function<Result<>(std::vector<ColumnPtr>&&, std::uint32_t)>;
  Result<> drain(const Take& take);

  // Or they stay, as so many chunks.
  Result<> finish();
  std::uint32_t chunks() const;
  struct Chunk {
    std::vector<ColumnPtr> columns;
    std::uint32_t rows = 0;
  };
  Result<Chunk> chunk(std::uint32_t index) const;

 private:
  struct Spooled {
    std::uint32_t rows = 0;
    std::uint64_t offset = 0;
    std::size_t size = 0;
  };
  struct SpooledRun {
    std::unique_ptr<ByteSpool> spool;
    std::vector<Spooled> chunks;
    std::uint32_t level = 0;  // it is of runs of the level below
  };
  class Reader;

  // Of those in memory, which are taken out.
  MergedRuns merged();
  // Calls `take(columns, rows)` with their rows in order, up to the limit, range after range.
  using TakeRows = std::function<Result<>(const std::vector<ColumnPtr>&, std::span<const OrderedRow>)>;
  Result<> take_merged(const TakeRows& take);
  Result<> compact();
  Take write_to(SpooledRun& run) const;
  Result<> spill();
  Result<> merge_last(std::size_t count);
  Result<> merge_few();
  Result<> merge_spooled(std::span<const SpooledRun> runs, const Take& take);

  const RunLayout& layout_;
  const std::shared_ptr<MemoryAccount> memory_;
  HeldMemory held_;
  const std::shared_ptr<SpoolPool> spools_;
  const std::size_t chunk_bytes_;
  RowStore stored_;
  std::vector<std::vector<OrderedRow>> runs_;  // of `stored_`, as they were added
  std::uint64_t compact_at_;
  std::vector<SpooledRun> spilled_;   // as they were added
  std::optional<MergedRuns> result_;  // where nothing has been spilled; else it is the one spilled run
};

}  // namespace streamrun
