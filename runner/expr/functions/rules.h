// What the lists of functions share: rules of types for calls with fixed parameters.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runner/expr/function.h"
#include "runner/expr/functions/text.h"
#include "runner/expr/kernels.h"

namespace streamrun {

// Whether an argument of `from` may stand where `to` is asked for, cast without being asked (Spark's ANSI
// implicit casts: any simple value to string, a string to any simple value, numbers to wider ones).
bool coercible(const Type& from, const Type& to);

using Prepare = std::function<Result<std::shared_ptr<const void>>(std::span<const ColumnPtr> constants)>;

struct FixedRule {
  std::string name;
  std::vector<Type> parameters;
  std::size_t required = 0;  // the others may be left out
  Type result;
  CallKernel kernel = nullptr;
  bool can_fail = false;
  Prepare prepare = nullptr;
  bool changes = false;
};
TypeRule fixed(FixedRule rule);
Result<> check_count(std::string_view name, const CallTypes& call, std::size_t least, std::size_t most);
std::string wrong_type(std::string_view name, std::size_t argument, const Type& found, std::string_view expected);
// An array or a map by its own type; nullopt-like null type for others.
inline bool is_null_type(const Type& type) {
  return type.kind() == TypeKind::null;
}

// `||` and concat.
Result<ResolvedCall> resolve_concat(const CallTypes& call);
// Whether values compare: maps and variants do not, nor what holds one.
bool has_order(const Type& type);
// Element access of `a[i]` and `m[k]`.
Result<ResolvedCall> resolve_arithmetic(std::string_view op, const CallTypes& call);

// A function of text that takes binary as it is: the result is of the same kind where `keep` is set.
TypeRule text_or_binary(std::string_view name, std::vector<Type> others, std::size_t required, bool keep, Type result,
                        CallKernel kernel, bool can_fail = false);
// `'+' takes no int and boolean`.
std::string operator_mismatch(std::string_view op, const Type& a, const Type& b);

// The value of an argument that is a constant whole number.
std::optional<std::int64_t> constant_number(const CallTypes& call, std::size_t argument);
// `rule`, and what `check` says of constants that are wrong for every row: a message, or null.
TypeRule with_check(TypeRule rule, std::function<const char*(const CallTypes&)> check);

// The functions of one group, as a file of this folder makes them.
class FunctionList {
 public:
  explicit FunctionList(std::string_view group, FunctionKind kind = FunctionKind::scalar)
      : group_(group), kind_(kind) {}
  Function& add(std::vector<std::string_view> names, std::string_view signature, std::string_view summary,
                std::string_view example, TypeRule rule) {
    functions_.push_back({std::move(names), group_, signature, summary, example, kind_, std::move(rule)});
    return functions_.back();
  }
  std::vector<Function> take() { return std::move(functions_); }

 private:
  std::string_view group_;
  FunctionKind kind_;
  std::vector<Function> functions_;
};

}  // namespace streamrun
