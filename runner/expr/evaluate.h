// Evaluation of typed trees, whole columns at a time.
#pragma once

#include <span>
#include <vector>

#include "runner/expr/node.h"

namespace streamrun {

// The columns and slots that a tree is evaluated over: rows of a batch, or the elements within a lambda.
struct Frame {
  std::span<const ColumnPtr> columns;
  std::uint32_t rows = 0;
  std::vector<ColumnPtr> slots;
};

class Evaluator {
 public:
  Evaluator(Frame& frame, EvalContext& context);

  ColumnPtr value(const ExprNode& node, const Selection& selection);
  Selection select(const ExprNode& node, const Selection& selection);

 private:
  ColumnPtr call(const ExprNode& node, const Selection& selection);
  ColumnPtr logic(const ExprNode& node, const Selection& selection);
  ColumnPtr choice(const ExprNode& node, const Selection& selection);
  ColumnPtr first_of(const ExprNode& node, const Selection& selection);
  ColumnPtr field(const ExprNode& node, const Selection& selection);
  ColumnPtr element(const ExprNode& node, const Selection& selection);
  // higher_order.cc
  ColumnPtr higher_order(const ExprNode& node, const Selection& selection);
  ColumnPtr fold_lists(const ExprNode& node, const Selection& selection, const ColumnPtr& lists, ColumnPtr start);
  ColumnPtr elementwise(const ExprNode& node, const Selection& selection, std::span<const ColumnPtr> lists);

  // Takes what the values hold from the budget; one that is too large is an error of its row.
  void bound_values(const Column& values, const Selection& selection);

  // Reports that `node` cannot be computed for that row.
  void fail(std::uint32_t row, std::string_view what, const ExprNode& node);
  // The rows of `selection` that have not failed since the context had `errors` of them.
  Selection alive(const Selection& selection, std::size_t errors) const;
  ColumnPtr sized(const ColumnPtr& constant) const;

  Frame& frame_;
  EvalContext& context_;
  EvalContext scratch_;  // what kernels report into, before it says where
};

// One value of each row, of the part that has it.
struct Part {
  ColumnPtr values;
  Selection selection;
};
ColumnPtr assemble(const Type& type, std::uint32_t rows, std::span<const Part> parts);

}  // namespace streamrun
