#include "runner/expr/cast_nested.h"

#include <algorithm>

#include "runner/expr/cast.h"
#include "runner/expr/kernels.h"

namespace streamrun {
namespace {

// The rows of children[0] that the selected lists reach, ascending, and whose list each is: an element that several
// rows share stands there for each of them.
using Reach = std::vector<std::pair<std::uint32_t, std::uint32_t>>;
Reach reach_of(const KernelCall& call) {
  Reach all;
  for_each_value<ListRef>(call, call.arguments[0], [&](const ListRef& list, std::uint32_t row) {
    for (std::uint32_t i = 0; i < list.length; ++i) all.emplace_back(list.offset + i, row);
  });
  if (!std::is_sorted(all.begin(), all.end())) std::sort(all.begin(), all.end());
  return all;
}

// Casts the rows of a child that `reach` names; an error of one is an error of each row that owns it.
template <bool Try>
ColumnPtr cast_child(const KernelCall& call, const ColumnPtr& child, const Type& to, const Reach& reach) {
  if (child->type() == to) return child;
  const Result<ResolvedCall> cast = resolve_cast(child->type(), to, Try);
  MutableColumn out = Column::make(to, child->rows());
  if (!cast) return out;
  std::vector<std::uint32_t> valid;
  for (const auto& [element, owner] : reach) {
    if (child->is_null(element)) {
      out->set_null(element);
    } else if (valid.empty() || valid.back() != element) {
      valid.push_back(element);
    }
  }
  const ColumnPtr arguments[] = {child};
  EvalContext inner{call.context.batch, call.context.seed_row, {}, call.context.budget};
  const Selection selection = Selection::of(std::move(valid));
  cast->kernel({arguments, selection, *out, inner, nullptr});
  for (RowError& error : inner.errors.take()) {
    const auto owners = std::ranges::equal_range(reach, error.row, {}, &Reach::value_type::first);
    for (const auto& [element, owner] : owners) call.context.errors.add(owner, error.message);
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
    ColumnPtr child = cast_child<Try>(call, from.children[i], to, reach);
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
  Reach reach;
  call.selection.for_each([&](std::uint32_t row) { reach.emplace_back(from.slot(row), row); });
  call.out.children.clear();
  const std::vector<Field>& fields = call.out.type().fields();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    ColumnPtr child = cast_child<Try>(call, from.children[i], fields[i].type, reach);
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
