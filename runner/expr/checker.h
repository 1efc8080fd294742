// Untyped tree → typed tree: names, types, implicit casts, constants.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runner/expr/ast.h"
#include "runner/expr/node.h"

namespace streamrun {

// Where aggregates may stand: their calls are collected, and their results are columns.
struct AggregateScope {
  const Schema* keys = nullptr;
  std::uint32_t first_call = 0;
  std::vector<AggregateCall> calls;
};

class Checker {
 public:
  Checker(const LocatedText& text, const Scope& scope, Diagnostics& diagnostics, AggregateScope* aggregates = nullptr)
      : text_(text), scope_(scope), diagnostics_(diagnostics), aggregates_(aggregates) {}

  // Null where there was something to say.
  NodePtr check(const Ast& ast);
  // `node` as `type`, by an implicit cast; a fault at `at` where there is none.
  NodePtr cast(NodePtr node, const Type& type, const Ast& at, bool attempt = false);
  // The same, where it is seldom meant that a text becomes a number.
  NodePtr cast_with_warning(NodePtr node, const Type& type, const Ast& at);

 private:
  struct Parameter {
    std::string name;
    Type type;
    std::uint32_t slot = 0;
  };
  using Nodes = std::vector<NodePtr>;

  std::nullptr_t refuse(std::string code, const Ast& at, std::string message);
  std::nullptr_t refuse_name(std::string code, const Ast& at, std::string message);
  std::string_view written(const Ast& at) const;

  void warn(std::string code, const Ast& at, std::string message);
  // What is no mistake to the grammar, and yet seldom what was meant.
  void warn_null_operand(const Ast& call);
  void warn_null_listed(const Ast& in_list);
  void warn_null_case(const Ast& value, const Ast& tested);
  void warn_text_as_number(const ExprNode& argument, const Type& to, const Ast& at);
  // A text constant that its row, if it ever comes, cannot have as `to`.
  void warn_unfit_constant(const ExprNode& value, const Type& to, const Ast& at);
  // Of a comparison of values that are no arguments of one call.
  void warn_compared(const ExprNode& a, const Ast& at_a, const ExprNode& b, const Ast& at_b);
  void warn_pattern(std::string_view function, const Ast& call);
  // `; …` where a text constant lost one, else nothing.
  std::string lost_backslash_hint(const Ast& constant) const;

  NodePtr name(const Ast& ast, std::span<const Ast* const> rest);
  NodePtr member(const Ast& ast);
  NodePtr field(NodePtr of, const Ast& member);
  NodePtr unknown_column(const Ast& ast, std::span<const Ast* const> rest);
  // `; …` for a name that is near no column's.
  std::string foreign_name_hint(const Ast& at, std::span<const Ast* const> rest,
                                std::span<const std::string_view> names) const;
  NodePtr column(std::uint32_t number, const Type& type, const Ast& ast);
  NodePtr index(const Ast& ast);
  NodePtr param(const Ast& ast);
  NodePtr call(const Ast& ast);
  NodePtr apply(std::string_view function, Nodes arguments, const Ast& ast);
  NodePtr own_seed(const Ast& ast);
  NodePtr aggregate(const Function& function, const Ast& ast);
  NodePtr higher_order(const Ast& ast);
  NodePtr structure(const Ast& ast);
  NodePtr choice(const Ast& ast);
  NodePtr simple_choice(const Ast& ast);
  NodePtr if_call(const Ast& ast);
  NodePtr first_of(const Ast& ast);
  NodePtr null_if(const Ast& ast);
  NodePtr logic(const Ast& ast);
  NodePtr between(const Ast& ast);
  NodePtr in_list(const Ast& ast);
  // `in` over constants as one call; null where it takes comparisons.
  NodePtr member_test(const Nodes& nodes, const Type& type, const Ast& ast);
  NodePtr quantified_like(const Ast& ast);
  // Conditions, values and what else, as they alternate; the values meet in one type. `first`: which child of `ast`
  // the first of them is.
  NodePtr make_choice(Nodes children, const Ast& ast, std::size_t first = 0);
  // One of several values as the type that they meet in.
  NodePtr meet(NodePtr value, const Type& type, const Ast& at);
  NodePtr make_logic(NodeKind kind, Nodes children, const Ast& ast);
  // Calls `body` with a node that stands for `value` without computing it again.
  template <class Body>
  NodePtr let(NodePtr value, const Ast& ast, Body&& body);
  // What a constant text that is cast to a time stands for: epoch, now, today, tomorrow or yesterday; null: none.
  NodePtr named_moment(const ExprNode& text, const Type& type, const Ast& at);
  NodePtr condition(NodePtr node, const Ast& at);
  NodePtr guarded(const Ast& ast);
  // Sets what follows from the children, and computes what is constant.
  NodePtr finish(std::shared_ptr<ExprNode> node, const Ast& ast);
  std::optional<Type> common(std::span<const NodePtr> nodes, const Ast& ast);

  const LocatedText& text_;
  const Scope& scope_;
  Diagnostics& diagnostics_;
  AggregateScope* aggregates_;
  std::vector<Parameter> parameters_;
  std::uint32_t next_slot_ = 0;
  std::uint32_t guards_ = 0;
};

}  // namespace streamrun
