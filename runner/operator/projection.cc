#include "runner/operator/projection.h"

#include <fmt/format.h>

namespace streamrun {

void reject_failed(RecordBatch& batch, KernelContext& context) {
  if (context.eval.errors.empty()) return;
  std::vector<RowError> errors = context.eval.errors.take();
  std::vector<std::uint32_t> rows;
  rows.reserve(errors.size());
  for (const RowError& error : errors) rows.push_back(error.row);
  context.reject(batch, std::move(errors));
  batch.selection = without(batch.selection, rows);
}

void need_columns(const Expression& expression, std::vector<bool>& needed) {
  for (const std::uint32_t column : expression.columns_read()) {
    if (column < needed.size()) needed[column] = true;
  }
}

std::vector<bool> KeptColumns::read() const {
  std::vector<bool> read = needed;
  for (const Expression& expression : computed) need_columns(expression, read);
  return read;
}

std::vector<ColumnPtr> KeptColumns::of(RecordBatch& batch, KernelContext& context) const {
  std::vector<ColumnPtr> columns(inputs() + computed.size());
  for (std::uint32_t i = 0; i < inputs(); ++i) {
    if (needed[i]) columns[i] = batch.columns[i];
  }
  for (std::size_t i = 0; i < computed.size(); ++i) {
    columns[inputs() + i] = evaluate(computed[i], {batch.columns, batch.rows}, batch.selection, context.eval);
  }
  reject_failed(batch, context);
  return columns;
}

namespace {

struct ProjectionSpec {
  std::uint32_t inputs = 0;  // columns of the input, hidden ones included
  Expression predicate;
  std::vector<Expression> outputs;
};

class Projection final : public Kernel {
 public:
  Projection(std::shared_ptr<const ProjectionSpec> spec, std::vector<bool> wanted)
      : spec_(std::move(spec)), wanted_(std::move(wanted)) {}

  std::vector<bool> needed() const {
    std::vector<bool> needed(spec_->inputs, false);
    if (spec_->predicate) need_columns(spec_->predicate, needed);
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
      if (wanted_[i]) need_columns(spec_->outputs[i], needed);
    }
    return needed;
  }

  void apply(RecordBatch&& batch, std::size_t, KernelState*, KernelContext& context, const Emit& emit) const override {
    const EvalInput input{batch.columns, batch.rows};
    if (spec_->predicate) {
      Selection kept = select(spec_->predicate, input, batch.selection, context.eval);
      reject_failed(batch, context);
      batch.selection = std::move(kept);
      if (batch.selection.empty()) return;
    }
    for (EvalSlices slices(batch.selection, context.eval); slices.next();) {
      std::vector<ColumnPtr> columns(wanted_.size());
      for (std::size_t i = 0; i < wanted_.size(); ++i) {
        if (!wanted_[i]) continue;
        const Expression& output = spec_->outputs[i];
        const auto bare = output.column();
        columns[i] = bare ? batch.columns[*bare] : evaluate(output, input, slices.rows(), context.eval);
      }
      if (!slices.fits()) continue;
      RecordBatch slice = slices.last() ? std::move(batch) : batch;
      slice.selection = slices.rows();
      reject_failed(slice, context);
      if (slice.selection.empty()) continue;
      slice.columns = std::move(columns);
      emit(std::move(slice));
    }
  }

 private:
  std::shared_ptr<const ProjectionSpec> spec_;
  std::vector<bool> wanted_;
};

}  // namespace

BoundTransform bind_projection(const BindContext& context, Schema schema, Expression predicate,
                               std::vector<Expression> outputs, std::string detail) {
  BoundTransform bound;
  bound.output = std::move(schema);
  bound.can_fail = predicate && predicate.can_fail();
  for (const Expression& output : outputs) bound.can_fail = bound.can_fail || output.can_fail();
  const auto spec =
      std::make_shared<const ProjectionSpec>(context.inputs[0]->size(), std::move(predicate), std::move(outputs));
  bound.step.make = [spec](const std::vector<bool>& wanted) {
    auto kernel = std::make_unique<Projection>(spec, wanted);
    std::vector<bool> needed = kernel->needed();
    return MadeStep::of(std::move(kernel), {std::move(needed)});
  };
  bound.detail = std::move(detail);
  return bound;
}

std::optional<Expression> compile_beside(const LocatedText& text, const Schema& made, BindContext& context) {
  const Scope scope = context.scope();
  Diagnostics own;
  if (compile_expression(text, scope, own)) return compile_expression(text, scope, context.diagnostics);
  Schema both = *context.inputs[0];
  const std::uint32_t inputs = both.size();
  both.columns.insert(both.columns.end(), both.hidden.begin(), both.hidden.end());
  both.hidden.clear();
  for (const Field& field : made.columns) {
    if (!both.find(field.name)) both.columns.push_back(field);
  }
  Scope wider = scope;
  wider.inputs[0].schema = &both;
  Diagnostics unsaid;
  const auto meant = compile_expression(text, wider, unsaid);
  if (!meant || meant->columns_read().empty() || meant->columns_read().back() < inputs) {
    return compile_expression(text, scope, context.diagnostics);
  }
  context.diagnostics.error(
      "unknown-column", text.whole(),
      fmt::format(
          "'{}' is made by this step, whose expressions see the row as it came in; write a second `with` behind it",
          both.at(meant->columns_read().back()).name));
  return std::nullopt;
}

void pass_columns(const BindContext& context, std::uint32_t begin, std::uint32_t end,
                  std::vector<Expression>& outputs) {
  const Scope scope = context.scope();
  for (std::uint32_t i = begin; i < end; ++i) outputs.push_back(column_expression(scope, i, {}));
}

}  // namespace streamrun
