#include "runner/operator/explode.h"

#include <algorithm>
#include <span>
#include <utility>

#include "runner/expr/join_condition.h"
#include "runner/operator/portions.h"
#include "runner/operator/projection.h"

namespace streamrun {
namespace {

class Explode final : public Kernel {
 public:
  Explode(std::shared_ptr<const ExplodeSpec> spec, std::vector<bool> wanted)
      : shared_(std::move(spec)), wanted_(std::move(wanted)) {
    computes_ =
        !spec_.each.column() || std::ranges::any_of(spec_.kept, [](const Expression& kept) { return !kept.column(); });
  }

  std::vector<bool> needed() const {
    std::vector<bool> needed(spec_.inputs, false);
    need_columns(spec_.each, needed);
    for (std::size_t i = 0; i < spec_.kept.size(); ++i) {
      if (wanted_[output_of(i)]) need_columns(spec_.kept[i], needed);
    }
    return needed;
  }

  void apply(RecordBatch&& batch, std::size_t, KernelState*, KernelContext& context, const Emit& emit) const override {
    if (!computes_) return spread(batch, values_of(batch, batch.selection, context), context, emit);
    for (EvalSlices slices(batch.selection, context.eval); slices.next();) {
      Values values = values_of(batch, slices.rows(), context);
      if (!slices.fits()) continue;
      RecordBatch slice = batch;
      slice.selection = slices.rows();
      reject_failed(slice, context);
      spread(slice, std::move(values), context, emit);
    }
  }

 private:
  struct Values {
    ColumnPtr lists;
    std::vector<ColumnPtr> kept;  // null: nobody reads it
  };
  // Of a portion's rows.
  struct Made {
    std::vector<std::uint32_t> picked;   // elements, kMissingRow being none
    std::vector<std::uint32_t> parents;  // the row of each; none where nobody asks
  };

  Values values_of(const RecordBatch& batch, const Selection& rows, KernelContext& context) const {
    const auto value = [&](const Expression& expression) {
      const auto bare = expression.column();
      return bare ? batch.columns[*bare] : evaluate(expression, {batch.columns, batch.rows}, rows, context.eval);
    };
    Values values{value(spec_.each), std::vector<ColumnPtr>(spec_.kept.size())};
    for (std::size_t i = 0; i < spec_.kept.size(); ++i) {
      if (wanted_[output_of(i)]) values.kept[i] = value(spec_.kept[i]);
    }
    return values;
  }

  // The elements are the result as they are: lists that lie one behind the other, none of which is left out.
  bool is_whole(const Column& list, const Selection& selection) const {
    std::uint64_t total = 0;
    std::uint64_t end = 0;
    bool in_order = !list.constant();
    bool none = false;
    selection.for_each([&](std::uint32_t row) {
      const ListRef ref = list.is_null(row) ? ListRef() : list.value<ListRef>(row);
      none = none || ref.length == 0;
      if (ref.length == 0) return;
      in_order = in_order && ref.offset >= end;
      end = std::uint64_t{ref.offset} + ref.length;
      total += ref.length;
    });
    return in_order && total == list.children[0]->rows() && total <= kPortionRows && !(spec_.outer && none);
  }

  void spread(const RecordBatch& batch, Values values, const KernelContext& context, const Emit& emit) const {
    const Column& list = *values.lists;
    const ColumnPtr& elements = list.children[0];
    const bool needs_parents = (context.origins && batch.origin) ||
                               std::ranges::any_of(values.kept, [](const ColumnPtr& kept) { return kept != nullptr; });
    Made made;
    if (is_whole(list, batch.selection)) {
      batch.selection.for_each([&](std::uint32_t row) {
        if (!needs_parents || list.is_null(row)) return;
        made.parents.insert(made.parents.end(), list.value<ListRef>(row).length, row);
      });
      return emit_portions(batch, values, elements, made.parents, context, emit);
    }
    bool stopped = false;
    const auto flush = [&] {
      const ColumnPtr picked = spec_.outer ? gather_or_null(elements, made.picked) : gather(elements, made.picked);
      emit_portions(batch, values, picked, made.parents, context, emit);
      made.picked.clear();
      made.parents.clear();
      stopped = context.stopping();
    };
    const auto add = [&](std::uint32_t row, std::uint32_t element) {
      made.picked.push_back(element);
      if (needs_parents) made.parents.push_back(row);
      if (made.picked.size() == kPortionRows) flush();
    };
    batch.selection.for_each([&](std::uint32_t row) {
      const ListRef ref = list.is_null(row) ? ListRef() : list.value<ListRef>(row);
      if (ref.length == 0 && spec_.outer && !stopped) add(row, kMissingRow);
      for (std::uint32_t i = 0; i < ref.length && !stopped; ++i) add(row, ref.offset + i);
    });
    flush();
  }

  void emit_portions(const RecordBatch& batch, const Values& values, const ColumnPtr& elements,
                     std::span<const std::uint32_t> parents, const KernelContext& context, const Emit& emit) const {
    Portions portions(elements->rows());
    for (const ColumnPtr& kept : values.kept) {
      if (kept) portions.repeat(*kept, parents);
    }
    portions.for_each([&](std::uint32_t first, std::uint32_t count) {
      RecordBatch made;
      made.rows = count;
      made.selection = Selection::all(count);
      made.partition = batch.partition;
      made.columns.resize(values.kept.size() + 1);
      if (wanted_[spec_.element_at]) made.columns[spec_.element_at] = slice(elements, first, count);
      const auto rows = parents.empty() ? parents : parents.subspan(first, count);
      for (std::size_t i = 0; i < values.kept.size(); ++i) {
        if (values.kept[i]) made.columns[output_of(i)] = gather(values.kept[i], rows);
      }
      if (context.origins && batch.origin) {
        made.origin = batch.origin;
        std::vector<std::uint32_t> records;
        records.reserve(count);
        for (const std::uint32_t row : rows) records.push_back(batch.origin_record(row));
        made.records = std::make_shared<const std::vector<std::uint32_t>>(std::move(records));
      }
      emit(std::move(made));
    });
  }

  std::size_t output_of(std::size_t kept) const { return kept < spec_.element_at ? kept : kept + 1; }

  std::shared_ptr<const ExplodeSpec> shared_;
  const ExplodeSpec& spec_ = *shared_;
  std::vector<bool> wanted_;
  bool computes_ = false;
};

}  // namespace

StepFactory make_explode(ExplodeSpec explode) {
  const auto make = [spec = std::make_shared<const ExplodeSpec>(std::move(explode))](const std::vector<bool>& wanted) {
    auto kernel = std::make_unique<Explode>(spec, wanted);
    std::vector<bool> needed = kernel->needed();
    return MadeStep::of(std::move(kernel), {std::move(needed)});
  };
  return {.make = make};
}

}  // namespace streamrun
