// What the lists of functions share: rules of types for calls with fixed parameters.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "runner/expr/function.h"
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
  Kernel kernel = nullptr;
  bool can_fail = false;
  Prepare prepare = nullptr;
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
// Element access of `a[i]` and `m[k]`.
Result<ResolvedCall> resolve_arithmetic(std::string_view op, const CallTypes& call);

// Code points.
std::uint32_t count_characters(std::string_view text);
inline std::size_t character_length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}
// The length of the character at `at`, never past the end.
inline std::size_t character_at(std::string_view text, std::size_t at) {
  const std::size_t length = character_length(text[at]);
  return length < text.size() - at ? length : text.size() - at;
}
void append_lower(std::string_view text, std::string& out);
void append_upper(std::string_view text, std::string& out);

}  // namespace streamrun
