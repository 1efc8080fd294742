#include "runner/expr/fold.h"

#include "runner/expr/evaluate.h"

namespace streamrun {

Result<ColumnPtr> compute_constant(const ExprNode& node) {
  Frame frame{{}, 1, {}};
  EvalContext context;
  ColumnPtr column;
  for (EvalSlices slices(Selection::all(1), context); slices.next();) {
    column = Evaluator(frame, context).value(node, slices.rows());
    static_cast<void>(slices.fits());
  }
  if (!context.errors.empty()) return failure(context.errors.all().front().message);
  return constant_of(*column, 0, 1);
}

}  // namespace streamrun
