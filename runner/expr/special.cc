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

TypeRule null_rule(Kernel kernel) {
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
