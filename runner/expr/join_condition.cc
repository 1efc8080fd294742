#include "runner/expr/join_condition.h"

#include "runner/expr/node.h"

namespace streamrun {
namespace {

enum class Side { left, right, neither };

Side side_of(const ExprNode& node, std::uint32_t right_begin) {
  const auto columns = columns_of(node);
  // What may fail must not be computed for rows that the rest of the condition keeps from it.
  if (columns.empty() || node.can_fail || node.volatile_call) return Side::neither;
  if (columns.back() < right_begin) return Side::left;
  return columns.front() >= right_begin ? Side::right : Side::neither;
}

bool is_equality(const ExprNode& node) {
  if (node.comparison != Comparison::equal || node.nulls != NullRule::propagate || node.children.size() != 2) {
    return false;
  }
  const Type& type = node.children[0]->type;
  return type == node.children[1]->type && type.kind() != TypeKind::null && type.kind() != TypeKind::map &&
         type.kind() != TypeKind::variant;
}

}  // namespace

JoinEqualities join_equalities(const Expression& condition, std::uint32_t right_begin) {
  JoinEqualities found;
  found.complete = true;
  const auto take = [&](const ExprNode& node) {
    if (!is_equality(node)) return false;
    const Side first = side_of(*node.children[0], right_begin);
    const Side second = side_of(*node.children[1], right_begin);
    if (first == Side::neither || second == Side::neither || first == second) return false;
    const std::size_t left = first == Side::left ? 0 : 1;
    const Expression right(node.children[1 - left], condition.text());
    found.pairs.emplace_back(Expression(node.children[left], condition.text()),
                             right.renumbered([&](std::uint32_t column) { return column - right_begin; }));
    return true;
  };
  const ExprNode& root = condition.root();
  if (root.kind != NodeKind::all_of) {
    found.complete = take(root);
    return found;
  }
  for (const NodePtr& part : root.children) found.complete = take(*part) && found.complete;
  return found;
}

ColumnPtr gather_or_null(const ColumnPtr& from, std::span<const std::uint32_t> rows) {
  static_assert(kMissingRow == kNoRow);
  return take_rows(*from, rows);
}

}  // namespace streamrun
