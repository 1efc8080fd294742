#include "runner/expr/checker.h"

#include <fmt/format.h>

#include "runner/data/text_value.h"
#include "runner/expr/cast.h"
#include "runner/expr/coercion.h"
#include "runner/expr/fold.h"
#include "runner/expr/lexer.h"
#include "runner/expr/literal.h"

namespace streamrun {

namespace {

bool clock_text(const ExprNode& from, const Type& to) {
  // A time alone takes the day of the batch.
  if (to.kind() != TypeKind::timestamp || from.type.kind() != TypeKind::string || !from.value) return false;
  if (!from.value->no_nulls()) return false;
  const StringRef text = *from.value->values<StringRef>();
  return text.view().find(':') != std::string_view::npos && text.view().find('-') == std::string_view::npos;
}

}  // namespace

std::string_view Checker::written(const Ast& at) const {
  return std::string_view(text_.value()).substr(at.begin, at.end - at.begin);
}

std::nullptr_t Checker::refuse(std::string code, const Ast& at, std::string message) {
  diagnostics_.error(std::move(code), text_.span(at.begin, at.end), std::move(message));
  return nullptr;
}

std::nullptr_t Checker::refuse_name(std::string code, const Ast& at, std::string message) {
  diagnostics_.error(std::move(code), text_.span(at.name_begin, at.name_end), std::move(message));
  return nullptr;
}

NodePtr Checker::finish(std::shared_ptr<ExprNode> node, const Ast& ast) {
  if (node->text.empty()) node->text = written(ast);
  node->place = text_.span(ast.begin, ast.end).begin;
  bool constant = node->kind != NodeKind::column && node->kind != NodeKind::slot;
  for (const NodePtr& child : node->children) {
    node->can_fail = node->can_fail || child->can_fail;
    node->volatile_call = node->volatile_call || child->volatile_call;
    constant = constant && child->constant;
  }
  if (node->kind == NodeKind::let || node->kind == NodeKind::higher_order) {
    constant = columns_of(*node).empty() && free_slots_of(*node).empty();
  }
  node->constant = constant && !node->volatile_call;
  if (!node->constant || node->kind == NodeKind::constant) return node;
  Result<ColumnPtr> value = compute_constant(*node);
  if (!value) {
    if (guards_ > 0) return node;
    return refuse("constant-error", ast, value.error().message);
  }
  auto folded = std::make_shared<ExprNode>();
  folded->kind = NodeKind::constant;
  folded->type = node->type;
  folded->value = std::move(*value);
  folded->constant = true;
  folded->text = std::move(node->text);
  return folded;
}

NodePtr Checker::check(const Ast& ast) {
  switch (ast.kind) {
    case AstKind::literal: {
      auto node = std::make_shared<ExprNode>();
      node->kind = NodeKind::constant;
      node->type = ast.type;
      node->value = ast.value;
      return finish(std::move(node), ast);
    }
    case AstKind::name: return name(ast, {});
    case AstKind::member: return member(ast);
    case AstKind::index: return index(ast);
    case AstKind::param: return param(ast);
    case AstKind::call: return call(ast);
    case AstKind::lambda:
      return refuse("syntax", ast,
                    "a lambda stands only as an argument of transform, filter, exists, forall, aggregate "
                    "or zip_with");
    case AstKind::cast:
    case AstKind::try_cast: {
      NodePtr node = check(*ast.children[0]);
      return node ? cast(std::move(node), ast.type, ast, ast.kind == AstKind::try_cast) : nullptr;
    }
    case AstKind::all_of:
    case AstKind::any_of: return logic(ast);
    case AstKind::between: return between(ast);
    case AstKind::in_list: return in_list(ast);
    case AstKind::like_any:
    case AstKind::like_all: return quantified_like(ast);
    case AstKind::choice: return choice(ast);
    case AstKind::simple_choice: return simple_choice(ast);
    case AstKind::row: return structure(ast);
  }
  return nullptr;
}

NodePtr Checker::guarded(const Ast& ast) {
  ++guards_;
  NodePtr out = check(ast);
  --guards_;
  return out;
}

NodePtr Checker::named_moment(const ExprNode& text, const Type& type, const Ast& at) {
  if (type.kind() != TypeKind::date && type.kind() != TypeKind::timestamp) return nullptr;
  if (text.kind != NodeKind::constant || text.type.kind() != TypeKind::string || text.value->is_null(0)) return nullptr;
  const std::string_view word = trim_blanks(text.value->values<StringRef>()->view());
  if (same_word(word, "now")) return apply("current_timestamp", {}, at);
  if (same_word(word, "today")) return apply("current_date", {}, at);
  const auto constant = [&](ColumnPtr value) {
    auto node = std::make_shared<ExprNode>();
    node->kind = NodeKind::constant;
    node->type = value->type();
    node->value = std::move(value);
    return finish(std::move(node), at);
  };
  if (same_word(word, "epoch")) return cast(constant(string_constant("1970-01-01")), type, at);
  const bool tomorrow = same_word(word, "tomorrow");
  if (!tomorrow && !same_word(word, "yesterday")) return nullptr;
  return apply("date_add", {apply("current_date", {}, at), constant(int_constant(tomorrow ? 1 : -1))}, at);
}

NodePtr Checker::cast(NodePtr node, const Type& type, const Ast& at, bool attempt) {
  if (node->type == type) return node;
  if (NodePtr moment = named_moment(*node, type, at)) return cast(std::move(moment), type, at);
  if (node->type.kind() == TypeKind::null) {
    auto out = std::make_shared<ExprNode>();
    if (node->kind == NodeKind::constant) {
      out->kind = NodeKind::constant;
      out->value = Column::make_null(type, 1);
      out->type = type;
      return finish(std::move(out), at);
    }
  }
  Result<ResolvedCall> resolved = resolve_cast(node->type, type, attempt);
  if (!resolved) return refuse("type-mismatch", at, resolved.error().message);
  auto out = std::make_shared<ExprNode>();
  out->kind = NodeKind::call;
  out->type = resolved->result;
  out->kernel = resolved->kernel;
  out->nulls = resolved->nulls;
  out->can_fail = resolved->can_fail;
  out->volatile_call = clock_text(*node, type);
  if (resolved->prepare) {
    const std::vector<ColumnPtr> constants = {node->value};
    auto prepared = resolved->prepare(constants);
    if (!prepared) return refuse("constant-error", at, prepared.error().message);
    out->prepared = std::move(*prepared);
  }
  out->children.push_back(std::move(node));
  return finish(std::move(out), at);
}

std::optional<Type> Checker::common(std::span<const NodePtr> nodes, const Ast& ast) {
  std::vector<Type> types;
  for (const NodePtr& node : nodes) types.push_back(node->type);
  Result<Type> type = common_type(types);
  if (type) return *type;
  refuse("type-mismatch", ast, type.error().message);
  return std::nullopt;
}

NodePtr Checker::condition(NodePtr node, const Ast& at) {
  const TypeKind kind = node->type.kind();
  if (kind == TypeKind::boolean) return node;
  if (kind == TypeKind::string && node->kind == NodeKind::constant && !node->value->is_null(0)) {
    bool value = false;
    if (parse_boolean(node->value->values<StringRef>()->view(), value))
      return cast(std::move(node), Type(TypeKind::boolean), at);
    return refuse("constant-error", at,
                  fmt::format("a condition is a boolean, and the text {0} is none; to compare with one of several "
                              "values write x in (…, {0})",
                              written(at)));
  }
  if (kind == TypeKind::null) {
    return cast(std::move(node), Type(TypeKind::boolean), at);
  }
  const bool joined = at.kind == AstKind::call && at.text == "||";
  return refuse("type-mismatch", at,
                fmt::format("a condition is a boolean, not {}{}", node->type.name(),
                            joined ? "; `||` joins texts: write or" : ""));
}

NodePtr Checker::make_logic(NodeKind kind, Nodes children, const Ast& ast) {
  auto node = std::make_shared<ExprNode>();
  node->kind = kind;
  node->type = Type(TypeKind::boolean);
  node->children = std::move(children);
  return finish(std::move(node), ast);
}

}  // namespace streamrun
