#include "runner/expr/node.h"

#include <algorithm>

namespace streamrun {

namespace {

template <class Visit>
void walk(const ExprNode& node, const Visit& visit) {
  visit(node);
  for (const NodePtr& child : node.children) walk(*child, visit);
}

void sort_unique(std::vector<std::uint32_t>& list) {
  std::ranges::sort(list);
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

}  // namespace

std::vector<std::uint32_t> columns_of(const ExprNode& node) {
  std::vector<std::uint32_t> out;
  walk(node, [&](const ExprNode& n) {
    if (n.kind == NodeKind::column) out.push_back(n.index);
  });
  sort_unique(out);
  return out;
}

std::vector<std::uint32_t> free_slots_of(const ExprNode& node) {
  std::vector<std::uint32_t> read;
  std::vector<std::uint32_t> bound;
  walk(node, [&](const ExprNode& n) {
    if (n.kind == NodeKind::slot) read.push_back(n.index);
    if (n.kind == NodeKind::let) bound.push_back(n.index);
    bound.insert(bound.end(), n.parameters.begin(), n.parameters.end());
    bound.insert(bound.end(), n.finish_parameters.begin(), n.finish_parameters.end());
  });
  sort_unique(read);
  sort_unique(bound);
  // Every slot is bound at one place of the tree.
  std::vector<std::uint32_t> out;
  std::ranges::set_difference(read, bound, std::back_inserter(out));
  return out;
}

NodePtr renumbered(const NodePtr& node, const std::function<std::uint32_t(std::uint32_t)>& number) {
  auto out = std::make_shared<ExprNode>(*node);
  if (out->kind == NodeKind::column) out->index = number(out->index);
  for (NodePtr& child : out->children) child = renumbered(child, number);
  for (std::uint32_t& column : out->outer_columns) column = number(column);
  return out;
}

ColumnPtr constant_of(const Column& from, std::uint32_t row, std::uint32_t rows) {
  if (from.type().kind() == TypeKind::null || from.is_null(row)) return Column::make_null(from.type(), rows);
  MutableColumn out = Column::make_constant(from.type(), rows);
  const std::uint32_t slot = from.slot(row);
  with_storage(from.type().kind(), [&]<class T>() {
    if constexpr (!std::is_void_v<T>) *out->values<T>() = from.values<T>()[slot];
  });
  if (from.type().kind() == TypeKind::structure) {
    for (const ColumnPtr& child : from.children) out->children.push_back(constant_of(*child, slot, rows));
  } else {
    out->children = from.children;
  }
  out->keep_heaps_of(from);
  return out;
}

MutableColumn take_rows(const Column& from, std::span<const std::uint32_t> rows) {
  const auto count = static_cast<std::uint32_t>(rows.size());
  MutableColumn out = Column::make(from.type(), count);
  if (from.type().kind() == TypeKind::null) {
    out->validity.clear_all(count);
    return out;
  }
  with_storage(from.type().kind(), [&]<class T>() {
    if constexpr (!std::is_void_v<T>) {
      const T* values = from.values<T>();
      T* to = out->values<T>();
      for (std::uint32_t i = 0; i < count; ++i) to[i] = rows[i] == kNoRow ? T{} : values[from.slot(rows[i])];
    }
  });
  const bool nulls = !from.no_nulls();
  for (std::uint32_t i = 0; i < count; ++i) {
    if (rows[i] == kNoRow || (nulls && from.is_null(rows[i]))) out->set_null(i);
  }
  if (from.type().kind() == TypeKind::structure) {
    std::vector<std::uint32_t> slots(rows.begin(), rows.end());
    if (from.constant()) {
      for (std::uint32_t& row : slots) row = row == kNoRow ? kNoRow : 0;
    }
    for (const ColumnPtr& child : from.children) out->children.push_back(take_rows(*child, slots));
  } else {
    out->children = from.children;
  }
  out->keep_heaps_of(from);
  return out;
}

}  // namespace streamrun
