// `by` of sort and top: expressions with their directions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runner/operator/options.h"
#include "runner/operator/row_order.h"
#include "runner/operator/transform.h"

namespace streamrun {

// `amount desc nulls last`.
struct SortKey {
  LocatedText text;
};
template <>
struct Codec<SortKey> {
  static Shape shape() { return Shape::of_kind(Shape::Kind::expression); }
  static bool decode(const SyntaxNode& node, SortKey& out, DecodeContext& context);
};

struct SortBinding {
  std::vector<Expression> keys;
  std::vector<Direction> directions;
  std::string text;  // for `explain`
  bool can_fail = false;
};
// All faults are found; nullopt if there was one. Maps and variants have no order.
std::optional<SortBinding> bind_sort_keys(const BindContext& context, const std::vector<SortKey>& keys);

}  // namespace streamrun
