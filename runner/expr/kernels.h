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

// The text of one row while it is made. What would make it larger than a value may be is not appended, and nothing
// behind it either.
class BoundedText {
 public:
  bool append(std::string_view text) {
    if (!room(text.size())) return false;
    text_.append(text);
    return true;
  }
  bool append(std::size_t count, char c) {
    if (!room(count)) return false;
    text_.append(count, c);
    return true;
  }
  // `text` so many times.
  bool append_times(std::string_view text, std::uint64_t count) {
    if (text.empty()) return !overflowed_;
    if (count > kMostValueBytes / text.size() || !room(text.size() * count)) return fail();
    text_.reserve(text_.size() + text.size() * count);
    for (; count > 0; --count) text_.append(text);
    return true;
  }
  BoundedText& operator+=(std::string_view text) {
    append(text);
    return *this;
  }
  BoundedText& operator+=(char c) {
    append(std::string_view(&c, 1));
    return *this;
  }
  // f(std::string&) appends a few times as much as the arguments hold at the most.
  template <class F>
  void write(F&& f) {
    if (overflowed_) return;
    f(text_);
    if (text_.size() > kMostValueBytes) fail();
  }

  std::string_view view() const { return text_; }
  std::size_t size() const { return text_.size(); }
  bool overflowed() const { return overflowed_; }
  void clear() {
    text_.clear();
    overflowed_ = false;
  }

 private:
  bool room(std::size_t bytes) { return (!overflowed_ && bytes <= kMostValueBytes - text_.size()) || fail(); }
  bool fail() {
    text_.clear();
    overflowed_ = true;
    return false;
  }

  std::string text_;
  bool overflowed_ = false;
};

constexpr const char* kTextTooLarge = "a text of more than 16 MiB";
constexpr const char* kListTooLarge = "an array or a map of more than 16 MiB";

// Writes strings of a column that is being made; the arena becomes one of its heaps.
class StringWriter {
 public:
  explicit StringWriter(const KernelCall& call)
      : context_(call.context), arena_(std::make_shared<StringArena>()), out_(call.out.values<StringRef>()) {
    call.out.keep(arena_);
  }
  void set(std::uint32_t row, std::string_view text) {
    out_[row] = StringRef();
    if (text.size() <= StringRef::kInline || context_.take(text.size())) out_[row] = arena_->copy(text);
  }
  // A text that is too large is an error of the row.
  void set(std::uint32_t row, const BoundedText& text) {
    if (text.overflowed()) context_.errors.add(row, kTextTooLarge);
    set(row, text.view());
  }
  // A view into a heap that the column keeps.
  void set_view(std::uint32_t row, std::string_view text) { out_[row] = StringRef(text); }
  StringArena& arena() { return *arena_; }

 private:
  EvalContext& context_;
  std::shared_ptr<StringArena> arena_;
  StringRef* out_;
};

// f(call, row, text) appends row's string to `text`; false makes the row null. `text` is a BoundedText, or a
// std::string& where the result is at the most a few times as long as the arguments are.
template <auto f>
void string_kernel(const KernelCall& call) {
  StringWriter writer(call);
  BoundedText text;
  call.selection.for_each([&](std::uint32_t row) {
    text.clear();
    bool valid = true;
    if (call.context.exceeded()) {
    } else if constexpr (std::is_invocable_v<decltype(f), const KernelCall&, std::uint32_t, BoundedText&>) {
      valid = f(call, row, text);
    } else {
      text.write([&](std::string& out) { valid = f(call, row, out); });
    }
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
