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

// Bytes that a state holds beyond its size.
template <class S>
std::int64_t heap_of(const S& state) {
  if constexpr (requires { state.heap(); }) return static_cast<std::int64_t>(state.heap());
  return 0;
}

template <class S>
class Stateful : public Aggregator {
 public:
  std::size_t state_size() const override { return sizeof(S); }
  std::size_t state_alignment() const override { return alignof(S); }
  void create(const StateRows& states, std::uint32_t begin, std::uint32_t end) const override {
    for (std::uint32_t group = begin; group < end; ++group) new (states[group]) S();
  }
  void destroy(const StateRows& states, std::uint32_t begin, std::uint32_t end) const override {
    if constexpr (!std::is_trivially_destructible_v<S>) {
      for (std::uint32_t group = begin; group < end; ++group) at(states[group]).~S();
    }
  }
  void merge(const StateRows& into, std::span<const std::uint32_t> groups, const StateRows& from,
             std::uint32_t first) const override {
    for (const std::uint32_t group : groups) {
      S& state = at(into[group]);
      const std::int64_t before = heap_of(state);
      add(state, at(from[first++]));
      into.hold(heap_of(state) - before);
    }
  }
  ColumnPtr finish(const StateRows& states, std::span<const std::uint32_t> groups, RowErrors& errors) const override {
    MutableColumn out = Column::make(result_, static_cast<std::uint32_t>(groups.size()));
    for (std::uint32_t i = 0; i < groups.size(); ++i) result(at(states[groups[i]]), *out, i, errors);
    return out;
  }

 protected:
  explicit Stateful(Type result_type) : result_(std::move(result_type)) {}
  static S& at(std::byte* state) { return *std::launder(reinterpret_cast<S*>(state)); }

  virtual void add(S& into, S& from) const = 0;
  virtual void result(S& state, Column& out, std::uint32_t row, RowErrors& errors) const = 0;

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
  // Short texts are kept in the object itself.
  std::size_t heap() const { return value.capacity() < sizeof value / 2 ? 0 : value.capacity() + 1; }
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
  std::size_t bytes = 0;
  std::size_t heap() const { return bytes; }
  void set(const Column& from, std::uint32_t row) {
    ColumnBuilder builder(from.type());
    builder.append(from, row);
    bytes = sizeof(Column) + builder.bytes();
    value = builder.finish();
  }
  int compare(const Column& other, std::uint32_t row) const { return compare_values(*value, 0, other, row); }
  int compare(const Stored& other) const { return compare_values(*value, 0, *other.value, 0); }
};

// Kinds that Stored keeps as they are; the others are Stored<void>.
template <class T>
using Keep = std::conditional_t<std::is_same_v<T, ListRef>, void, T>;

}  // namespace streamrun
