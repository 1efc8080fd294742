#include "runner/expr/expression.h"

#include <fmt/format.h>

#include "runner/expr/checker.h"
#include "runner/expr/coercion.h"
#include "runner/expr/evaluate.h"
#include "runner/expr/fold.h"
#include "runner/expr/parser.h"

namespace streamrun {

Expression::Expression(std::shared_ptr<const ExprNode> root, LocatedText text)
    : root_(std::move(root)), text_(std::move(text)), columns_(columns_of(*root_)) {}

const Type& Expression::type() const {
  return root_->type;
}
bool Expression::can_fail() const {
  return root_->can_fail;
}
bool Expression::constant() const {
  return root_->constant;
}

std::optional<std::uint32_t> Expression::column() const {
  if (root_->kind != NodeKind::column) return std::nullopt;
  return root_->index;
}

Expression Expression::renumbered(const std::function<std::uint32_t(std::uint32_t)>& number) const {
  return Expression(streamrun::renumbered(root_, number), text_);
}

namespace {

AstPtr parse(const LocatedText& text, Diagnostics& diagnostics) {
  SyntaxFault fault;
  AstPtr ast = parse_expression(text.value(), fault);
  if (!ast) diagnostics.error("syntax", text.span(fault.begin, fault.end), fault.message);
  return ast;
}

// Intervals are values within expressions only.
bool holds_interval(const Type& type) {
  if (type.kind() == TypeKind::month_interval || type.kind() == TypeKind::day_interval) return true;
  for (const Field& field : type.fields()) {
    if (holds_interval(field.type)) return true;
  }
  return false;
}

}  // namespace

std::optional<Expression> compile_expression(const LocatedText& text, const Scope& scope, Diagnostics& diagnostics) {
  const AstPtr ast = parse(text, diagnostics);
  if (!ast) return std::nullopt;
  NodePtr root = Checker(text, scope, diagnostics).check(*ast);
  if (!root) return std::nullopt;
  if (holds_interval(root->type)) {
    diagnostics.error("type-mismatch", text.span(ast->begin, ast->end),
                      "an interval is no value of a column; add it to a time or compare it");
    return std::nullopt;
  }
  return Expression(std::move(root), text);
}

std::optional<Expression> compile_expression_as(const LocatedText& text, const Type& type, const Scope& scope,
                                                Diagnostics& diagnostics) {
  const AstPtr ast = parse(text, diagnostics);
  if (!ast) return std::nullopt;
  Checker checker(text, scope, diagnostics);
  NodePtr root = checker.check(*ast);
  if (!root) return std::nullopt;
  // A constant number may become a narrower one: whether it fits is known at once.
  const bool constant_fits = root->kind == NodeKind::constant && root->type.is_numeric() &&
                             (type.kind() == TypeKind::decimal || (type.is_numeric() && root->type.is_integer()));
  // A sum of decimals has a digit more than they have: a row that needs it fails.
  const bool sum_fits =
      root->type.kind() == TypeKind::decimal && type.kind() == TypeKind::decimal && root->type.scale() == type.scale();
  const bool fits = constant_fits || sum_fits;
  if (!assignable(root->type, type) && !fits) {
    diagnostics.error("type-mismatch", text.span(ast->begin, ast->end),
                      fmt::format("this is {}, where {} is expected; cast it", root->type.name(), type.name()));
    return std::nullopt;
  }
  root = checker.cast(std::move(root), type, *ast);
  if (!root) return std::nullopt;
  return Expression(std::move(root), text);
}

std::optional<Expression> compile_cast(const LocatedText& text, const Type& type, const Scope& scope,
                                       Diagnostics& diagnostics) {
  const AstPtr ast = parse(text, diagnostics);
  if (!ast) return std::nullopt;
  Checker checker(text, scope, diagnostics);
  NodePtr root = checker.check(*ast);
  if (root) root = checker.cast_with_warning(std::move(root), type, *ast);
  if (!root) return std::nullopt;
  return Expression(std::move(root), text);
}

Expression column_expression(const Scope& scope, std::uint32_t column, LocatedText text) {
  auto node = std::make_shared<ExprNode>();
  node->kind = NodeKind::column;
  node->index = column;
  std::uint32_t position = column;
  for (const Scope::Input& input : scope.inputs) {
    if (position < input.schema->size()) {
      node->type = input.schema->at(position).type;
      break;
    }
    position -= input.schema->size();
  }
  node->text = text.value();
  return Expression(std::move(node), std::move(text));
}

namespace {

// Of what rows make together, and of what a row that is alone may make: the larger one, as it cannot be parted.
constexpr std::size_t kSliceBytes = std::size_t{64} << 20;
constexpr std::size_t kRowBytes = std::size_t{192} << 20;

}  // namespace

EvalSlices::EvalSlices(const Selection& selection, EvalContext& context)
    : context_(context), outer_(context.budget), pending_{selection} {}

bool EvalSlices::next() {
  if (pending_.empty()) return false;
  rows_ = std::move(pending_.back());
  pending_.pop_back();
  budget_ = EvalBudget(rows_.count() == 1 ? kRowBytes : kSliceBytes);
  context_.budget = &budget_;
  errors_ = context_.errors.size();
  return true;
}

bool EvalSlices::fits() {
  context_.budget = outer_;
  if (!budget_.exceeded()) return true;
  context_.errors.truncate(errors_);
  if (rows_.count() <= 1) {
    rows_.for_each([&](std::uint32_t row) {
      context_.errors.add(row, "computing this record takes more than 192 MiB of memory");
    });
    return true;
  }
  std::vector<std::uint32_t> rows;
  rows_.for_each([&](std::uint32_t row) { rows.push_back(row); });
  const auto half = rows.begin() + static_cast<std::ptrdiff_t>(rows.size() / 2);
  pending_.push_back(Selection::of({half, rows.end()}));
  pending_.push_back(Selection::of({rows.begin(), half}));
  return false;
}

ColumnPtr evaluate(const Expression& expression, const EvalInput& input, const Selection& selection,
                   EvalContext& context) {
  Frame frame{input.columns, input.rows, {}};
  if (context.budget != nullptr) return Evaluator(frame, context).value(expression.root(), selection);
  std::vector<Part> parts;
  for (EvalSlices slices(selection, context); slices.next();) {
    ColumnPtr values = Evaluator(frame, context).value(expression.root(), slices.rows());
    if (slices.fits()) parts.push_back({std::move(values), slices.rows()});
  }
  return parts.size() == 1 ? parts[0].values : assemble(expression.type(), input.rows, parts);
}

Selection select(const Expression& predicate, const EvalInput& input, const Selection& selection,
                 EvalContext& context) {
  Frame frame{input.columns, input.rows, {}};
  if (context.budget != nullptr) return Evaluator(frame, context).select(predicate.root(), selection);
  std::vector<Selection> parts;
  for (EvalSlices slices(selection, context); slices.next();) {
    Selection kept = Evaluator(frame, context).select(predicate.root(), slices.rows());
    if (slices.fits()) parts.push_back(slices.failed() ? Selection() : std::move(kept));
  }
  if (parts.size() == 1) return std::move(parts[0]);
  std::vector<std::uint32_t> rows;
  for (const Selection& part : parts) part.for_each([&](std::uint32_t row) { rows.push_back(row); });
  return Selection::of(std::move(rows));
}

std::optional<AggregateExpression> compile_aggregate(const LocatedText& text, const Scope& rows, const Schema& keys,
                                                     std::uint32_t first_call, Diagnostics& diagnostics) {
  const AstPtr ast = parse(text, diagnostics);
  if (!ast) return std::nullopt;
  AggregateScope aggregates;
  aggregates.keys = &keys;
  aggregates.first_call = first_call;
  NodePtr root = Checker(text, rows, diagnostics, &aggregates).check(*ast);
  if (!root) return std::nullopt;
  return AggregateExpression{std::move(aggregates.calls), Expression(std::move(root), text)};
}

}  // namespace streamrun
