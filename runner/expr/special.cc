// Entries of what the checker knows by itself, and the tests for null.
#include "runner/expr/functions/lists.h"

namespace streamrun {

namespace {

template <bool null>
void null_test(const KernelCall& call) {
  std::uint8_t* out = call.out.values<std::uint8_t>();
  const Column& from = *call.arguments[0];
  call.selection.for_each([&](std::uint32_t row) { out[row] = from.is_null(row) == null ? 1 : 0; });
}

TypeRule null_rule(CallKernel kernel) {
  return [kernel](const CallTypes& call) -> Result<ResolvedCall> {
    if (call.types.size() != 1) return failure("a test for null takes 1 argument");
    ResolvedCall out;
    out.arguments = {call.types[0]};
    out.result = Type(TypeKind::boolean);
    out.kernel = kernel;
    out.nulls = NullRule::kernel;
    return out;
  };
}

}  // namespace

std::vector<Function> special_functions() {
  const auto entry = [](std::vector<std::string_view> names, std::string_view signature, std::string_view summary,
                        std::string_view example) {
    return Function{std::move(names), "Null and choice", signature, summary, example, FunctionKind::special, nullptr};
  };
  std::vector<Function> out = {
      entry({"coalesce"}, "coalesce(a, b, …)", "The first argument that is not null; those behind it are not computed.",
            "coalesce(null, 2, 1 / 0) = 2"),
      entry({"ifnull", "nvl"}, "ifnull(a, b)", "`a`, or `b` where `a` is null.", "ifnull(null, 2) = 2"),
      entry({"nullif"}, "nullif(a, b)", "Null where both are equal, else `a`.", "nullif(1, 1) is null"),
      entry({"if"}, "if(condition, then, else)", "One of two values; the other is not computed.", "if(true, 1, 2) = 1"),
  };
  // Forms of the grammar, which the parser knows by their words.
  const auto form = [&](std::string_view group, std::vector<std::string_view> names, std::string_view signature,
                        std::string_view summary, std::string_view example) {
    out.push_back({std::move(names), group, signature, summary, example, FunctionKind::special, nullptr});
  };
  form("Conversion", {"cast", "::"}, "cast(a as type), a::type",
       "The value as another type; one that does not fit is an error.", "cast('12' as int) = 12");
  form("Conversion", {"try_cast"}, "try_cast(a as type)", "The value as another type, null where it does not fit.",
       "try_cast('x' as int) is null");
  form("Null and choice", {"case"}, "case when condition then a … [else b] end, case x when y then a … [else b] end",
       "The value behind the first condition that is true, or the first `y` that is equal to `x`.",
       "case when 1 > 2 then 'a' else 'b' end = 'b'");
  form("Logic", {"and"}, "a and b -> boolean", "True where both are; false wins over null.", "true and true");
  form("Logic", {"or"}, "a or b -> boolean", "True where one of them is; true wins over null.", "true or null");
  form("Logic", {"between"}, "a [not] between low and high -> boolean", "From `low` to `high`, both included.",
       "2 between 1 and 3");
  form("Logic", {"in"}, "a [not] in (b, …) -> boolean", "Equal to one of the list.", "2 in (1, 2)");
  form("Logic", {"is"}, "a is [not] null -> boolean", "Whether there is no value.", "null is null");
  out.push_back({{"isnull"},
                 "Null and choice",
                 "isnull(a) -> boolean",
                 "Whether a value is null: `a is null`.",
                 "isnull(null)",
                 FunctionKind::scalar,
                 null_rule(null_test<true>)});
  out.push_back({{"isnotnull"},
                 "Null and choice",
                 "isnotnull(a) -> boolean",
                 "Whether a value is not null: `a is not null`.",
                 "isnotnull(1)",
                 FunctionKind::scalar,
                 null_rule(null_test<false>)});
  return out;
}

}  // namespace streamrun
