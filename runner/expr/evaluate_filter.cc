// The rows that a condition keeps; comparisons with constants go without a column of verdicts.
#include <cmath>

#include "runner/expr/evaluate.h"

namespace streamrun {

namespace {

template <class Test>
Selection filtered(const Selection& selection, Test&& test) {
  std::vector<std::uint32_t> out(selection.count());
  std::uint32_t* to = out.data();
  std::uint32_t n = 0;
  // Without a branch: the row is always written, and counts only where the test holds.
  selection.for_each([&](std::uint32_t row) {
    to[n] = row;
    n += test(row) ? 1U : 0U;
  });
  if (n == selection.count()) return selection;
  out.resize(n);
  return Selection::of(std::move(out));
}

Comparison mirrored(Comparison c) {
  switch (c) {
    case Comparison::less: return Comparison::greater;
    case Comparison::less_equal: return Comparison::greater_equal;
    case Comparison::greater: return Comparison::less;
    case Comparison::greater_equal: return Comparison::less_equal;
    default: return c;
  }
}

// `values` against a constant that is no NaN; NaN is the greatest value.
template <class T>
Selection compare_numbers(const T* values, T with, Comparison how, const Selection& selection) {
  switch (how) {
    case Comparison::less: return filtered(selection, [&](std::uint32_t row) { return values[row] < with; });
    case Comparison::less_equal: return filtered(selection, [&](std::uint32_t row) { return values[row] <= with; });
    case Comparison::greater: return filtered(selection, [&](std::uint32_t row) { return !(values[row] <= with); });
    case Comparison::greater_equal:
      return filtered(selection, [&](std::uint32_t row) { return !(values[row] < with); });
    default: return filtered(selection, [&](std::uint32_t row) { return values[row] == with; });
  }
}

bool fast_comparable(const Column& column, const Column& constant, Comparison how) {
  if (column.constant() || !column.no_nulls() || !constant.constant() || !constant.no_nulls()) return false;
  switch (column.type().kind()) {
    case TypeKind::int32:
    case TypeKind::int64:
    case TypeKind::date:
    case TypeKind::timestamp: return true;
    case TypeKind::float64: return !std::isnan(*constant.values<double>());
    case TypeKind::float32: return !std::isnan(*constant.values<float>());
    case TypeKind::string: return how == Comparison::equal;
    default: return false;
  }
}

Selection fast_compare(const Column& column, const Column& constant, Comparison how, const Selection& selection) {
  Selection out;
  with_storage(column.type().kind(), [&]<class T>() {
    if constexpr (std::is_arithmetic_v<T>) {
      out = compare_numbers<T>(column.values<T>(), *constant.values<T>(), how, selection);
    } else if constexpr (std::is_same_v<T, StringRef>) {
      const StringRef with = *constant.values<StringRef>();
      const StringRef* values = column.values<StringRef>();
      out = filtered(selection, [&](std::uint32_t row) { return values[row] == with; });
    }
  });
  return out;
}

}  // namespace

Selection Evaluator::select(const ExprNode& node, const Selection& selection) {
  if (node.kind == NodeKind::all_of) {
    Selection open = selection;
    for (const NodePtr& child : node.children) {
      if (open.empty()) break;
      open = select(*child, open);
    }
    return open;
  }
  if (node.kind == NodeKind::constant) {
    const bool truth = node.value->no_nulls() && *node.value->values<std::uint8_t>() != 0;
    return truth ? selection : Selection();
  }
  if (node.comparison != Comparison::none) {
    const auto plain = [](const ExprNode& n) {
      return n.kind == NodeKind::column || n.kind == NodeKind::slot || n.kind == NodeKind::constant;
    };
    const ExprNode& a = *node.children[0];
    const ExprNode& b = *node.children[1];
    if (plain(a) && plain(b)) {
      const ColumnPtr left = value(a, selection);
      const ColumnPtr right = value(b, selection);
      if (fast_comparable(*left, *right, node.comparison)) {
        return fast_compare(*left, *right, node.comparison, selection);
      }
      if (fast_comparable(*right, *left, node.comparison)) {
        return fast_compare(*right, *left, mirrored(node.comparison), selection);
      }
    }
  }
  const std::size_t errors = context_.errors.size();
  const ColumnPtr verdicts = value(node, selection);
  const std::uint8_t* values = verdicts->values<std::uint8_t>();
  const auto test = [&](const Selection& rows) {
    if (verdicts->constant()) return !verdicts->no_nulls() || values[0] == 0 ? Selection() : rows;
    if (verdicts->no_nulls()) return filtered(rows, [&](std::uint32_t row) { return values[row] != 0; });
    return filtered(rows, [&](std::uint32_t row) { return verdicts->validity.test(row) && values[row] != 0; });
  };
  return context_.errors.size() == errors ? test(selection) : test(alive(selection, errors));
}

}  // namespace streamrun
