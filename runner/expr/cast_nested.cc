#include "runner/expr/cast_nested.h"

#include <algorithm>

#include "runner/expr/cast.h"
#include "runner/expr/kernels.h"

namespace streamrun {
namespace {

// The rows of children[0] that the selected lists reach, ascending, and whose list each is.
struct Reach {
  std::vector<std::uint32_t> elements;
  std::vector<std::uint32_t> owners;
};
Reach reach_of(const KernelCall& call) {
  Reach reach;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> all;
  for_each_value<ListRef>(call, call.arguments[0], [&](const ListRef& list, std::uint32_t row) {
    for (std::uint32_t i = 0; i < list.length; ++i) all.emplace_back(list.offset + i, row);
  });
  if (!std::is_sorted(all.begin(), all.end())) std::sort(all.begin(), all.end());
  for (const auto& [element, owner] : all) {
    if (!reach.elements.empty() && reach.elements.back() == element) continue;
    reach.elements.push_back(element);
    reach.owners.push_back(owner);
  }
  return reach;
}

// Casts `rows` of a child; an error of one is an error of the row that owns it.
template <bool Try>
ColumnPtr cast_child(const KernelCall& call, const ColumnPtr& child, const Type& to,
                     const std::vector<std::uint32_t>& rows, const std::vector<std::uint32_t>& owners) {
  if (child->type() == to) return child;
  const Result<ResolvedCall> cast = resolve_cast(child->type(), to, Try);
  MutableColumn out = Column::make(to, child->rows());
  if (!cast) return out;
  std::vector<std::uint32_t> valid, valid_owners;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (child->is_null(rows[i])) {
      out->set_null(rows[i]);
    } else {
      valid.push_back(rows[i]);
      valid_owners.push_back(owners[i]);
    }
  }
  const ColumnPtr arguments[] = {child};
  EvalContext inner{call.context.batch, call.context.seed_row, {}};
  const std::vector<std::uint32_t> order = valid;
  const Selection selection = Selection::of(std::move(valid));
  cast->kernel({arguments, selection, *out, inner, nullptr});
  for (RowError& error : inner.errors.take()) {
    const auto at = std::lower_bound(order.begin(), order.end(), error.row) - order.begin();
    call.context.errors.add(valid_owners[static_cast<std::size_t>(at)], std::move(error.message));
  }
  return out;
}

}  // namespace

template <bool Try>
void cast_lists(const KernelCall& call) {
  const Column& from = *call.arguments[0];
  ListRef* out = call.out.values<ListRef>();
  for_each_value<ListRef>(call, call.arguments[0], [&](const ListRef& list, std::uint32_t row) { out[row] = list; });
  const Reach reach = reach_of(call);
  for (std::size_t i = 0; i < from.children.size(); ++i) {
    const Type& to = call.out.type().kind() == TypeKind::array ? call.out.type().element()
                     : i == 0                                  ? call.out.type().key()
                                                               : call.out.type().value();
    ColumnPtr child = cast_child<Try>(call, from.children[i], to, reach.elements, reach.owners);
    if (i >= call.out.children.size()) {
      call.out.children.push_back(std::move(child));
    } else {
      call.out.children[i] = std::move(child);
    }
  }
  call.out.keep_heaps_of(from);
}

template <bool Try>
void cast_structure(const KernelCall& call) {
  const Column& from = *call.arguments[0];
  std::vector<std::uint32_t> rows;
  call.selection.for_each([&](std::uint32_t row) { rows.push_back(row); });
  std::vector<std::uint32_t> slots = rows;
  if (from.constant()) {
    slots.assign(rows.empty() ? 0 : 1, 0);
    rows.resize(slots.size());
  }
  call.out.children.clear();
  const std::vector<Field>& fields = call.out.type().fields();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    ColumnPtr child = cast_child<Try>(call, from.children[i], fields[i].type, slots, rows);
    if (from.constant() && !call.out.constant() && !child->constant()) {
      const std::vector<std::uint32_t> same(call.out.rows(), 0);
      child = gather(child, same);
    }
    call.out.children.push_back(std::move(child));
  }
  call.out.keep_heaps_of(from);
}

template void cast_lists<true>(const KernelCall& call);
template void cast_lists<false>(const KernelCall& call);
template void cast_structure<true>(const KernelCall& call);
template void cast_structure<false>(const KernelCall& call);

}  // namespace streamrun
