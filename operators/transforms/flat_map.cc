#include <fmt/format.h>

#include "operators/builtin_catalog.h"
#include "runner/operator/key_binding.h"
#include "runner/operator/portions.h"
#include "runner/operator/projection.h"

namespace streamrun {
namespace {

struct Kept {
  bool all = false;
  std::vector<NameText> columns;
};

struct FlatMapOptions {
  ExprText each;
  LocatedText as = LocatedText("value", {});
  Kept keep;
};

}  // namespace

template <>
struct Codec<Kept> {
  static Shape shape() {
    return Shape::any({Shape::choice_of({"all", "none"}), Codec<std::vector<NameText>>::shape()});
  }
  static bool decode(const SyntaxNode& node, Kept& out, DecodeContext& context) {
    if (node.kind == SyntaxNode::Kind::sequence) {
      return Codec<std::vector<NameText>>::decode(node, out.columns, context);
    }
    const auto choice = decode_choice(node, {"all", "none"}, context);
    out.all = choice == 0;
    return choice.has_value();
  }
};

namespace {

class FlatMap final : public Kernel {
 public:
  // `kept`: the input's columns that stay, visible and hidden ones; the element stands before the
  // `element_at`-th of them.
  FlatMap(std::uint32_t inputs, Expression each, std::vector<std::uint32_t> kept, std::size_t element_at)
      : inputs_(inputs),
        each_(std::move(each)),
        kept_(std::move(kept)),
        element_at_(element_at),
        wanted_(kept_.size() + 1, true) {}

  std::vector<std::vector<bool>> prune(const std::vector<bool>& output_needed) override {
    wanted_ = output_needed;
    wanted_.resize(kept_.size() + 1, false);
    std::vector<bool> needed(inputs_, false);
    need_columns(each_, needed);
    for (std::size_t i = 0; i < kept_.size(); ++i) {
      if (wanted_[output_of(i)]) needed[kept_[i]] = true;
    }
    return {needed};
  }

  void apply(RecordBatch&& batch, std::size_t, KernelState*, KernelContext& context, const Emit& emit) const override {
    if (const auto bare = each_.column()) return spread(batch, batch.columns[*bare], context, emit);
    const EvalInput input{batch.columns, batch.rows};
    for (EvalSlices slices(batch.selection, context.eval); slices.next();) {
      const ColumnPtr lists = evaluate(each_, input, slices.rows(), context.eval);
      if (!slices.fits()) continue;
      RecordBatch slice = batch;
      slice.selection = slices.rows();
      reject_failed(slice, context);
      spread(slice, lists, context, emit);
    }
  }

 private:
  // A row for each element of the selected rows' lists.
  void spread(const RecordBatch& batch, const ColumnPtr& lists, const KernelContext& context, const Emit& emit) const {
    const Column& list = *lists;
    const ColumnPtr& elements = list.children[0];
    std::uint64_t total = 0;
    std::uint64_t end = 0;
    bool in_order = !list.constant();  // the lists lie one behind the other
    batch.selection.for_each([&](std::uint32_t row) {
      if (list.is_null(row)) return;
      const ListRef ref = list.value<ListRef>(row);
      if (ref.length == 0) return;
      in_order = in_order && ref.offset >= end;
      end = std::uint64_t{ref.offset} + ref.length;
      total += ref.length;
    });
    // Then the elements are the result as they are.
    const bool whole = in_order && total == elements->rows();
    const bool needs_parents = wanted_kept() || (context.origins && batch.origin);
    Made made;
    bool stopped = false;
    const auto flush = [&] {
      if (!made.picked.empty()) emit_portions(batch, gather(elements, made.picked), made.parents, context, emit);
      made = {};
      stopped = context.stopping();
    };
    if (whole && total <= kPortionRows) {
      if (needs_parents) {
        made.parents.reserve(total);
        batch.selection.for_each([&](std::uint32_t row) {
          if (!list.is_null(row)) made.parents.insert(made.parents.end(), list.value<ListRef>(row).length, row);
        });
      }
      if (total != 0) emit_portions(batch, elements, made.parents, context, emit);
      return;
    }
    batch.selection.for_each([&](std::uint32_t row) {
      if (list.is_null(row)) return;
      const ListRef ref = list.value<ListRef>(row);
      for (std::uint32_t i = 0; i < ref.length && !stopped; ++i) {
        made.picked.push_back(ref.offset + i);
        if (needs_parents) made.parents.push_back(row);
        if (made.picked.size() == kPortionRows) flush();
      }
    });
    flush();
  }

  struct Made {
    std::vector<std::uint32_t> picked;   // elements
    std::vector<std::uint32_t> parents;  // the row of each; none where nobody asks
  };

  void emit_portions(const RecordBatch& batch, const ColumnPtr& elements, std::span<const std::uint32_t> parents,
                     const KernelContext& context, const Emit& emit) const {
    Portions portions(elements->rows());
    for (std::size_t i = 0; i < kept_.size(); ++i) {
      if (wanted_[output_of(i)]) portions.repeat(*batch.columns[kept_[i]], parents);
    }
    portions.for_each([&](std::uint32_t first, std::uint32_t count) {
      RecordBatch made;
      made.rows = count;
      made.selection = Selection::all(count);
      made.partition = batch.partition;
      made.columns.resize(kept_.size() + 1);
      if (wanted_[element_at_]) made.columns[element_at_] = slice(elements, first, count);
      const auto rows = parents.empty() ? parents : parents.subspan(first, count);
      for (std::size_t i = 0; i < kept_.size(); ++i) {
        if (wanted_[output_of(i)]) made.columns[output_of(i)] = gather(batch.columns[kept_[i]], rows);
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

  std::size_t output_of(std::size_t kept) const { return kept < element_at_ ? kept : kept + 1; }
  bool wanted_kept() const {
    for (std::size_t i = 0; i < kept_.size(); ++i) {
      if (wanted_[output_of(i)]) return true;
    }
    return false;
  }

  std::uint32_t inputs_;
  Expression each_;
  std::vector<std::uint32_t> kept_;
  std::size_t element_at_;
  std::vector<bool> wanted_;
};

std::optional<BoundTransform> bind(const FlatMapOptions& options, BindContext& context) {
  const Schema& input = *context.inputs[0];
  auto each = compile_expression(options.each.text, context.scope(), context.diagnostics);
  BoundTransform bound;
  bool good = each.has_value();
  if (each && each->type().kind() != TypeKind::array) {
    context.diagnostics.error("type-mismatch", options.each.text.whole(),
                              fmt::format("`each` is an array, not {}", each->type().name()));
    good = false;
  }
  // Kept columns come first, as they do beside an exploded column.
  std::vector<std::uint32_t> kept;
  if (options.keep.all) {
    for (std::uint32_t i = 0; i < input.columns.size(); ++i) kept.push_back(i);
  }
  for (const NameText& name : options.keep.columns) {
    const auto column = find_column(context, name.text);
    if (column) kept.push_back(*column);
    good = column.has_value() && good;
  }
  for (const std::uint32_t column : kept) {
    good = add_column(bound.output, input.at(column), context.place, context.diagnostics) && good;
  }
  if (!good) return std::nullopt;
  const std::size_t element_at = kept.size();
  const Span place = options.as.whole() == Span{} ? context.place : options.as.whole();
  if (!add_column(bound.output, {options.as.value(), each->type().element()}, place, context.diagnostics)) {
    return std::nullopt;
  }
  for (std::uint32_t i = 0; i < input.hidden.size(); ++i) {
    if (bound.output.find(input.hidden[i].name)) continue;
    bound.output.hidden.push_back(input.hidden[i]);
    kept.push_back(static_cast<std::uint32_t>(input.columns.size()) + i);
  }
  bound.can_fail = each->can_fail();
  bound.detail = fmt::format("{}: {}", options.as.value(), options.each.text.value());
  bound.kernel = std::make_unique<FlatMap>(input.size(), std::move(*each), std::move(kept), element_at);
  return bound;
}

}  // namespace

TransformDescriptor describe_flat_map() {
  return describe_transform<FlatMapOptions>(
      "flat_map", "a row for each element of an array", "flatMap", "value string",
      "flat_map: {each: \"split(value, ' ')\", as: word}",
      Options<FlatMapOptions>{}
          .required("each", &FlatMapOptions::each, "an array; an empty or null one gives no row")
          .optional("as", &FlatMapOptions::as, "value", "name of the element's column")
          .optional("keep", &FlatMapOptions::keep, "none", "columns that each row keeps: all, none or a list")
          .table(),
      bind);
}

}  // namespace streamrun
