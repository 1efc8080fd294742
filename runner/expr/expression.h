// Expressions: text → checked, typed tree → values of whole columns. Spark SQL in ANSI mode; language.md
// section 2. What the rest of the program needs of it stands here.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/diagnostic.h"
#include "runner/base/source_text.h"
#include "runner/base/strong_id.h"
#include "runner/data/raw_records.h"
#include "runner/data/record_batch.h"
#include "runner/data/type.h"

namespace streamrun {

// A typed constant. `value` is a constant column.
struct Param {
  Type type;
  ColumnPtr value;
};
using Params = std::map<std::string, Param, std::less<>>;

// What names mean. Columns are numbered through: inputs one after the other, each visible then hidden.
struct Scope {
  struct Input {
    std::string qualifier;  // `left`, `right`, `state`, `old`; empty: its columns need none
    const Schema* schema = nullptr;
    bool qualified_only = false;  // reached by `qualifier.name` alone
  };
  std::vector<Input> inputs;
  const Params* params = nullptr;
  std::string owner;  // for messages: `stream 'per_account'`
  // Every param that an expression names is noted here, for the warning about those that none names.
  std::function<void(std::string_view param)> param_used;
};

class ExprNode;  // expr/node.h

// Const, shared by threads, cheap to copy.
class Expression {
 public:
  Expression() = default;
  explicit Expression(std::shared_ptr<const ExprNode> root, LocatedText text);

  explicit operator bool() const { return root_ != nullptr; }
  const Type& type() const;
  // A row may be an error.
  bool can_fail() const;
  // Reads no column; `batch_time` and `rand` are no constants.
  bool constant() const;
  // A bare column: its number.
  std::optional<std::uint32_t> column() const;
  // Numbers of the columns it reads, ascending.
  const std::vector<std::uint32_t>& columns_read() const { return columns_; }
  const LocatedText& text() const { return text_; }
  const ExprNode& root() const { return *root_; }
  // The same expression over columns that are numbered anew: what schema pruning and unions need.
  Expression renumbered(const std::function<std::uint32_t(std::uint32_t)>& number) const;

 private:
  std::shared_ptr<const ExprNode> root_;
  LocatedText text_;
  std::vector<std::uint32_t> columns_;
};

// Parses and checks; faults go to `diagnostics` at their own characters, and the result is empty. Constant
// parts are computed here, and one that cannot be (`1/0`, a bad pattern) is a fault unless a choice guards it.
std::optional<Expression> compile_expression(const LocatedText& text, const Scope& scope, Diagnostics& diagnostics);
// As above, cast to `type` as an assignment would (no narrowing, no string to number), else a fault.
std::optional<Expression> compile_expression_as(const LocatedText& text, const Type& type, const Scope& scope,
                                                Diagnostics& diagnostics);
// As above, but cast as `cast(… as type)` does.
std::optional<Expression> compile_cast(const LocatedText& text, const Type& type, const Scope& scope,
                                       Diagnostics& diagnostics);
// A plain column of `scope`.
Expression column_expression(const Scope& scope, std::uint32_t column, LocatedText text);

// What an evaluation needs of its surroundings, and where it reports. One a thread.
struct EvalContext {
  BatchTime batch;
  std::uint64_t seed_row = 0;  // the first row's number in its pass: what rand(seed) counts from
  RowErrors errors;
};

// Rows of the columns that the scope numbers; those not read may be null pointers.
struct EvalInput {
  std::span<const ColumnPtr> columns;
  std::uint32_t rows = 0;
};

// The value for each selected row; the other rows hold anything. A row that fails is in `context.errors`,
// and is computed no further by the caller.
ColumnPtr evaluate(const Expression& expression, const EvalInput& input, const Selection& selection,
                   EvalContext& context);
// The selected rows for which a boolean expression is true (not false, not null, not failed).
Selection select(const Expression& predicate, const EvalInput& input, const Selection& selection, EvalContext& context);

}  // namespace streamrun
