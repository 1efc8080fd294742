// xxhash64, as Spark chains it over values.
#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"
#include "runner/expr/value_set.h"

namespace streamrun {
namespace {

constexpr std::uint64_t kSeed = 42;

void xxhash64(const KernelCall& call) {
  std::int64_t* out = call.out.values<std::int64_t>();
  call.selection.for_each([&](std::uint32_t row) {
    std::uint64_t hash = kSeed;
    for (const ColumnPtr& argument : call.arguments) hash = hash_value(*argument, row, hash);
    out[row] = static_cast<std::int64_t>(hash);
  });
}

bool hashable(const Type& type) {
  if (type.kind() == TypeKind::map || type.kind() == TypeKind::variant) return false;
  for (const Field& field : type.fields()) {
    if (!hashable(field.type)) return false;
  }
  return true;
}

Result<ResolvedCall> resolve_xxhash64(const CallTypes& call) {
  const Result<> count = check_count("xxhash64", call, 1, std::string::npos);
  if (!count) return pass_on(count);
  for (std::size_t i = 0; i < call.types.size(); ++i) {
    if (!hashable(call.types[i])) return failure(wrong_type("xxhash64", i, call.types[i], "a type without maps"));
  }
  return call_of({call.types.begin(), call.types.end()}, TypeKind::int64, xxhash64, false, NullRule::kernel);
}

}  // namespace

std::vector<Function> hash_functions() {
  return {{{"xxhash64"},
           "Strings",
           "xxhash64(a, …) -> bigint",
           "a hash of values of any types; nulls leave it as it is",
           "xxhash64('abc') = 1423657621850124518",
           FunctionKind::scalar,
           resolve_xxhash64}};
}

}  // namespace streamrun
