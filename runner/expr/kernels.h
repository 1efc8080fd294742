// Shapes of kernels: one template a shape, instantiated with the operation. A constant argument has its own
// loop, and so has a selection of all rows, so that the compiler can vectorise.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "runner/data/column.h"
#include "runner/expr/function.h"

namespace streamrun {

// A column's values by row, constant or not.
template <class T>
class Values {
 public:
  explicit Values(const ColumnPtr& column) : data_(column->values<T>()), step_(column->constant() ? 0U : 1U) {}
  const T& operator[](std::uint32_t row) const { return data_[row * step_]; }
  bool constant() const { return step_ == 0; }

 private:
  const T* data_;
  std::uint32_t step_;
};

// f(a, row) for each selected row.
template <class A, class F>
void for_each_value(const KernelCall& call, const ColumnPtr& column, F&& f) {
  const A* data = column->values<A>();
  if (column->constant()) {
    const A a = data[0];
    call.selection.for_each([&](std::uint32_t row) { f(a, row); });
  } else {
    call.selection.for_each([&](std::uint32_t row) { f(data[row], row); });
  }
}

// f(a, b, row) for each selected row.
template <class A, class B, class F>
void for_each_pair(const KernelCall& call, F&& f) {
  const ColumnPtr& right = call.arguments[1];
  const B* data = right->values<B>();
  if (right->constant()) {
    const B b = data[0];
    for_each_value<A>(call, call.arguments[0], [&](const A& a, std::uint32_t row) { f(a, b, row); });
  } else {
    for_each_value<A>(call, call.arguments[0], [&](const A& a, std::uint32_t row) { f(a, data[row], row); });
  }
}

template <class Out, class A, auto f>
void unary(const KernelCall& call) {
  Out* out = call.out.template values<Out>();
  for_each_value<A>(call, call.arguments[0], [&](const A& a, std::uint32_t row) { out[row] = static_cast<Out>(f(a)); });
}

template <class Out, class A, class B, auto f>
void binary(const KernelCall& call) {
  Out* out = call.out.template values<Out>();
  for_each_pair<A, B>(call, [&](const A& a, const B& b, std::uint32_t row) { out[row] = static_cast<Out>(f(a, b)); });
}

// f(a, out) gives null, or what is wrong with the row.
template <class Out, class A, auto f>
void checked_unary(const KernelCall& call) {
  Out* out = call.out.template values<Out>();
  for_each_value<A>(call, call.arguments[0], [&](const A& a, std::uint32_t row) {
    if (const char* fault = f(a, out[row])) [[unlikely]]
      call.context.errors.add(row, fault);
  });
}

template <class Out, class A, class B, auto f>
void checked_binary(const KernelCall& call) {
  Out* out = call.out.template values<Out>();
  for_each_pair<A, B>(call, [&](const A& a, const B& b, std::uint32_t row) {
    if (const char* fault = f(a, b, out[row])) [[unlikely]]
      call.context.errors.add(row, fault);
  });
}

// Writes strings of a column that is being made; the arena becomes one of its heaps.
class StringWriter {
 public:
  explicit StringWriter(const KernelCall& call) : StringWriter(call.out) {}
  explicit StringWriter(Column& out) : arena_(std::make_shared<StringArena>()), out_(out.values<StringRef>()) {
    out.keep(arena_);
  }
  void set(std::uint32_t row, std::string_view text) { out_[row] = arena_->copy(text); }
  // A view into a heap that the column keeps.
  void set_view(std::uint32_t row, std::string_view text) { out_[row] = StringRef(text); }
  StringArena& arena() { return *arena_; }

 private:
  std::shared_ptr<StringArena> arena_;
  StringRef* out_;
};

// f(call, row, text) appends row's string to `text`; false makes the row null.
template <auto f>
void string_kernel(const KernelCall& call) {
  StringWriter writer(call);
  std::string text;
  call.selection.for_each([&](std::uint32_t row) {
    text.clear();
    const bool valid = f(call, row, text);
    writer.set(row, text);
    if (!valid) call.out.set_null(call.out.slot(row));
  });
}

inline std::string_view text_at(const KernelCall& call, std::size_t argument, std::uint32_t row) {
  return call.arguments[argument]->value<StringRef>(row).view();
}
template <class T>
const T& value_at(const KernelCall& call, std::size_t argument, std::uint32_t row) {
  return call.arguments[argument]->value<T>(row);
}

// `upper takes 1 argument, not 2`.
inline std::string wrong_count(std::string_view name, std::string_view expected, std::size_t found) {
  return std::string(name) + " takes " + std::string(expected) + ", not " + std::to_string(found);
}

inline ResolvedCall call_of(std::vector<Type> arguments, Type result, CallKernel kernel, bool can_fail = false,
                            NullRule nulls = NullRule::propagate) {
  ResolvedCall call;
  call.arguments = std::move(arguments);
  call.result = std::move(result);
  call.kernel = kernel;
  call.can_fail = can_fail;
  call.nulls = nulls;
  return call;
}

}  // namespace streamrun
