// Calls of functions and aggregates.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "runner/expr/checker.h"
#include "runner/expr/foreign_functions.h"
#include "runner/expr/lexer.h"
#include "runner/expr/literal.h"

namespace streamrun {

namespace {

Comparison comparison_of(std::string_view name) {
  if (name == "=") return Comparison::equal;
  if (name == "<") return Comparison::less;
  if (name == "<=") return Comparison::less_equal;
  if (name == ">") return Comparison::greater;
  if (name == ">=") return Comparison::greater_equal;
  return Comparison::none;
}

// The argument whose constant is what a rule refuses: without its value the call is taken, as `out` says.
const Ast* refused_constant(const Ast& call, const CallTypes& given, const TypeRule& resolve, ResolvedCall& out) {
  std::vector<ColumnPtr> constants(given.constants.begin(), given.constants.end());
  for (std::size_t i = 0; i < constants.size() && i < call.children.size(); ++i) {
    const ColumnPtr own = std::exchange(constants[i], nullptr);
    if (own == nullptr) continue;
    Result<ResolvedCall> other = resolve({given.types, constants});
    constants[i] = own;
    if (!other) continue;
    out = *std::move(other);
    return call.children[i].get();
  }
  return nullptr;
}

// Where a call that its rule of types refuses is wrong: the last argument without whose type it would be taken (it
// does not go with those before it), or else be refused for another reason. The whole call where there is none, and
// for an operator between its operands.
const Ast& refused_at(const Ast& call, const CallTypes& given, const TypeRule& resolve, const std::string& message) {
  const bool between_operands = call.begin != call.name_begin;
  if (between_operands || call.children.size() != given.types.size()) return call;
  std::vector<Type> types(given.types.begin(), given.types.end());
  const Ast* mend = nullptr;
  const Ast* change = nullptr;
  for (std::size_t i = 0; i < types.size(); ++i) {
    const Type own = std::exchange(types[i], Type(TypeKind::null));
    const Result<ResolvedCall> other = resolve({types, given.constants});
    types[i] = own;
    if (other) {
      mend = call.children[i].get();
    } else if (other.error().message != message) {
      change = call.children[i].get();
    }
  }
  if (mend != nullptr) return *mend;
  return change != nullptr ? *change : call;
}

}  // namespace

NodePtr Checker::call(const Ast& ast) {
  const auto is = [&](std::string_view name) { return same_word(ast.text, name); };
  const Function* function = find_function(ast.text);
  if (function != nullptr && function->kind == FunctionKind::aggregate) return aggregate(*function, ast);
  const bool all_columns = ast.star && is("struct") && aggregates_ == nullptr && !ast.filter;
  if ((ast.star && !all_columns) || ast.distinct || ast.filter) {
    return refuse_name("type-mismatch", ast,
                       fmt::format("{} is no aggregate: it takes no {}", ast.text,
                                   ast.star       ? "*"
                                   : ast.distinct ? "distinct"
                                                  : "filter"));
  }
  if (is("transform") || is("filter") || is("exists") || is("forall") || is("aggregate") || is("reduce") ||
      is("zip_with")) {
    return higher_order(ast);
  }
  if (is("if") || is("iff")) return if_call(ast);
  if (is("coalesce") || is("nvl") || is("ifnull")) return first_of(ast);
  if (is("nullif")) return null_if(ast);
  if (is("struct")) return structure(ast);
  if (function == nullptr) {
    std::vector<std::string_view> names;
    for (const Function& f : all_functions()) names.insert(names.end(), f.names.begin(), f.names.end());
    return refuse_name(
        "unknown-function", ast,
        fmt::format("there is no function '{}'{}", ast.text, name_hint(ast.text, foreign_functions(), names)));
  }
  warn_null_operand(ast);
  Nodes arguments;
  bool sound = true;
  for (const AstPtr& child : ast.children) {
    arguments.push_back(check(*child));
    sound = sound && arguments.back();
  }
  if (arguments.empty() && (is("rand") || is("random"))) arguments.push_back(own_seed(ast));
  return sound ? apply(ast.text, std::move(arguments), ast) : nullptr;
}

NodePtr Checker::own_seed(const Ast& ast) {
  auto node = std::make_shared<ExprNode>();
  node->kind = NodeKind::constant;
  node->type = TypeKind::int64;
  const std::uint64_t place = text_.span(ast.begin, ast.end).begin;
  node->value = bigint_constant(static_cast<std::int64_t>(scope_.seed << 32 | place));
  return finish(std::move(node), ast);
}

NodePtr Checker::apply(std::string_view name, Nodes arguments, const Ast& ast) {
  const Function* function = find_function(name);
  if (function == nullptr || !function->resolve) {
    return refuse_name("unknown-function", ast, fmt::format("there is no function '{}'", name));
  }
  std::vector<Type> types;
  std::vector<ColumnPtr> constants;
  for (const NodePtr& argument : arguments) {
    types.push_back(argument->type);
    constants.push_back(argument->value);
  }
  Result<ResolvedCall> resolved = function->resolve({types, constants});
  if (!resolved) {
    const std::string& message = resolved.error().message;
    ResolvedCall without;
    const Ast* constant = refused_constant(ast, {types, constants}, function->resolve, without);
    if (constant == nullptr) {
      // `a > 1 || b > 1` compares with what is joined first.
      const bool joined = std::ranges::any_of(
          ast.children, [](const AstPtr& child) { return child->kind == AstKind::call && child->text == "||"; });
      return refuse("type-mismatch", refused_at(ast, {types, constants}, function->resolve, message),
                    joined ? message + "; `||` joins texts: write or" : message);
    }
    // A row that is never computed does not fail.
    if (guards_ == 0) return refuse("constant-error", *constant, message + lost_backslash_hint(*constant));
    resolved = std::move(without);
  }
  auto node = std::make_shared<ExprNode>();
  node->kind = NodeKind::call;
  node->type = resolved->result;
  node->kernel = resolved->kernel;
  node->nulls = resolved->nulls;
  node->can_fail = resolved->can_fail;
  node->volatile_call = resolved->changes;
  constants.clear();
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const Ast& at = i < ast.children.size() ? *ast.children[i] : ast;
    const Type& to = i < resolved->arguments.size() ? resolved->arguments[i] : arguments[i]->type;
    if (ast.kind == AstKind::call) warn_text_as_number(*arguments[i], to, at);
    NodePtr argument = cast(std::move(arguments[i]), to, at);
    if (!argument) return nullptr;
    constants.push_back(argument->value);
    node->children.push_back(std::move(argument));
  }
  if (resolved->prepare) {
    auto prepared = resolved->prepare(constants);
    if (!prepared) {
      // The pattern, format or path that is wrong is the first text constant behind what it is applied to.
      const Ast* at = &ast;
      for (std::size_t i = 1; at == &ast && i < constants.size() && i < ast.children.size(); ++i) {
        if (constants[i] && constants[i]->type().kind() == TypeKind::string) at = ast.children[i].get();
      }
      return refuse("constant-error", *at, prepared.error().message + lost_backslash_hint(*at));
    }
    node->prepared = std::move(*prepared);
  }
  warn_pattern(name, ast);
  if (node->children.size() == 2 && node->children[0]->type == node->children[1]->type) {
    node->comparison = comparison_of(name);
  }
  return finish(std::move(node), ast);
}

NodePtr Checker::aggregate(const Function& function, const Ast& ast) {
  if (aggregates_ == nullptr) {
    return refuse("aggregate-not-allowed", ast,
                  fmt::format("the aggregate {0} cannot stand here; only the `to` of a keyed step takes aggregates: "
                              "`reduce_by_key: {{key: …, to: {{x: \"{1}\"}}}}`, and the steps behind it use x",
                              function.names.front(), written(ast)));
  }
  if (!parameters_.empty()) {
    return refuse("aggregate-not-allowed", ast, fmt::format("the aggregate {} cannot stand in a lambda", ast.text));
  }
  const Function* chosen = &function;
  if (ast.distinct) {
    chosen = find_function(std::string(function.names.front()) + "_distinct");
    if (chosen == nullptr) {
      return refuse_name("unknown-function", ast,
                         fmt::format("{}(distinct …) is not supported; only count is", function.names.front()));
    }
  }
  if (!ast.star && ast.children.empty()) {
    return refuse(
        "type-mismatch", ast,
        fmt::format("{} takes an argument{}", ast.text, same_word(ast.text, "count") ? ": count(*) counts rows" : ""));
  }
  if (ast.star && !same_word(ast.text, "count")) {
    return refuse("type-mismatch", ast, fmt::format("{}(*): only count takes *", ast.text));
  }
  Checker inner(text_, scope_, diagnostics_);
  Nodes arguments;
  std::vector<Type> types;
  std::vector<ColumnPtr> constants;
  for (const AstPtr& child : ast.children) {
    NodePtr node = inner.check(*child);
    if (!node) return nullptr;
    types.push_back(node->type);
    constants.push_back(node->value);
    arguments.push_back(std::move(node));
  }
  Result<ResolvedCall> resolved = chosen->resolve({types, constants});
  if (!resolved) {
    const std::string& message = resolved.error().message;
    return refuse("type-mismatch", refused_at(ast, {types, constants}, chosen->resolve, message), message);
  }
  AggregateCall made;
  made.aggregator = resolved->aggregator;
  made.type = resolved->result;
  made.place = text_.span(ast.begin, ast.end).begin;
  for (std::size_t i = 0; i < arguments.size() && i < resolved->arguments.size(); ++i) {
    inner.warn_text_as_number(*arguments[i], resolved->arguments[i], *ast.children[i]);
    NodePtr argument = inner.cast(std::move(arguments[i]), resolved->arguments[i], *ast.children[i]);
    if (!argument) return nullptr;
    made.arguments.emplace_back(std::move(argument), text_);
  }
  if (ast.filter) {
    NodePtr filter = inner.check(*ast.filter);
    if (filter) filter = inner.condition(std::move(filter), *ast.filter);
    if (!filter) return nullptr;
    made.filter = Expression(std::move(filter), text_);
  }
  const auto number = static_cast<std::uint32_t>(aggregates_->first_call + aggregates_->keys->columns.size() +
                                                 aggregates_->calls.size());
  auto node = std::make_shared<ExprNode>();
  node->kind = NodeKind::column;
  node->index = number;
  node->type = made.type;
  node->can_fail = resolved->can_fail || (made.filter && made.filter->can_fail()) ||
                   std::ranges::any_of(made.arguments, [](const Expression& e) { return e.can_fail(); });
  aggregates_->calls.push_back(std::move(made));
  return finish(std::move(node), ast);
}

NodePtr Checker::structure(const Ast& ast) {
  Nodes arguments;
  const auto add = [&](const std::string& name, NodePtr node) {
    auto label = std::make_shared<ExprNode>();
    label->kind = NodeKind::constant;
    label->constant = true;
    label->type = Type(TypeKind::string);
    label->value = string_constant(name);
    arguments.push_back(std::move(label));
    arguments.push_back(std::move(node));
  };
  std::uint32_t base = 0;
  for (const Scope::Input& input : scope_.inputs) {
    // `struct(*)`: all columns that need no qualifier.
    for (std::uint32_t i = 0; ast.star && !input.qualified_only && i < input.schema->columns.size(); ++i) {
      add(input.schema->at(i).name, column(base + i, input.schema->at(i).type, ast));
    }
    base += input.schema->size();
  }
  for (std::size_t i = 0; i < ast.children.size(); ++i) {
    const Ast& child = *ast.children[i];
    NodePtr node = check(child);
    if (!node) return nullptr;
    const bool named = child.kind == AstKind::name || child.kind == AstKind::member;
    add(named ? child.text : fmt::format("col{}", i + 1), std::move(node));
  }
  return apply("named_struct", std::move(arguments), ast);
}

}  // namespace streamrun
