#include "runner/expr/fold.h"

#include "runner/expr/evaluate.h"

namespace streamrun {

Result<ColumnPtr> compute_constant(const ExprNode& node) {
  Frame frame{{}, 1, {}};
  EvalContext context;
  const ColumnPtr column = Evaluator(frame, context).value(node, Selection::all(1));
  if (!context.errors.empty()) return failure(context.errors.all().front().message);
  return constant_of(*column, 0, 1);
}

}  // namespace streamrun
