#include "runner/expr/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "runner/expr/value_set.h"

namespace streamrun {

ColumnPtr assemble(const Type& type, std::uint32_t rows, std::span<const Part> parts) {
  if (type.kind() == TypeKind::null) return Column::make_null(type, rows);
  if (!type.is_nested()) {
    MutableColumn out = Column::make(type, rows);
    for (const Part& part : parts) {
      if (part.selection.empty()) continue;
      const Column& from = *part.values;
      with_storage(type.kind(), [&]<class T>() {
        if constexpr (!std::is_void_v<T>) {
          T* to = out->values<T>();
          const T* values = from.values<T>();
          part.selection.for_each([&](std::uint32_t row) { to[row] = values[from.slot(row)]; });
        }
      });
      if (!from.no_nulls()) {
        part.selection.for_each([&](std::uint32_t row) {
          if (from.is_null(row)) out->set_null(row);
        });
      }
      out->keep_heaps_of(from);
    }
    return out;
  }
  std::vector<const Column*> source(rows, nullptr);
  for (const Part& part : parts) {
    part.selection.for_each([&](std::uint32_t row) { source[row] = part.values.get(); });
  }
  ColumnBuilder builder(type);
  for (std::uint32_t row = 0; row < rows; ++row) {
    if (source[row] == nullptr) {
      builder.append_null();
    } else {
      builder.append(*source[row], row);
    }
  }
  return builder.finish();
}

Evaluator::Evaluator(Frame& frame, EvalContext& context) : frame_(frame), context_(context) {
  scratch_.batch = context.batch;
  scratch_.seed_row = context.seed_row;
  scratch_.budget = context.budget;
}

Selection Evaluator::alive(const Selection& selection, std::size_t errors) const {
  if (context_.errors.size() == errors) return selection;
  std::vector<std::uint32_t> failed;
  for (std::size_t i = errors; i < context_.errors.size(); ++i) failed.push_back(context_.errors.all()[i].row);
  std::ranges::sort(failed);
  failed.erase(std::unique(failed.begin(), failed.end()), failed.end());
  return without(selection, failed);
}

ColumnPtr Evaluator::sized(const ColumnPtr& constant) const {
  return constant->rows() == frame_.rows ? constant : Column::resized_constant(constant, frame_.rows);
}

ColumnPtr Evaluator::value(const ExprNode& node, const Selection& selection) {
  if (context_.exceeded()) [[unlikely]]
    return Column::make_null(node.type, frame_.rows);
  switch (node.kind) {
    case NodeKind::constant: return sized(node.value);
    case NodeKind::column: return frame_.columns[node.index];
    case NodeKind::slot: return frame_.slots[node.index];
    case NodeKind::let: {
      const std::size_t errors = context_.errors.size();
      ColumnPtr bound = value(*node.children[0], selection);
      if (frame_.slots.size() <= node.index) frame_.slots.resize(node.index + 1);
      frame_.slots[node.index] = std::move(bound);
      if (context_.errors.size() == errors) return value(*node.children[1], selection);
      return value(*node.children[1], alive(selection, errors));
    }
    case NodeKind::call: return call(node, selection);
    case NodeKind::all_of:
    case NodeKind::any_of: return logic(node, selection);
    case NodeKind::choice: return choice(node, selection);
    case NodeKind::first_of: return first_of(node, selection);
    case NodeKind::field: return field(node, selection);
    case NodeKind::element: return element(node, selection);
    case NodeKind::higher_order: return higher_order(node, selection);
  }
  return nullptr;
}

namespace {

// The rows whose bit is set; of all rows a word at a time.
Selection valid_rows(const Selection& rows, const Bitmap& validity) {
  std::vector<std::uint32_t> valid(rows.count());
  std::uint32_t n = 0;
  if (!rows.dense()) {
    for (const std::uint32_t row : rows.rows()) {
      valid[n] = row;
      n += validity.test(row) ? 1U : 0U;
    }
  } else {
    const std::span<const std::uint64_t> words = validity.words();
    for (std::uint32_t w = 0; w * 64 < rows.count(); ++w) {
      std::uint64_t bits = words[w];
      const std::uint32_t left = rows.count() - w * 64;
      if (left < 64) bits &= (std::uint64_t{1} << left) - 1;
      for (; bits != 0; bits &= bits - 1) valid[n++] = w * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
    }
  }
  valid.resize(n);
  return Selection::of(std::move(valid));
}

}  // namespace

void Evaluator::fail(std::uint32_t row, std::string_view what, const ExprNode& node) {
  // A text constant brings quotes of its own.
  const bool quoted = node.text.starts_with('\'') || node.text.ends_with('\'');
  const std::string_view quote = quoted ? "" : "'";
  context_.errors.add({row, fmt::format("{} in {}{}{}", what, quote, node.text, quote), node.place});
}

ColumnPtr Evaluator::call(const ExprNode& node, const Selection& selection) {
  const std::size_t errors = context_.errors.size();
  std::vector<ColumnPtr> arguments;
  arguments.reserve(node.children.size());
  const Selection* rows = &selection;
  Selection narrowed;
  std::size_t seen = errors;
  for (const NodePtr& child : node.children) {
    arguments.push_back(value(*child, *rows));
    if (context_.errors.size() != seen) {
      narrowed = alive(*rows, seen);
      rows = &narrowed;
      seen = context_.errors.size();
    }
  }
  if (!context_.take(rows->count() * storage_size(node.type.kind()))) return Column::make_null(node.type, frame_.rows);
  MutableColumn out;
  if (node.nulls == NullRule::propagate) {
    Bitmap validity;
    for (const ColumnPtr& argument : arguments) {
      if (argument->no_nulls()) continue;
      if (argument->constant()) return Column::make_null(node.type, frame_.rows);
      if (validity.all_set()) {
        validity = argument->validity;
      } else {
        validity.intersect(argument->validity);
      }
    }
    out = Column::make(node.type, frame_.rows);
    if (!validity.all_set()) {
      narrowed = valid_rows(*rows, validity);
      rows = &narrowed;
      out->validity = std::move(validity);
    }
  } else {
    out = Column::make(node.type, frame_.rows);
  }
  node.kernel({arguments, *rows, *out, scratch_, node.prepared.get()});
  if (!scratch_.errors.empty()) {
    for (RowError& error : scratch_.errors.take()) {
      fail(error.row, error.message, node);
    }
  }
  return out;
}

ColumnPtr Evaluator::logic(const ExprNode& node, const Selection& selection) {
  const bool absorbing = node.kind == NodeKind::any_of;
  MutableColumn out = Column::make(node.type, frame_.rows);
  std::uint8_t* to = out->values<std::uint8_t>();
  selection.for_each([&](std::uint32_t row) { to[row] = absorbing ? 0 : 1; });
  Selection open = selection;
  for (const NodePtr& child : node.children) {
    const std::size_t errors = context_.errors.size();
    const ColumnPtr values = value(*child, open);
    open = alive(open, errors);
    const bool nulls = !values->no_nulls();
    const std::uint8_t* from = values->values<std::uint8_t>();
    const bool last = child == node.children.back();
    std::vector<std::uint32_t> rest;
    if (!last) rest.reserve(open.count());
    open.for_each([&](std::uint32_t row) {
      if (nulls && values->is_null(row)) {
        out->set_null(row);
      } else if ((from[values->slot(row)] != 0) == absorbing) {
        to[row] = absorbing ? 1 : 0;
        out->validity.set(row);
        return;
      }
      if (!last) rest.push_back(row);
    });
    if (last || rest.empty()) break;
    open = Selection::of(std::move(rest));
  }
  return out;
}

ColumnPtr Evaluator::choice(const ExprNode& node, const Selection& selection) {
  std::vector<Part> parts;
  Selection open = selection;
  const auto take = [&](const ExprNode& child, const Selection& rows) {
    const std::size_t errors = context_.errors.size();
    ColumnPtr values = value(child, rows);
    parts.push_back({std::move(values), alive(rows, errors)});
  };
  std::size_t i = 0;
  for (; i + 1 < node.children.size() && !open.empty(); i += 2) {
    const std::size_t errors = context_.errors.size();
    const Selection chosen = select(*node.children[i], open);
    open = alive(open, errors);
    if (chosen.empty()) continue;
    std::vector<std::uint32_t> rows;
    chosen.for_each([&](std::uint32_t row) { rows.push_back(row); });
    open = without(open, rows);
    take(*node.children[i + 1], chosen);
  }
  if (!open.empty()) take(*node.children.back(), open);
  if (parts.size() == 1 && parts[0].selection.count() == selection.count()) return parts[0].values;
  return assemble(node.type, frame_.rows, parts);
}

ColumnPtr Evaluator::first_of(const ExprNode& node, const Selection& selection) {
  std::vector<Part> parts;
  Selection open = selection;
  for (const NodePtr& child : node.children) {
    if (open.empty()) break;
    const std::size_t errors = context_.errors.size();
    ColumnPtr values = value(*child, open);
    open = alive(open, errors);
    if (parts.empty() && values->no_nulls()) return values;
    std::vector<std::uint32_t> found;
    std::vector<std::uint32_t> rest;
    open.for_each([&](std::uint32_t row) { (values->is_null(row) ? rest : found).push_back(row); });
    const bool last = child == node.children.back();
    if (last) {
      parts.push_back({std::move(values), open});
      break;
    }
    parts.push_back({std::move(values), Selection::of(std::move(found))});
    open = Selection::of(std::move(rest));
  }
  return assemble(node.type, frame_.rows, parts);
}

ColumnPtr Evaluator::field(const ExprNode& node, const Selection& selection) {
  const ColumnPtr from = value(*node.children[0], selection);
  if (from->type().kind() == TypeKind::array) {
    MutableColumn out =
        from->constant() ? Column::make_constant(node.type, frame_.rows) : Column::make(node.type, frame_.rows);
    out->validity = from->validity;
    std::copy_n(from->values<ListRef>(), from->slots(), out->values<ListRef>());
    const Column& elements = *from->children[0];
    std::vector<std::uint32_t> rows(elements.rows());
    for (std::uint32_t i = 0; i < elements.rows(); ++i) rows[i] = elements.is_null(i) ? kNoRow : i;
    out->children.push_back(take_rows(*elements.children[node.index], rows));
    return out;
  }
  if (from->constant()) {
    if (!from->no_nulls()) return Column::make_null(node.type, frame_.rows);
    return constant_of(*from->children[node.index], 0, frame_.rows);
  }
  const ColumnPtr& child = from->children[node.index];
  if (from->no_nulls() && child->rows() == frame_.rows) return child;
  std::vector<std::uint32_t> rows(frame_.rows, kNoRow);
  selection.for_each([&](std::uint32_t row) {
    if (!from->is_null(row)) rows[row] = row;
  });
  return take_rows(*child, rows);
}

ColumnPtr Evaluator::element(const ExprNode& node, const Selection& selection) {
  const std::size_t errors = context_.errors.size();
  const ColumnPtr from = value(*node.children[0], selection);
  const Selection alive_rows = alive(selection, errors);
  const std::size_t more_errors = context_.errors.size();
  const ColumnPtr key = value(*node.children[1], alive_rows);
  const Selection open = alive(alive_rows, more_errors);
  std::vector<std::uint32_t> rows(frame_.rows, kNoRow);
  const bool map = from->type().kind() == TypeKind::map;
  ListFinder finder;
  open.for_each([&](std::uint32_t row) {
    if (from->is_null(row) || key->is_null(row)) return;
    const ListRef list = from->value<ListRef>(row);
    if (map) {
      const std::uint32_t at = finder.find(*from->children[0], list, *key, row);
      if (at != kNotFound) rows[row] = list.offset + at;
      return;
    }
    const std::int64_t index =
        key->type().kind() == TypeKind::int32 ? key->value<std::int32_t>(row) : key->value<std::int64_t>(row);
    if (index < 0 || index >= list.length) {
      fail(row, fmt::format("index {} is outside of an array of {} elements", index, list.length), node);
    } else {
      rows[row] = list.offset + static_cast<std::uint32_t>(index);
    }
  });
  return take_rows(*from->children[map ? 1 : 0], rows);
}

}  // namespace streamrun
