// What functions of arrays and maps share.
#pragma once

#include "runner/expr/functions/placing.h"
#include "runner/expr/functions/rules.h"

namespace streamrun {

// The place within `list` of the value of `wanted` at `row`, nulls passed over; kNoValue: none.
inline std::uint32_t find_in(const Column& values, const ListRef& list, const Column& wanted, std::uint32_t row) {
  for (std::uint32_t i = 0; i < list.length; ++i) {
    const std::uint32_t at = list.offset + i;
    if (!values.is_null(at) && equal_values(values, at, wanted, row)) return i;
  }
  return kNoValue;
}

// Makes the lists of the result one after the other.
class Lists {
 public:
  explicit Lists(const KernelCall& call)
      : call_(call), out_(call.out.values<ListRef>()), builder_(call.out.type().element()) {}
  ~Lists() { call_.out.children = {builder_.finish()}; }
  Lists(const Lists&) = delete;
  Lists& operator=(const Lists&) = delete;
  void begin() { first_ = builder_.rows(); }
  void add(const Column& from, std::uint32_t row) { builder_.append(from, row); }
  void end(std::uint32_t row) { out_[row] = {first_, builder_.rows() - first_}; }
  ColumnBuilder& builder() { return builder_; }

 private:
  const KernelCall& call_;
  ListRef* out_;
  ColumnBuilder builder_;
  std::uint32_t first_ = 0;
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
