// Accumulators of a Fold, one a group.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "runner/expr/expression.h"
#include "runner/operator/keyed_aggregate.h"

namespace streamrun {

// A fold of a column by an expression takes turns: the k-th turn folds the k-th row of every group, all groups
// at once, so that the expression runs over columns here too. One thread at a time.
class FoldValues {
 public:
  // `fold` outlives it.
  explicit FoldValues(const Fold& fold) : fold_(&fold) {}

  // Rows that fail are in context.errors, and leave their group as it was.
  void add(std::span<const std::uint32_t> groups, const Selection& selection, const ColumnPtr& values,
           EvalContext& context);
  // `groups[i]` is followed by `from_groups[i]` of `from`; groups are distinct. Groups that fail are noted.
  void merge(std::span<const std::uint32_t> groups, const FoldValues& from, std::span<const std::uint32_t> from_groups,
             EvalContext& context);
  void reach(std::uint32_t groups);
  // Values of these groups, a row each; errors of those that a merge has lost are added to `errors`.
  ColumnPtr finish(std::span<const std::uint32_t> groups, RowErrors& errors) const;
  // No row of it could be folded.
  bool absent(std::uint32_t group) const { return present_[group] == 0; }
  std::size_t bytes() const;

 private:
  // A column of one row.
  struct Cell {
    ColumnPtr value;
    std::size_t bytes = 0;
  };

  ColumnPtr gathered(std::span<const std::uint32_t> groups) const;
  void set(std::uint32_t group, const Column& from, std::uint32_t row);
  void turn(std::span<const std::uint32_t> groups, std::span<const std::uint32_t> rows, const ColumnPtr& values,
            EvalContext& context);
  std::vector<RowError> assign(std::span<const std::uint32_t> groups, const Expression& expression,
                               std::vector<ColumnPtr> columns, EvalContext& context);

  const Fold* fold_;
  std::vector<std::uint8_t> present_;
  MutableColumn fixed_;                               // of types of a fixed width, longer than the groups
  std::vector<Cell> cells_;                           // of the others
  std::size_t heap_ = 0;                              // bytes of the cells
  std::unordered_map<std::uint32_t, RowError> lost_;  // by group
};

}  // namespace streamrun
