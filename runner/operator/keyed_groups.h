// Groups of rows with their aggregates, while they are made: within keyed_aggregate.cc.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "runner/data/column.h"
#include "runner/data/selection.h"
#include "runner/expr/group_states.h"
#include "runner/operator/fold_values.h"
#include "runner/operator/group_table.h"
#include "runner/operator/keyed_aggregate.h"
#include "runner/operator/memory_account.h"

namespace streamrun {

// A spec with what was found out about it; shared by the runs of all passes.
struct KeyedAggregation {
  KeyedAggregateSpec spec;
  std::vector<Type> key_types;
  std::vector<std::shared_ptr<const Aggregator>> aggregators;  // of the calls that are needed
  std::vector<std::size_t> calls;                              // their positions in the spec
  std::vector<bool> wanted;                                    // outputs
  bool fold_wanted = false;
  bool exact = true;
  // Groups of the batch before, so that small tables need not grow again; shared by the runs of all passes.
  std::shared_ptr<std::atomic<std::uint32_t>> last_groups = std::make_shared<std::atomic<std::uint32_t>>(0);

  bool keyed() const { return !spec.keys.empty(); }
};

// Rows whose values are computed. They keep the buffers that these are of until they are grouped: of a morsel, so long
// as it waits for its turn.
struct KeyedRows {
  struct Call {
    std::vector<ColumnPtr> arguments;
    std::optional<Selection> filtered;  // those that its filter lets pass; none: it has no filter
  };
  std::vector<ColumnPtr> keys;
  std::vector<Call> calls;  // those that are needed
  Selection selection;
};

// Room that grouping uses; it keeps its capacity.
struct GroupingRoom {
  std::vector<std::uint32_t> group_of_row;  // of each selected row
  std::vector<std::uint32_t> firsts;
};

// One thread at a time.
struct KeyedGroups {
  KeyedGroups(const KeyedAggregation& aggregation, std::shared_ptr<MemoryAccount> account, std::uint32_t expected = 0);

  void group(const KeyedRows& rows, GroupingRoom& room);
  // Groups [begin, end) of another one, which was retired, behind these.
  void absorb(KeyedGroups& from, std::uint32_t begin, std::uint32_t end, BatchTime batch);
  void reach(std::uint32_t count);

  // Rows of a morsel that hardly share their keys: to group them here and again in the result would be twice the work.
  // By the first rows of the morsel, so that it is the same for the same morsel.
  bool defers(const KeyedRows& first) const;
  void defer(KeyedRows&& rows, GroupingRoom& room);
  std::vector<KeyedRows> take_deferred();

  void seal();
  // Before it is absorbed by others, which count its keys from now on.
  void retire();
  std::size_t bytes() const;
  void count() { held.set(bytes(), table.size()); }

  const KeyedAggregation& aggregation;
  GroupTable table;
  GroupStates states;
  std::optional<FoldValues> fold;
  std::vector<KeyedRows> deferred;  // behind the groups
  std::size_t deferred_rows = 0;
  HeldMemory held;
  std::uint32_t size = 0;
};

}  // namespace streamrun
