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
  std::string owner;       // for messages: `stream 'per_account'`
  std::uint64_t seed = 0;  // of calls of rand() that have none: with their places it tells them apart
  // Every param that an expression names is noted here, for the warning about those that none names.
  std::function<void(std::string_view param)> param_used;
};

// Of a name that no column has, where rows are one variant (json without a schema): what to do; or nothing.
std::string one_variant_hint(const Schema& schema, std::string_view name);

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

// A text, a list or a map may be as large as a record.
constexpr std::size_t kMostValueBytes = std::size_t{16} << 20;

// What the values of one slice of rows may take while they are computed; see EvalSlices. Asked before memory is taken.
class EvalBudget {
 public:
  explicit EvalBudget(std::size_t bytes) : left_(bytes) {}
  // False, and from then on, where there is not so much left: what is computed then is of no use.
  bool take(std::size_t bytes) {
    exceeded_ = exceeded_ || bytes > left_;
    left_ -= exceeded_ ? 0 : bytes;
    return !exceeded_;
  }
  bool exceeded() const { return exceeded_; }
  std::size_t left() const { return left_; }
  // What was taken since `left` was so much is free again.
  void give_back(std::size_t left) { left_ = left; }

 private:
  std::size_t left_;
  bool exceeded_ = false;
};

// What an evaluation needs of its surroundings, and where it reports. One a thread.
struct EvalContext {
  BatchTime batch;
  std::uint64_t seed_row = 0;  // the first row's number in its pass: what rand(seed) counts from
  RowErrors errors;
  EvalBudget* budget = nullptr;

  bool take(std::size_t bytes) const { return budget == nullptr || budget->take(bytes); }
  bool exceeded() const { return budget != nullptr && budget->exceeded(); }
};

// Computes the rows of a batch all at once, or, where their values take too much memory together, half of them and
// then the other half, in order. A single row that takes too much is an error of that row.
//
//   for (EvalSlices slices(batch.selection, context); slices.next();) {
//     …evaluate over slices.rows()…
//     if (slices.fits()) …use it…
//   }
class EvalSlices {
 public:
  EvalSlices(const Selection& selection, EvalContext& context);
  ~EvalSlices() { context_.budget = outer_; }
  EvalSlices(const EvalSlices&) = delete;
  EvalSlices& operator=(const EvalSlices&) = delete;

  bool next();
  const Selection& rows() const { return rows_; }
  // False: what was computed since next() is to be dropped; its errors are already. The context is as it was before.
  bool fits();
  // No rows are left behind these.
  bool last() const { return pending_.empty(); }
  // These are a single row, and it failed.
  bool failed() const { return budget_.exceeded(); }

 private:
  EvalContext& context_;
  EvalBudget* outer_;
  EvalBudget budget_{0};
  std::size_t errors_ = 0;
  Selection rows_;
  std::vector<Selection> pending_;  // the last one is the next
};

// Rows of the columns that the scope numbers; those not read may be null pointers.
struct EvalInput {
  std::span<const ColumnPtr> columns;
  std::uint32_t rows = 0;
};

// The value for each selected row; the other rows hold anything. A row that fails is in `context.errors`,
// and is computed no further by the caller. Outside of EvalSlices it makes slices of its own and joins their values.
ColumnPtr evaluate(const Expression& expression, const EvalInput& input, const Selection& selection,
                   EvalContext& context);
// The selected rows for which a boolean expression is true (not false, not null, not failed).
Selection select(const Expression& predicate, const EvalInput& input, const Selection& selection, EvalContext& context);

}  // namespace streamrun
