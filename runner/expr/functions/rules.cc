#include "runner/expr/functions/rules.h"

#include <algorithm>

namespace streamrun {

bool coercible(const Type& from, const Type& to) {
  if (from == to || is_null_type(from)) return true;
  const TypeKind kind = from.kind();
  const bool simple = !from.is_nested() && kind != TypeKind::variant;
  switch (to.kind()) {
    case TypeKind::string: return simple && kind != TypeKind::binary;
    case TypeKind::binary: return kind == TypeKind::string;
    case TypeKind::boolean: return kind == TypeKind::string;
    case TypeKind::int32: return kind == TypeKind::string;
    case TypeKind::int64: return kind == TypeKind::string || kind == TypeKind::int32;
    case TypeKind::float32: return kind == TypeKind::string || from.is_integer();
    case TypeKind::float64: return kind == TypeKind::string || from.is_numeric();
    case TypeKind::decimal: return kind == TypeKind::string || from.is_integer() || kind == TypeKind::decimal;
    case TypeKind::date: return kind == TypeKind::string || kind == TypeKind::timestamp;
    case TypeKind::timestamp: return kind == TypeKind::string || kind == TypeKind::date;
    default: return false;
  }
}

bool has_order(const Type& type) {
  if (type.kind() == TypeKind::map || type.kind() == TypeKind::variant) return false;
  return !type.is_nested() ||
         std::ranges::all_of(type.fields(), [](const Field& field) { return has_order(field.type); });
}

Result<> check_count(std::string_view name, const CallTypes& call, std::size_t least, std::size_t most) {
  const std::size_t found = call.types.size();
  if (found >= least && found <= most) return {};
  std::string expected = std::to_string(least);
  if (most == std::string::npos) {
    expected = "at least " + expected;
  } else if (most != least) {
    expected += " to " + std::to_string(most);
  }
  expected += least == 1 && most == 1 ? " argument" : " arguments";
  return failure(wrong_count(name, expected, found));
}

std::string wrong_type(std::string_view name, std::size_t argument, const Type& found, std::string_view expected) {
  return "argument " + std::to_string(argument + 1) + " of " + std::string(name) + " is " + found.name() + ", not " +
         std::string(expected);
}

TypeRule fixed(FixedRule rule) {
  return [rule = std::move(rule)](const CallTypes& call) -> Result<ResolvedCall> {
    const Result<> count = check_count(rule.name, call, rule.required, rule.parameters.size());
    if (!count) return pass_on(count);
    std::vector<Type> arguments(rule.parameters.begin(),
                                rule.parameters.begin() + static_cast<std::ptrdiff_t>(call.types.size()));
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      if (!coercible(call.types[i], arguments[i])) {
        return failure(wrong_type(rule.name, i, call.types[i], arguments[i].name()));
      }
    }
    ResolvedCall resolved = call_of(std::move(arguments), rule.result, rule.kernel, rule.can_fail);
    resolved.prepare = rule.prepare;
    resolved.changes = rule.changes;
    return resolved;
  };
}

// A function of text that takes binary as it is: the result is of the same kind where `keep` is set.
TypeRule text_or_binary(std::string_view name, std::vector<Type> others, std::size_t required, bool keep, Type result,
                        CallKernel kernel, bool can_fail) {
  return [=](const CallTypes& call) -> Result<ResolvedCall> {
    const bool binary = !call.types.empty() && call.types[0].kind() == TypeKind::binary;
    const Type text = binary ? TypeKind::binary : TypeKind::string;
    std::vector<Type> parameters{text};
    for (const Type& other : others) {
      parameters.push_back(other.kind() == TypeKind::string && binary ? Type(TypeKind::binary) : other);
    }
    return fixed({std::string(name), parameters, required, keep ? text : result, kernel, can_fail})(call);
  };
}

std::optional<std::int64_t> constant_number(const CallTypes& call, std::size_t argument) {
  if (argument >= call.constants.size()) return std::nullopt;
  const ColumnPtr& constant = call.constants[argument];
  if (constant == nullptr || !constant->type().is_integer() || constant->is_null(0)) return std::nullopt;
  return constant->type().kind() == TypeKind::int32 ? constant->value<std::int32_t>(0)
                                                    : constant->value<std::int64_t>(0);
}

TypeRule with_check(TypeRule rule, std::function<const char*(const CallTypes&)> check) {
  return [rule = std::move(rule), check = std::move(check)](const CallTypes& call) -> Result<ResolvedCall> {
    Result<ResolvedCall> resolved = rule(call);
    if (!resolved) return resolved;
    if (const char* message = check(call)) return failure(message);
    return resolved;
  };
}

std::string operator_mismatch(std::string_view op, const Type& a, const Type& b) {
  const bool texts = op == "+" && a.kind() == TypeKind::string && b.kind() == TypeKind::string;
  return "'" + std::string(op) + "' takes no " + a.name() + " and " + b.name() +
         (texts ? "; `||` joins texts: write a || b" : "");
}

}  // namespace streamrun
