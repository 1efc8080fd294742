// What aggregates are made of: typed states in rows of a group table, values that outlive their batch.
#pragma once

#include <new>
#include <string>
#include <type_traits>

#include "runner/data/column.h"
#include "runner/expr/aggregate.h"

namespace streamrun {

// f(row, group) for each selected row.
template <class F>
void for_each_grouped(std::span<const std::uint32_t> groups, const Selection& selection, F&& f) {
  const std::uint32_t count = selection.count();
  if (selection.dense()) {
    for (std::uint32_t i = 0; i < count; ++i) f(i, groups[i]);
  } else {
    const std::span<const std::uint32_t> rows = selection.rows();
    for (std::uint32_t i = 0; i < count; ++i) f(rows[i], groups[i]);
  }
}

template <class S>
class Stateful : public Aggregator {
 public:
  std::size_t state_size() const override { return sizeof(S); }
  void create(std::byte* state) const override { new (state) S(); }
  void destroy(std::byte* state) const override { at(state).~S(); }
  void merge(std::byte* into, std::byte* from) const override { add(at(into), at(from)); }
  ColumnPtr finish(std::byte* states, std::size_t stride, std::uint32_t count, RowErrors& errors) const override {
    MutableColumn out = Column::make(result_, count);
    prepare(*out);
    for (std::uint32_t g = 0; g < count; ++g) result(at(states + g * stride), *out, g, errors);
    complete(*out);
    return out;
  }

 protected:
  explicit Stateful(Type result_type) : result_(std::move(result_type)) {}
  static S& at(std::byte* state) { return *std::launder(reinterpret_cast<S*>(state)); }
  static const S& at(const std::byte* state) { return *std::launder(reinterpret_cast<const S*>(state)); }

  virtual void add(S& into, S& from) const = 0;
  virtual void prepare(Column&) const {}
  virtual void complete(Column&) const {}
  virtual void result(S& state, Column& out, std::uint32_t group, RowErrors& errors) const = 0;

  Type result_;
};

// A value that its batch does not own. The kinds without a storage of their own keep a column of one row.
template <class T>
struct Stored {
  T value{};
  void set(const Column& from, std::uint32_t row) { value = from.value<T>(row); }
  void put(Column& out, std::uint32_t row, StringArena&) const { out.values<T>()[row] = value; }
  int compare(const Column& other, std::uint32_t row) const { return order(value, other.value<T>(row)); }
  int compare(const Stored& other) const { return order(value, other.value); }

 private:
  // NaN is the greatest and equal to itself; the zeros are equal.
  static int order(const T& a, const T& b) {
    if (a < b) return -1;
    if (b < a) return 1;
    if constexpr (std::is_floating_point_v<T>) return static_cast<int>(a != a) - static_cast<int>(b != b);
    return 0;
  }
};

template <>
struct Stored<StringRef> {
  std::string value;
  void set(const Column& from, std::uint32_t row) { value = from.value<StringRef>(row).view(); }
  void put(Column& out, std::uint32_t row, StringArena& arena) const {
    out.values<StringRef>()[row] = arena.copy(value);
  }
  int compare(const Column& other, std::uint32_t row) const {
    return std::string_view(value).compare(other.value<StringRef>(row).view());
  }
  int compare(const Stored& other) const { return value.compare(other.value); }
};

template <>
struct Stored<void> {
  ColumnPtr value;
  void set(const Column& from, std::uint32_t row) {
    ColumnBuilder builder(from.type());
    builder.append(from, row);
    value = builder.finish();
  }
  int compare(const Column& other, std::uint32_t row) const { return compare_values(*value, 0, other, row); }
  int compare(const Stored& other) const { return compare_values(*value, 0, *other.value, 0); }
};

// Kinds that Stored keeps as they are; the others are Stored<void>.
template <class T>
using Keep = std::conditional_t<std::is_same_v<T, ListRef>, void, T>;

}  // namespace streamrun
