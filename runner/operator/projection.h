// Steps that keep rows and compute columns: filter, map, with, drop and rename are one kernel.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runner/expr/expression.h"
#include "runner/operator/kernel.h"
#include "runner/operator/transform.h"

namespace streamrun {

// Takes the rows that failed out of `batch`'s selection and hands them to context.reject.
void reject_failed(RecordBatch& batch, KernelContext& context);

// Notes the columns that an expression reads.
void need_columns(const Expression& expression, std::vector<bool>& needed);

// What a breaker keeps of its input: columns of it, then computed ones.
struct KeptColumns {
  std::vector<bool> needed;  // of the input's columns; the others are null pointers
  std::vector<Expression> computed;

  std::uint32_t inputs() const { return static_cast<std::uint32_t>(needed.size()); }
  // All that is read of the input.
  std::vector<bool> read() const;
  // Those of `batch`, which rows that cannot be computed are taken out of, and rejected.
  std::vector<ColumnPtr> of(RecordBatch& batch, KernelContext& context) const;
};

// Keeps the rows for which `predicate` is true (all, where it is empty), and gives a column for each of `outputs`, all
// over the row as it came in. Rows keep their origin and partition. `outputs` stand for the columns of `schema`,
// visible and hidden.
BoundTransform bind_projection(const BindContext& context, Schema schema, Expression predicate,
                               std::vector<Expression> outputs, std::string detail);

// An expression over input 0, in a step that has made the columns `made` so far: who takes one of these for a column
// that he may use is told of it.
std::optional<Expression> compile_beside(const LocatedText& text, const Schema& made, BindContext& context);

// Input 0's columns [begin, end) as they are.
void pass_columns(const BindContext& context, std::uint32_t begin, std::uint32_t end, std::vector<Expression>& outputs);

}  // namespace streamrun
