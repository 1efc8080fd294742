// The table of functions. One entry is a function: its names, its help, its rule of types, its kernel.
//
// To add a function, write one entry into the file of expr/functions/ that fits (lists.h names them; a new file has a
// list function there and a line in function_table.cc), beside its kernel:
//
//   constexpr auto twice = [](const double& x) { return 2 * x; };
//   list.add({"twice"}, "twice(x) -> double", "the number, doubled", "twice(2) = 4",
//            fixed({"twice", {TypeKind::float64}, 1, TypeKind::float64, unary<double, double, twice>}));
//
// `fixed` (functions/rules.h) is the rule for parameters of fixed types; a rule of its own is a function of CallTypes.
// kernels.h has the shapes of kernels. Help, parser, checker and evaluator know the function by its entry; its example
// is a test.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/result.h"
#include "runner/data/column.h"
#include "runner/data/raw_records.h"
#include "runner/data/selection.h"
#include "runner/expr/aggregate.h"
#include "runner/expr/expression.h"

namespace streamrun {

// One call, column-wise: writes `out` (made by the caller with the result's type) for the selected rows.
// Arguments may be constant columns. Nothing is allocated per row but strings in the arena.
struct KernelCall {
  std::span<const ColumnPtr> arguments;
  const Selection& selection;
  Column& out;
  EvalContext& context;
  const void* prepared = nullptr;  // what `prepare` made: a compiled pattern, a parsed path
};

using CallKernel = void (*)(const KernelCall&);

// How a function treats a null argument, before its kernel sees the row.
enum class NullRule {
  propagate,  // any null argument makes a null result; the kernel sees no such row
  kernel,     // the kernel sees nulls and writes validity itself
};

// What overload resolution found: the types the arguments are cast to, the result's, and how to compute it.
struct ResolvedCall {
  std::vector<Type> arguments;
  Type result;
  CallKernel kernel = nullptr;
  NullRule nulls = NullRule::propagate;
  bool can_fail = false;
  bool changes = false;  // from batch to batch or row to row: never computed at compile time
  // Called once at compile time where the arguments that `prepare` needs are constant; an error is a
  // diagnostic at the argument. Null where there is nothing to prepare.
  std::function<Result<std::shared_ptr<const void>>(std::span<const ColumnPtr> constants)> prepare;
  // An aggregate: makes its Aggregator instead of a kernel.
  std::shared_ptr<const Aggregator> aggregator;
};

// What the rule of types is asked: types of the arguments, and the values of those that are constant (null
// pointers else). A lambda's parameter types are asked for and its body's type is given by the checker.
struct CallTypes {
  std::span<const Type> types;
  std::span<const ColumnPtr> constants;
};

// nullopt-like Error: the message of the diagnostic (`upper takes 1 argument, not 2`).
using TypeRule = std::function<Result<ResolvedCall>(const CallTypes&)>;

enum class FunctionKind { scalar, aggregate, higher_order, special };

struct Function {
  std::vector<std::string_view> names;  // the first is the one that is shown
  std::string_view group;               // Maths, Strings, Time, Collections, JSON, Null and choice, Aggregates
  std::string_view signature;           // `substring(text, start[, length]) -> string`
  std::string_view summary;             // one line
  std::string_view example;             // `substring('hello', 2, 3) = 'ell'`; a test evaluates it
  FunctionKind kind = FunctionKind::scalar;
  TypeRule resolve;
  bool bare = false;  // may be written without parentheses: current_timestamp
};

// Case-insensitive; null if there is none.
const Function* find_function(std::string_view name);
std::span<const Function> all_functions();

}  // namespace streamrun
