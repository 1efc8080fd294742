// The typed tree that expressions are evaluated from. Immutable once built.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runner/expr/function.h"

namespace streamrun {

enum class NodeKind : std::uint8_t {
  constant,     // value
  column,       // index: the scope's number
  slot,         // index: a lambda's parameter, or the value of a `let`
  let,          // children: value, body; index: the slot
  call,         // kernel over children
  all_of,       // and, n-ary, three-valued; a child is computed where those before it leave it open
  any_of,       // or
  choice,       // condition, value, condition, value…, otherwise
  first_of,     // coalesce
  field,        // children[0].field index; of an array of structures: an array of the field
  element,      // children[0][children[1]]: array from 0, or map
  higher_order  // children: lists (and start), then bodies; see HigherOrder
};

enum class HigherOrder : std::uint8_t { transform, filter, exists, forall, aggregate, zip_with };

// A comparison of two values of one type, known to `select`'s fast path.
enum class Comparison : std::uint8_t { none, equal, less, less_equal, greater, greater_equal };

class ExprNode;
using NodePtr = std::shared_ptr<const ExprNode>;

class ExprNode {
 public:
  NodeKind kind = NodeKind::constant;
  HigherOrder higher_order = HigherOrder::transform;
  Comparison comparison = Comparison::none;
  NullRule nulls = NullRule::propagate;
  bool can_fail = false;       // this node or one below
  bool constant = false;       // reads no column, no slot from outside, no batch time
  bool volatile_call = false;  // differs from batch to batch or row to row: never folded
  std::uint32_t index = 0;
  Type type;
  ColumnPtr value;
  CallKernel kernel = nullptr;
  std::shared_ptr<const void> prepared;
  std::vector<NodePtr> children;
  // higher_order: the slots of the lambdas' parameters in order, and what the bodies read from outside.
  std::vector<std::uint32_t> parameters;
  std::vector<std::uint32_t> finish_parameters;
  std::vector<std::uint32_t> outer_columns;
  std::vector<std::uint32_t> outer_slots;
  // As the user wrote it, and where, for messages of rows that fail.
  std::string text;
  std::uint32_t place = RowError::kNowhere;
};

// Ascending, each once.
std::vector<std::uint32_t> columns_of(const ExprNode& node);
std::vector<std::uint32_t> free_slots_of(const ExprNode& node);
NodePtr renumbered(const NodePtr& node, const std::function<std::uint32_t(std::uint32_t)>& number);

// One value of `from` as a constant over `rows` rows.
ColumnPtr constant_of(const Column& from, std::uint32_t row, std::uint32_t rows);
constexpr std::uint32_t kNoRow = 0xffffffffU;
// Rows of `from` in that order, kNoRow being null. Never constant; strings and list elements are shared.
MutableColumn take_rows(const Column& from, std::span<const std::uint32_t> rows);

}  // namespace streamrun
