#include "runner/operator/fold_values.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace streamrun {
namespace {

// StringRefs own nothing and ListRefs point into children: such values are kept in columns of their own.
bool is_fixed(const Type& type) {
  return with_storage(type.kind(), []<class T>() {
    return !std::is_void_v<T> && !std::is_same_v<T, StringRef> && !std::is_same_v<T, ListRef>;
  });
}

}  // namespace

void FoldValues::reach(std::uint32_t groups) {
  if (groups <= present_.size()) return;
  present_.resize(groups, 0);
  if (!is_fixed(fold_->type)) {
    cells_.resize(groups);
    return;
  }
  const std::uint32_t before = fixed_ ? fixed_->rows() : 0;
  if (groups <= before) return;
  const MutableColumn larger = Column::make(fold_->type, std::max({groups, before * 2, std::uint32_t{64}}));
  with_storage(fold_->type.kind(), [&]<class T>() {
    if constexpr (!std::is_void_v<T>) {
      T* values = larger->values<T>();
      std::fill(values + before, values + larger->rows(), T{});
      if (before != 0) std::copy_n(fixed_->values<T>(), before, values);
    }
  });
  for (std::uint32_t group = 0; group < before; ++group) {
    if (fixed_->is_null(group)) larger->set_null(group);
  }
  fixed_ = larger;
}

void FoldValues::set(std::uint32_t group, const Column& from, std::uint32_t row) {
  present_[group] = 1;
  if (!fixed_) {
    ColumnBuilder cell(fold_->type);
    cell.append(from, row);
    const std::size_t bytes = cell.bytes() + sizeof(Column);
    heap_ += bytes - std::exchange(cells_[group].bytes, bytes);
    cells_[group].value = cell.finish();
    return;
  }
  if (from.is_null(row)) {
    fixed_->set_null(group);
    return;
  }
  fixed_->validity.set(group);
  with_storage(fold_->type.kind(), [&]<class T>() {
    if constexpr (!std::is_void_v<T>) fixed_->values<T>()[group] = from.value<T>(row);
  });
}

ColumnPtr FoldValues::gathered(std::span<const std::uint32_t> groups) const {
  if (fixed_) return gather(fixed_, groups);
  ColumnBuilder builder(fold_->type);
  for (const std::uint32_t group : groups) {
    if (cells_[group].value) {
      builder.append(*cells_[group].value, 0);
    } else {
      builder.append_null();
    }
  }
  return builder.finish();
}

std::vector<RowError> FoldValues::assign(std::span<const std::uint32_t> groups, const Expression& expression,
                                         std::vector<ColumnPtr> columns, EvalContext& context) {
  const auto count = static_cast<std::uint32_t>(groups.size());
  const ColumnPtr result =
      expression ? evaluate(expression, {columns, count}, Selection::all(count), context) : columns[0];
  std::vector<RowError> errors = context.errors.take();
  std::size_t next = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (next < errors.size() && errors[next].row == i) {
      ++next;
    } else {
      set(groups[i], *result, i);
    }
  }
  return errors;
}

// One row of each of these groups.
void FoldValues::turn(std::span<const std::uint32_t> groups, std::span<const std::uint32_t> rows,
                      const ColumnPtr& values, EvalContext& context) {
  std::vector<std::uint32_t> old_groups;
  std::vector<std::uint32_t> old_rows;
  std::vector<std::uint32_t> new_groups;
  std::vector<std::uint32_t> new_rows;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const bool present = present_[groups[i]] != 0;
    (present ? old_groups : new_groups).push_back(groups[i]);
    (present ? old_rows : new_rows).push_back(rows[i]);
  }
  std::vector<RowError> failed;
  const auto note = [&failed](std::vector<RowError> errors, const std::vector<std::uint32_t>& at) {
    for (RowError& error : errors) {
      error.row = at[error.row];
      failed.push_back(std::move(error));
    }
  };
  if (!new_groups.empty()) note(assign(new_groups, fold_->start, {gather(values, new_rows)}, context), new_rows);
  if (!old_groups.empty()) {
    note(assign(old_groups, fold_->add, {gathered(old_groups), gather(values, old_rows)}, context), old_rows);
  }
  for (RowError& error : failed) context.errors.add(std::move(error));
}

void FoldValues::add(std::span<const std::uint32_t> groups, const Selection& selection, const ColumnPtr& values,
                     EvalContext& context) {
  if (groups.empty()) return;
  // Row i of the selection has turn `turns[i]`: as many rows of its group stand before it.
  std::vector<std::uint32_t> seen(present_.size(), 0);
  std::vector<std::uint32_t> turns(groups.size());
  std::uint32_t last = 0;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    turns[i] = seen[groups[i]]++;
    last = std::max(last, turns[i]);
  }
  std::vector<std::uint32_t> begins(last + 2, 0);
  for (const std::uint32_t number : turns) ++begins[number + 1];
  std::partial_sum(begins.begin(), begins.end(), begins.begin());
  std::vector<std::uint32_t> at(begins.begin(), begins.end() - 1);
  std::vector<std::uint32_t> turn_groups(groups.size());
  std::vector<std::uint32_t> turn_rows(groups.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const std::uint32_t place = at[turns[i]]++;
    turn_groups[place] = groups[i];
    turn_rows[place] = selection[static_cast<std::uint32_t>(i)];
  }
  std::vector<RowError> failed;
  for (std::uint32_t number = 0; number <= last; ++number) {
    const std::size_t count = begins[number + 1] - begins[number];
    turn(std::span(turn_groups).subspan(begins[number], count), std::span(turn_rows).subspan(begins[number], count),
         values, context);
    for (RowError& error : context.errors.take()) failed.push_back(std::move(error));
  }
  for (RowError& error : failed) context.errors.add(std::move(error));
}

void FoldValues::merge(std::span<const std::uint32_t> groups, const FoldValues& from,
                       std::span<const std::uint32_t> from_groups, EvalContext& context) {
  std::vector<std::uint32_t> both;
  std::vector<std::uint32_t> from_both;
  std::vector<std::uint32_t> fresh;
  std::vector<std::uint32_t> from_fresh;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (from.absent(from_groups[i])) continue;
    const bool present = present_[groups[i]] != 0;
    (present ? both : fresh).push_back(groups[i]);
    (present ? from_both : from_fresh).push_back(from_groups[i]);
  }
  if (!fresh.empty()) {
    const ColumnPtr taken = from.gathered(from_fresh);
    for (std::uint32_t i = 0; i < fresh.size(); ++i) set(fresh[i], *taken, i);
  }
  if (!both.empty()) {
    for (RowError& error : assign(both, fold_->merge, {gathered(both), from.gathered(from_both)}, context)) {
      lost_.try_emplace(both[error.row], std::move(error));
    }
  }
}

ColumnPtr FoldValues::finish(std::span<const std::uint32_t> groups, RowErrors& errors) const {
  for (std::uint32_t i = 0; i < groups.size() && !lost_.empty(); ++i) {
    const auto lost = lost_.find(groups[i]);
    if (lost != lost_.end()) errors.add({i, lost->second.message, lost->second.place});
  }
  return gathered(groups);
}

std::size_t FoldValues::bytes() const {
  const std::size_t fixed = fixed_ ? fixed_->rows() * storage_size(fold_->type.kind()) : 0;
  return fixed + heap_ + cells_.capacity() * sizeof(Cell) + present_.capacity();
}

}  // namespace streamrun
