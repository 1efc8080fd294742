// Implicit conversions: the type that values of several types meet in. Spark's ANSI rules.
#pragma once

#include <optional>
#include <span>

#include "runner/base/result.h"
#include "runner/data/type.h"

namespace streamrun {

// decimal(10,0) for int, decimal(20,0) for bigint.
Type decimal_for_integer(TypeKind kind);
// decimal(p,s) cut at 38 digits, keeping min(s, 6) fraction digits (for + - * / %).
Type decimal_adjusted(int precision, int scale);
// decimal(min(p,38), min(s,38)): no digits are traded (for common types, sums).
Type decimal_bounded(int precision, int scale);
// The decimal that holds all values of both, cut at 38 digits (integral ones are kept first).
Type wider_decimal(const Type& a, const Type& b);

// The least type of both, for case, coalesce, array, greatest…; nullopt where they do not meet. With
// `string_promotion` a string meets a number as Spark's ANSI mode has it (int → bigint, float → double).
std::optional<Type> common_type(const Type& a, const Type& b, bool string_promotion = true);
// The type of both that neither gives up digits for: no decimal for what is none, no string for what is none.
std::optional<Type> tightest_type(const Type& a, const Type& b);
// The type in which two values are compared.
std::optional<Type> comparison_type(const Type& a, const Type& b);
// Over several; an Error says which two do not meet. None: null.
Result<Type> common_type(std::span<const Type> types, bool string_promotion = true);
// Whether a value of `from` is stored as `to` without loss and without being asked: int to bigint, null to
// anything, date to timestamp… (no narrowing, no string to number).
bool assignable(const Type& from, const Type& to);

}  // namespace streamrun
