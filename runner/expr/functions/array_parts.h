// What functions of arrays and maps share.
#pragma once

#include <optional>

#include "runner/expr/functions/placing.h"
#include "runner/expr/functions/rules.h"
#include "runner/expr/value_set.h"

namespace streamrun {

// Makes the lists or maps of the result one after the other. A value that becomes too large, or that the budget has no
// room for, is not made.
class Lists {
 public:
  explicit Lists(const KernelCall& call) : call_(call), out_(call.out.values<ListRef>()) {
    for (const Field& field : call.out.type().fields()) builders_.emplace_back(field.type);
  }
  ~Lists() {
    call_.out.children.clear();
    for (ColumnBuilder& builder : builders_) call_.out.children.push_back(builder.finish());
  }
  Lists(const Lists&) = delete;
  Lists& operator=(const Lists&) = delete;
  void begin() {
    first_ = builders_[0].rows();
    bytes_ = 0;
  }
  // An element; of a map a key and its value.
  void add(const Column& from, std::uint32_t row) {
    if (room(from, row)) append(0, from, row);
  }
  void add(const Column& keys, std::uint32_t key, const Column& values, std::uint32_t value) {
    if (!room(keys, key) || !room(values, value)) return;
    append(0, keys, key);
    append(1, values, value);
  }
  void end(std::uint32_t row) {
    out_[row] = {first_, builders_[0].rows() - first_};
    if (bytes_ > kMostValueBytes) call_.context.errors.add(row, kListTooLarge);
  }

 private:
  bool room(const Column& from, std::uint32_t row) {
    if (bytes_ > kMostValueBytes) return false;
    const std::size_t bytes = from.is_null(row) ? 1 : value_bytes(from, row, kMostValueBytes);
    bytes_ += bytes;
    return bytes_ <= kMostValueBytes && call_.context.take(bytes + 16);
  }
  void append(std::size_t part, const Column& from, std::uint32_t row) {
    if (from.is_null(row)) {
      builders_[part].append_null();
    } else {
      builders_[part].append(from, row);
    }
  }

  const KernelCall& call_;
  ListRef* out_;
  std::vector<ColumnBuilder> builders_;
  std::uint32_t first_ = 0;
  std::size_t bytes_ = 0;
};

// A function of arrays: every argument that is one gets the common type; f makes the call.
template <class F>
TypeRule of_arrays(std::string_view name, std::size_t least, std::size_t most, F f) {
  return [=](const CallTypes& call) -> Result<ResolvedCall> {
    const Result<> count = check_count(name, call, least, most);
    if (!count) return pass_on(count);
    if (call.types[0].kind() != TypeKind::array) return failure(wrong_type(name, 0, call.types[0], "an array"));
    return f(call);
  };
}

// Likewise, of elements that are compared.
template <class F>
TypeRule of_ordered_arrays(std::string_view name, std::size_t least, std::size_t most, F f) {
  return of_arrays(name, least, most, [=](const CallTypes& call) -> Result<ResolvedCall> {
    if (!has_order(call.types[0])) return failure(wrong_type(name, 0, call.types[0], "of a type with an order"));
    return f(call);
  });
}

}  // namespace streamrun
