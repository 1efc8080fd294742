// Forms that compute only what they need: and, or, case, if, coalesce, in, between.
#include <fmt/format.h>

#include <algorithm>

#include "runner/expr/checker.h"
#include "runner/expr/coercion.h"
#include "runner/expr/lexer.h"
#include "runner/expr/membership.h"

namespace streamrun {

NodePtr Checker::logic(const Ast& ast) {
  Nodes children;
  bool sound = true;
  for (const AstPtr& child : ast.children) {
    NodePtr node = children.empty() ? check(*child) : guarded(*child);
    if (node) node = condition(std::move(node), *child);
    sound = sound && node;
    children.push_back(std::move(node));
  }
  if (!sound) return nullptr;
  return make_logic(ast.kind == AstKind::all_of ? NodeKind::all_of : NodeKind::any_of, std::move(children), ast);
}

template <class Body>
NodePtr Checker::let(NodePtr value, const Ast& ast, Body&& body) {
  if (!value) return nullptr;
  if (value->kind == NodeKind::constant || value->kind == NodeKind::column || value->kind == NodeKind::slot) {
    return body(value);
  }
  auto slot = std::make_shared<ExprNode>();
  slot->kind = NodeKind::slot;
  slot->index = next_slot_++;
  slot->type = value->type;
  slot->text = value->text;
  NodePtr inner = body(NodePtr(slot));
  if (!inner) return nullptr;
  auto node = std::make_shared<ExprNode>();
  node->kind = NodeKind::let;
  node->index = slot->index;
  node->type = inner->type;
  node->children = {std::move(value), std::move(inner)};
  return finish(std::move(node), ast);
}

NodePtr Checker::between(const Ast& ast) {
  NodePtr value = check(*ast.children[0]);
  NodePtr low = check(*ast.children[1]);
  NodePtr high = guarded(*ast.children[2]);
  if (!value || !low || !high) return nullptr;
  warn_compared(*value, *ast.children[0], *low, *ast.children[1]);
  warn_compared(*value, *ast.children[0], *high, *ast.children[2]);
  return let(std::move(value), ast, [&](const NodePtr& x) -> NodePtr {
    NodePtr above = apply("<=", {low, x}, ast);
    NodePtr below = above ? apply("<=", {x, high}, ast) : nullptr;
    return below ? make_logic(NodeKind::all_of, {std::move(above), std::move(below)}, ast) : nullptr;
  });
}

NodePtr Checker::member_test(const Nodes& nodes, const Type& type, const Ast& ast) {
  std::vector<ColumnPtr> constants;
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    if (nodes[i]->kind != NodeKind::constant) return nullptr;
    constants.push_back(nodes[i]->value);
  }
  // A single one is a comparison, which has quicker ways.
  if (constants.size() < 2) return nullptr;
  std::optional<Membership> membership = make_membership(type, constants);
  if (!membership) return nullptr;
  auto node = std::make_shared<ExprNode>();
  node->kind = NodeKind::call;
  node->type = Type(TypeKind::boolean);
  node->kernel = membership->kernel;
  node->prepared = std::move(membership->prepared);
  node->children = {nodes[0]};
  return finish(std::move(node), ast);
}

NodePtr Checker::in_list(const Ast& ast) {
  Nodes nodes;
  bool sound = true;
  for (const AstPtr& child : ast.children) {
    nodes.push_back(check(*child));
    sound = sound && nodes.back();
  }
  if (!sound) return nullptr;
  const auto type = common(nodes, ast);
  if (!type) return nullptr;
  warn_null_listed(ast);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    nodes[i] = meet(std::move(nodes[i]), *type, *ast.children[i]);
    if (!nodes[i]) return nullptr;
  }
  if (NodePtr test = member_test(nodes, *type, ast)) return test;
  return let(nodes[0], ast, [&](const NodePtr& x) -> NodePtr {
    Nodes tests;
    for (std::size_t i = 1; i < nodes.size(); ++i) {
      NodePtr test = apply("=", {x, nodes[i]}, ast);
      if (!test) return nullptr;
      tests.push_back(std::move(test));
    }
    if (tests.size() == 1) return tests[0];
    return make_logic(NodeKind::any_of, std::move(tests), ast);
  });
}

NodePtr Checker::quantified_like(const Ast& ast) {
  return let(check(*ast.children[0]), ast, [&](const NodePtr& x) -> NodePtr {
    Nodes tests;
    for (std::size_t i = 1; i < ast.children.size(); ++i) {
      NodePtr pattern = check(*ast.children[i]);
      NodePtr test = pattern ? apply(ast.text, {x, std::move(pattern)}, ast) : nullptr;
      if (test && ast.negated) test = apply("not", {std::move(test)}, ast);
      if (!test) return nullptr;
      tests.push_back(std::move(test));
    }
    return make_logic(ast.kind == AstKind::like_all ? NodeKind::all_of : NodeKind::any_of, std::move(tests), ast);
  });
}

NodePtr Checker::meet(NodePtr value, const Type& type, const Ast& at) {
  warn_text_as_number(*value, type, at);
  warn_unfit_constant(*value, type, at);
  return cast(std::move(value), type, at);
}

NodePtr Checker::make_choice(Nodes children, const Ast& ast, std::size_t first) {
  Nodes values;
  for (std::size_t i = 1; i < children.size(); i += 2) values.push_back(children[i]);
  values.push_back(children.back());
  const auto type = common(values, ast);
  if (!type) return nullptr;
  ++guards_;
  for (std::size_t i = 0; i < children.size(); ++i) {
    if (i % 2 == 0 && i + 1 != children.size()) continue;
    const std::size_t written_as = i + first;
    children[i] =
        meet(std::move(children[i]), *type, written_as < ast.children.size() ? *ast.children[written_as] : ast);
  }
  --guards_;
  if (std::ranges::find(children, nullptr) != children.end()) return nullptr;
  auto node = std::make_shared<ExprNode>();
  node->kind = NodeKind::choice;
  node->type = *type;
  node->children = std::move(children);
  return finish(std::move(node), ast);
}

NodePtr Checker::choice(const Ast& ast) {
  Nodes children;
  bool sound = true;
  for (std::size_t i = 0; i < ast.children.size(); ++i) {
    const Ast& child = *ast.children[i];
    NodePtr node = i == 0 ? check(child) : guarded(child);
    const bool test = i % 2 == 0 && i + 1 < ast.children.size();
    if (node && test && ast.kind == AstKind::choice && node->type.kind() == TypeKind::null) {
      return refuse("type-mismatch", child, "a condition is a boolean, not void");
    }
    if (node && test) node = condition(std::move(node), child);
    sound = sound && node;
    children.push_back(std::move(node));
  }
  return sound ? make_choice(std::move(children), ast) : nullptr;
}

NodePtr Checker::simple_choice(const Ast& ast) {
  return let(check(*ast.children[0]), ast, [&](const NodePtr& x) -> NodePtr {
    Nodes children;
    for (std::size_t i = 1; i < ast.children.size(); ++i) {
      NodePtr node = i == 1 ? check(*ast.children[i]) : guarded(*ast.children[i]);
      if (!node) return nullptr;
      if (i % 2 == 1 && i + 1 < ast.children.size()) {
        guards_ += i > 1 ? 1 : 0;
        warn_null_case(*ast.children[0], *ast.children[i]);
        warn_compared(*x, *ast.children[0], *node, *ast.children[i]);
        node = apply("=", {x, std::move(node)}, ast);
        guards_ -= i > 1 ? 1 : 0;
        if (!node) return nullptr;
      }
      children.push_back(std::move(node));
    }
    return make_choice(std::move(children), ast, 1);
  });
}

NodePtr Checker::if_call(const Ast& ast) {
  if (ast.children.size() != 3) {
    return refuse("type-mismatch", ast, fmt::format("if takes 3 arguments, not {}", ast.children.size()));
  }
  return choice(ast);
}

NodePtr Checker::first_of(const Ast& ast) {
  const bool two = !same_word(ast.text, "coalesce");
  if (ast.children.empty() || (two && ast.children.size() != 2)) {
    return refuse(
        "type-mismatch", ast,
        fmt::format("{} takes {}, not {}", ast.text, two ? "2 arguments" : "1 argument or more", ast.children.size()));
  }
  Nodes children;
  bool sound = true;
  for (const AstPtr& child : ast.children) {
    children.push_back(children.empty() ? check(*child) : guarded(*child));
    sound = sound && children.back();
  }
  if (!sound) return nullptr;
  const auto type = common(children, ast);
  if (!type) return nullptr;
  for (std::size_t i = 0; i < children.size(); ++i) {
    guards_ += i == 0 ? 0 : 1;
    children[i] = meet(std::move(children[i]), *type, *ast.children[i]);
    guards_ -= i == 0 ? 0 : 1;
    if (!children[i]) return nullptr;
  }
  auto node = std::make_shared<ExprNode>();
  node->kind = NodeKind::first_of;
  node->type = *type;
  node->children = std::move(children);
  return finish(std::move(node), ast);
}

NodePtr Checker::null_if(const Ast& ast) {
  if (ast.children.size() != 2) {
    return refuse("type-mismatch", ast, fmt::format("nullif takes 2 arguments, not {}", ast.children.size()));
  }
  NodePtr other = check(*ast.children[1]);
  NodePtr value = check(*ast.children[0]);
  if (!value || !other) return nullptr;
  return let(std::move(value), ast, [&](const NodePtr& x) -> NodePtr {
    NodePtr equal = apply("=", {x, other}, ast);
    if (!equal) return nullptr;
    auto null = std::make_shared<ExprNode>();
    null->kind = NodeKind::constant;
    null->constant = true;
    null->type = x->type;
    null->value = Column::make_null(x->type, 1);
    return make_choice({std::move(equal), std::move(null), x}, ast);
  });
}

}  // namespace streamrun
