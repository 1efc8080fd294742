// Joins: the right side is collected and hashed, the left side streams by.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runner/expr/expression.h"
#include "runner/operator/collect.h"
#include "runner/operator/kernel.h"

namespace streamrun {

enum class JoinKind : std::uint8_t { inner, left_outer, right_outer, full_outer, left_semi, left_anti, cross };

struct JoinSpec {
  JoinKind kind = JoinKind::inner;
  std::uint32_t left_columns = 0;  // hidden ones included
  std::uint32_t right_columns = 0;
  // Of equal types, pair by pair; a null matches nothing. Without keys every row meets every row.
  std::vector<Expression> left_keys;    // over left
  std::vector<Expression> right_keys;   // over right
  std::optional<Expression> condition;  // over left, then right
  struct Output {
    enum class From : std::uint8_t { left, right, key } from = From::left;  // key: left's, where it has a row
    std::uint32_t column = 0;
    Type type;
  };
  std::vector<Output> outputs;
  std::string text;
};

// Rows come in left's order, each with its matches in right's order; right rows without a match come last.
StepFactory make_join(JoinSpec spec);

}  // namespace streamrun
