// Functions that take lambdas.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "runner/expr/checker.h"
#include "runner/expr/lexer.h"

namespace streamrun {

NodePtr Checker::higher_order(const Ast& ast) {
  struct Shape {
    std::string_view name;
    HigherOrder kind;
    std::size_t lists;       // arguments before the lambdas
    std::size_t parameters;  // of the first lambda
    bool position;           // may take a position too
  };
  constexpr std::array<Shape, 7> kShapes = {{{"transform", HigherOrder::transform, 1, 1, true},
                                             {"filter", HigherOrder::filter, 1, 1, true},
                                             {"exists", HigherOrder::exists, 1, 1, false},
                                             {"forall", HigherOrder::forall, 1, 1, false},
                                             {"aggregate", HigherOrder::aggregate, 2, 2, false},
                                             {"reduce", HigherOrder::aggregate, 2, 2, false},
                                             {"zip_with", HigherOrder::zip_with, 2, 2, false}}};
  const Shape& shape = *std::ranges::find_if(kShapes, [&](const Shape& s) { return same_word(s.name, ast.text); });
  const bool folds = shape.kind == HigherOrder::aggregate;
  const std::size_t most = shape.lists + (folds ? 2 : 1);
  if (ast.children.size() < shape.lists + 1 || ast.children.size() > most) {
    return refuse("type-mismatch", ast,
                  fmt::format("{} takes {}{} arguments, not {}", shape.name, shape.lists + 1, folds ? " or 4" : "",
                              ast.children.size()));
  }
  auto node = std::make_shared<ExprNode>();
  node->kind = NodeKind::higher_order;
  node->higher_order = shape.kind;
  std::vector<Type> types;
  for (std::size_t i = 0; i < shape.lists; ++i) {
    NodePtr list = check(*ast.children[i]);
    if (!list) return nullptr;
    const bool start = folds && i == 1;
    if (!start && list->type.kind() != TypeKind::array) {
      return refuse("type-mismatch", *ast.children[i],
                    fmt::format("{} takes an array, not {}", shape.name, list->type.name()));
    }
    types.push_back(start ? list->type : list->type.element());
    node->children.push_back(std::move(list));
  }
  const auto body = [&](const Ast& lambda, std::span<const Type> given, std::size_t least,
                        std::vector<std::uint32_t>& slots) -> NodePtr {
    // A value that reads no element, `transform(a, 1)`, is a lambda without parameters.
    const bool plain = lambda.kind != AstKind::lambda && shape.parameters == 1;
    if (plain) {
      slots.push_back(next_slot_++);
      return guarded(lambda);
    }
    if (lambda.kind != AstKind::lambda) {
      return refuse("type-mismatch", lambda, fmt::format("{} takes a lambda here: x -> …", shape.name));
    }
    if (lambda.parameters.size() < least || lambda.parameters.size() > given.size()) {
      return refuse("type-mismatch", lambda,
                    fmt::format("this lambda takes {} parameter{}, not {}", least, least == 1 ? "" : "s",
                                lambda.parameters.size()));
    }
    for (std::size_t i = 0; i < lambda.parameters.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (same_word(lambda.parameters[i], lambda.parameters[j])) {
          return refuse("duplicate-name", lambda, fmt::format("parameter '{}' is there twice", lambda.parameters[i]));
        }
      }
    }
    for (std::size_t i = 0; i < lambda.parameters.size(); ++i) {
      parameters_.push_back({lambda.parameters[i], given[i], next_slot_});
      slots.push_back(next_slot_++);
    }
    NodePtr out = guarded(*lambda.children[0]);
    parameters_.resize(parameters_.size() - lambda.parameters.size());
    return out;
  };
  std::vector<Type> given = types;
  if (folds) std::swap(given[0], given[1]);
  if (shape.position) given.push_back(Type(TypeKind::int32));
  NodePtr first = body(*ast.children[shape.lists], given, shape.parameters, node->parameters);
  if (!first) return nullptr;
  switch (shape.kind) {
    case HigherOrder::transform:
    case HigherOrder::zip_with: node->type = Type::array(first->type); break;
    case HigherOrder::filter:
    case HigherOrder::exists:
    case HigherOrder::forall:
      first = condition(std::move(first), *ast.children[shape.lists]);
      if (!first) return nullptr;
      node->type = shape.kind == HigherOrder::filter ? node->children[0]->type : Type(TypeKind::boolean);
      break;
    case HigherOrder::aggregate:
      node->type = given[0];
      if (first->type.kind() == TypeKind::null) first = cast(std::move(first), given[0], *ast.children[shape.lists]);
      if (first->type != given[0]) {
        return refuse("type-mismatch", *ast.children[shape.lists],
                      fmt::format("the accumulator is {}, but this gives {}; cast one of them", given[0].name(),
                                  first->type.name()));
      }
      break;
  }
  node->children.push_back(std::move(first));
  if (ast.children.size() == 4) {
    const std::vector<Type> total = {given[0]};
    NodePtr last = body(*ast.children[3], total, 1, node->finish_parameters);
    if (!last) return nullptr;
    node->type = last->type;
    node->children.push_back(std::move(last));
  }
  for (std::size_t i = shape.lists; i < node->children.size(); ++i) {
    const auto columns = columns_of(*node->children[i]);
    const auto slots = free_slots_of(*node->children[i]);
    node->outer_columns.insert(node->outer_columns.end(), columns.begin(), columns.end());
    for (const std::uint32_t slot : slots) {
      if (std::ranges::find(node->parameters, slot) == node->parameters.end()) node->outer_slots.push_back(slot);
    }
  }
  return finish(std::move(node), ast);
}

}  // namespace streamrun
