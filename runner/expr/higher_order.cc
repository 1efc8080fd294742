// Functions that take lambdas: a body is evaluated over the elements of all lists at once.
#include <fmt/format.h>

#include <algorithm>

#include "runner/expr/evaluate.h"
#include "runner/expr/functions/lists.h"

namespace streamrun {

namespace {

ColumnPtr outer_value(const ColumnPtr& column, std::span<const std::uint32_t> parents) {
  if (!column) return column;
  if (column->constant()) return Column::resized_constant(column, static_cast<std::uint32_t>(parents.size()));
  return take_rows(*column, parents);
}

}  // namespace

ColumnPtr Evaluator::higher_order(const ExprNode& node, const Selection& selection) {
  Selection open = selection;
  std::vector<ColumnPtr> lists;
  const std::size_t values =
      node.higher_order == HigherOrder::aggregate || node.higher_order == HigherOrder::zip_with ? 2 : 1;
  for (std::size_t i = 0; i < values; ++i) {
    const std::size_t errors = context_.errors.size();
    lists.push_back(value(*node.children[i], open));
    open = alive(open, errors);
  }
  if (node.higher_order == HigherOrder::aggregate) return fold_lists(node, open, lists[0], lists[1]);
  return elementwise(node, open, lists);
}

ColumnPtr Evaluator::fold_lists(const ExprNode& node, const Selection& selection, const ColumnPtr& lists,
                                ColumnPtr start) {
  const ExprNode& merge = *node.children[2];
  std::uint32_t longest = 0;
  std::vector<std::uint32_t> present;
  selection.for_each([&](std::uint32_t row) {
    if (lists->is_null(row)) return;
    present.push_back(row);
    longest = std::max(longest, lists->value<ListRef>(row).length);
  });
  const std::size_t slots = std::ranges::max(node.parameters) + std::size_t{1};
  const std::size_t all_slots =
      node.finish_parameters.empty() ? slots : std::max(slots, node.finish_parameters[0] + std::size_t{1});
  if (frame_.slots.size() < all_slots) frame_.slots.resize(all_slots);
  Selection open = Selection::of(std::move(present));
  Selection alive_rows = open;
  ColumnPtr total = std::move(start);
  const std::size_t left = context_.budget != nullptr ? context_.budget->left() : 0;
  for (std::uint32_t step = 0; step < longest && !context_.exceeded(); ++step) {
    std::vector<std::uint32_t> elements(frame_.rows, kNoRow);
    std::vector<std::uint32_t> rows;
    open.for_each([&](std::uint32_t row) {
      const ListRef list = lists->value<ListRef>(row);
      if (step >= list.length) return;
      elements[row] = list.offset + step;
      rows.push_back(row);
    });
    const Selection stepping = Selection::of(rows);
    frame_.slots[node.parameters[0]] = total;
    frame_.slots[node.parameters[1]] = take_rows(*lists->children[0], elements);
    const std::size_t errors = context_.errors.size();
    ColumnPtr next = value(merge, stepping);
    alive_rows = alive(alive_rows, errors);
    open = alive(stepping, errors);
    const std::vector<Part> parts = {{total, without(alive_rows, rows)}, {std::move(next), open}};
    total = assemble(total->type(), frame_.rows, parts);
    // Of a step nothing stays but the values that it made.
    if (context_.budget != nullptr && !context_.exceeded()) {
      context_.budget->give_back(left);
      bound_values(*total, alive_rows);
    }
  }
  if (node.children.size() > 3) {
    frame_.slots[node.finish_parameters[0]] = total;
    const std::size_t errors = context_.errors.size();
    total = value(*node.children[3], alive_rows);
    alive_rows = alive(alive_rows, errors);
  }
  std::vector<std::uint32_t> rows(frame_.rows, kNoRow);
  alive_rows.for_each([&](std::uint32_t row) { rows[row] = row; });
  return take_rows(*total, rows);
}

void Evaluator::bound_values(const Column& values, const Selection& selection) {
  if (storage_size(values.type().kind()) != 0 && values.children.empty() && values.type().kind() != TypeKind::string &&
      values.type().kind() != TypeKind::binary) {
    return;
  }
  selection.for_each([&](std::uint32_t row) {
    const std::size_t bytes = value_bytes(values, row, kMostValueBytes);
    context_.take(bytes);
    if (bytes > kMostValueBytes) context_.errors.add(row, "a value of more than 16 MiB");
  });
}

ColumnPtr Evaluator::elementwise(const ExprNode& node, const Selection& selection, std::span<const ColumnPtr> lists) {
  // One row of the inner frame for each element; where two lists differ in length, the shorter gives nulls.
  std::vector<std::uint32_t> parents;
  std::vector<std::vector<std::uint32_t>> elements(lists.size());
  std::vector<std::uint32_t> positions;
  MutableColumn out = Column::make(node.type, frame_.rows);
  std::vector<ListRef> ranges(frame_.rows);
  selection.for_each([&](std::uint32_t row) {
    if (context_.exceeded()) return;
    std::uint32_t length = 0;
    for (const ColumnPtr& list : lists) {
      if (list->is_null(row)) {
        out->set_null(row);
        return;
      }
      length = std::max(length, list->value<ListRef>(row).length);
    }
    // What stands for an element: its parent, its position, its value and those of the columns from outside.
    const std::size_t width = 8 + lists.size() * 20 + 16 * (node.outer_columns.size() + node.outer_slots.size());
    if (!context_.take(std::size_t{length} * width)) return;
    ranges[row] = {static_cast<std::uint32_t>(parents.size()), length};
    for (std::uint32_t i = 0; i < length; ++i) {
      parents.push_back(row);
      positions.push_back(i);
      for (std::size_t l = 0; l < lists.size(); ++l) {
        const ListRef list = lists[l]->value<ListRef>(row);
        elements[l].push_back(i < list.length ? list.offset + i : kNoRow);
      }
    }
  });
  if (context_.exceeded()) return Column::make_null(node.type, frame_.rows);
  const auto count = static_cast<std::uint32_t>(parents.size());

  std::vector<ColumnPtr> columns(frame_.columns.size());
  for (const std::uint32_t column : node.outer_columns) columns[column] = outer_value(frame_.columns[column], parents);
  Frame inner{columns, count, {}};
  inner.slots.resize(std::max<std::size_t>(frame_.slots.size(), std::ranges::max(node.parameters) + std::size_t{1}));
  for (const std::uint32_t slot : node.outer_slots) inner.slots[slot] = outer_value(frame_.slots[slot], parents);
  for (std::size_t l = 0; l < lists.size(); ++l) {
    inner.slots[node.parameters[l]] = take_rows(*lists[l]->children[0], elements[l]);
  }
  if (node.parameters.size() > lists.size()) {
    MutableColumn position = Column::make(Type(TypeKind::int32), count);
    for (std::uint32_t i = 0; i < count; ++i) {
      position->values<std::int32_t>()[i] = static_cast<std::int32_t>(positions[i]);
    }
    inner.slots[node.parameters[lists.size()]] = std::move(position);
  }

  EvalContext inside;
  inside.batch = context_.batch;
  inside.seed_row = context_.seed_row;
  inside.budget = context_.budget;
  Evaluator evaluator(inner, inside);
  const ColumnPtr result = evaluator.value(*node.children[lists.size()], Selection::all(count));
  std::vector<bool> failed(frame_.rows);
  for (RowError& error : inside.errors.take()) {
    error.row = parents[error.row];
    if (failed[error.row]) continue;
    failed[error.row] = true;
    context_.errors.add(std::move(error));
  }

  if (context_.exceeded()) return Column::make_null(node.type, frame_.rows);

  const auto present = [&](std::uint32_t row) { return out->validity.test(row) && !failed[row]; };
  if (node.higher_order == HigherOrder::transform || node.higher_order == HigherOrder::zip_with) {
    selection.for_each([&](std::uint32_t row) { out->values<ListRef>()[row] = ranges[row]; });
    if (result->constant()) {
      out->children.push_back(take_rows(*result, std::vector<std::uint32_t>(count, 0)));
    } else {
      out->children.push_back(result);
    }
    bound_values(*out, selection);
    return out;
  }
  const auto verdict = [&](std::uint32_t i) { return result->value<std::uint8_t>(i) != 0; };
  if (node.higher_order == HigherOrder::filter) {
    std::vector<std::uint32_t> kept;
    selection.for_each([&](std::uint32_t row) {
      const auto first = static_cast<std::uint32_t>(kept.size());
      if (present(row)) {
        for (std::uint32_t i = ranges[row].offset; i < ranges[row].offset + ranges[row].length; ++i) {
          if (!result->is_null(i) && verdict(i)) kept.push_back(elements[0][i]);
        }
      }
      out->values<ListRef>()[row] = {first, static_cast<std::uint32_t>(kept.size()) - first};
    });
    out->children.push_back(take_rows(*lists[0]->children[0], kept));
    return out;
  }
  const bool absorbing = node.higher_order == HigherOrder::exists;
  selection.for_each([&](std::uint32_t row) {
    if (!present(row)) return;
    bool unknown = false;
    bool decided = false;
    for (std::uint32_t i = ranges[row].offset; i < ranges[row].offset + ranges[row].length && !decided; ++i) {
      if (result->is_null(i)) {
        unknown = true;
      } else {
        decided = verdict(i) == absorbing;
      }
    }
    out->values<std::uint8_t>()[row] = (decided == absorbing) ? 1 : 0;
    if (unknown && !decided) out->set_null(row);
  });
  return out;
}

std::vector<Function> higher_order_functions() {
  const auto entry = [](std::string_view name, std::string_view signature, std::string_view summary,
                        std::string_view example) {
    return Function{{name}, "Collections", signature, summary, example, FunctionKind::higher_order, nullptr};
  };
  return {
      entry("transform", "transform(array, x -> expr) or (x, i) -> expr -> array", "Each element, computed anew.",
            "transform(array(1, 2), x -> x * 2) = array(2, 4)"),
      entry("filter", "filter(array, x -> condition) or (x, i) -> condition -> array",
            "The elements for which the condition is true.", "filter(array(1, 2, 3), x -> x <> 2) = array(1, 3)"),
      entry("exists", "exists(array, x -> condition) -> boolean", "Whether the condition holds for an element.",
            "exists(array(1, 2), x -> x = 2)"),
      entry("forall", "forall(array, x -> condition) -> boolean", "Whether the condition holds for every element.",
            "forall(array(1, 2), x -> x > 0)"),
      entry("aggregate", "aggregate(array, start, (acc, x) -> expr[, acc -> expr])",
            "Folds the elements into one value, which keeps the type of `start`.",
            "aggregate(array(1, 2, 3), 0, (acc, x) -> acc + x) = 6"),
      entry("zip_with", "zip_with(a, b, (x, y) -> expr) -> array",
            "Elements of two arrays pair by pair; the shorter one gives nulls.",
            "zip_with(array(1, 2), array(3, 4), (x, y) -> x * y) = array(3, 8)"),
  };
}

}  // namespace streamrun
