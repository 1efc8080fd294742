#include "runner/expr/membership.h"

#include <bit>
#include <cmath>
#include <limits>
#include <unordered_set>

#include "runner/expr/kernels.h"

namespace streamrun {
namespace {

// Values that are equal have one key: NaNs, and the zeros.
template <class T>
auto key_of(const T& value) {
  if constexpr (std::is_same_v<T, double>) {
    if (std::isnan(value)) return std::bit_cast<std::int64_t>(std::numeric_limits<double>::quiet_NaN());
    return std::bit_cast<std::int64_t>(value == 0 ? 0.0 : value);
  } else if constexpr (std::is_same_v<T, float>) {
    return key_of(static_cast<double>(value));
  } else if constexpr (std::is_same_v<T, StringRef>) {
    return value.view();
  } else {
    return static_cast<std::int64_t>(value);
  }
}

template <class T>
struct Members {
  using Key = decltype(key_of(std::declval<const T&>()));
  std::unordered_set<Key> keys;  // of texts: views into `constants`
  std::vector<ColumnPtr> constants;
  bool null = false;
};

// Null where the value is not among the constants, but a null is.
template <class T>
void is_member(const KernelCall& call) {
  const auto& members = *static_cast<const Members<T>*>(call.prepared);
  std::uint8_t* out = call.out.values<std::uint8_t>();
  for_each_value<T>(call, call.arguments[0], [&](const T& value, std::uint32_t row) {
    const bool found = members.keys.contains(key_of(value));
    out[row] = found ? 1 : 0;
    if (!found && members.null) call.out.set_null(row);
  });
}

template <class T>
Membership membership_of(std::span<const ColumnPtr> constants) {
  auto members = std::make_shared<Members<T>>();
  members->constants.assign(constants.begin(), constants.end());
  for (const ColumnPtr& constant : constants) {
    if (constant->is_null(0)) {
      members->null = true;
    } else {
      members->keys.insert(key_of(*constant->values<T>()));
    }
  }
  return {is_member<T>, std::move(members)};
}

}  // namespace

std::optional<Membership> make_membership(const Type& type, std::span<const ColumnPtr> constants) {
  return with_storage(type.kind(), [&]<class T>() -> std::optional<Membership> {
    if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, StringRef>) {
      if (type.kind() == TypeKind::variant) return std::nullopt;
      return membership_of<T>(constants);
    } else {
      return std::nullopt;
    }
  });
}

}  // namespace streamrun
