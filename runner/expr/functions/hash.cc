// xxhash64, as Spark chains it over values.
#include <xxhash.h>

#include <cmath>

#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"

namespace streamrun {
namespace {

constexpr std::uint64_t kSeed = 42;

template <class T>
std::uint64_t hash_bytes(T value, std::uint64_t seed) {
  return XXH64(&value, sizeof value, seed);
}

// Two's complement, most significant byte first, in as few bytes as hold it.
std::uint64_t hash_wide(Int128 value, std::uint64_t seed) {
  std::string bytes;
  for (int shift = 120; shift >= 0; shift -= 8) {
    const auto byte = static_cast<unsigned char>(value >> shift);
    const bool filler = bytes.empty() && shift > 0 && byte == (value < 0 ? 0xFF : 0) &&
                        ((static_cast<unsigned char>(value >> (shift - 8)) & 0x80U) != 0) == (value < 0);
    if (!filler) bytes += static_cast<char>(byte);
  }
  return XXH64(bytes.data(), bytes.size(), seed);
}

// A null leaves the seed as it is.
std::uint64_t hash_value(const Column& column, std::uint32_t row, std::uint64_t seed) {
  const Type& type = column.type();
  if (type.kind() == TypeKind::null || column.is_null(row)) return seed;
  return with_storage(type.kind(), [&]<class T>() -> std::uint64_t {
    if constexpr (std::is_void_v<T>) {
      for (const ColumnPtr& field : column.children) seed = hash_value(*field, column.slot(row), seed);
      return seed;
    } else if constexpr (std::is_same_v<T, ListRef>) {
      const ListRef& list = column.value<ListRef>(row);
      for (std::uint32_t i = 0; i < list.length; ++i) seed = hash_value(*column.children[0], list.offset + i, seed);
      return seed;
    } else if constexpr (std::is_same_v<T, StringRef>) {
      const StringRef& text = column.value<StringRef>(row);
      return XXH64(text.data(), text.size(), seed);
    } else if constexpr (std::is_same_v<T, Int128>) {
      const Int128 value = column.value<Int128>(row);
      return type.precision() <= 18 ? hash_bytes(static_cast<std::int64_t>(value), seed) : hash_wide(value, seed);
    } else if constexpr (std::is_floating_point_v<T>) {
      const T value = column.value<T>(row);
      if (std::isnan(value)) return hash_bytes(std::numeric_limits<T>::quiet_NaN(), seed);
      return hash_bytes(value == 0 ? T{0} : value, seed);
    } else if constexpr (std::is_same_v<T, std::uint8_t>) {
      return hash_bytes(std::int32_t{column.value<T>(row)}, seed);
    } else {
      return hash_bytes(column.value<T>(row), seed);
    }
  });
}

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
