#include "runner/expr/checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "runner/expr/cast.h"
#include "runner/expr/coercion.h"
#include "runner/expr/fold.h"
#include "runner/expr/lexer.h"
#include "runner/expr/literal.h"

namespace streamrun {

namespace {

// Their value is another one at another batch or row.
bool is_volatile(std::string_view name) {
  constexpr std::array<std::string_view, 8> kNames = {"rand",       "random", "randn",        "current_timestamp",
                                                      "batch_time", "now",    "current_date", "uuid"};
  return std::ranges::any_of(kNames, [&](std::string_view n) { return same_word(n, name); });
}

bool clock_text(const ExprNode& from, const Type& to) {
  // A time alone takes the day of the batch.
  if (to.kind() != TypeKind::timestamp || from.type.kind() != TypeKind::string || !from.value) return false;
  if (!from.value->no_nulls()) return false;
  const StringRef text = *from.value->values<StringRef>();
  return text.view().find(':') != std::string_view::npos && text.view().find('-') == std::string_view::npos;
}

Comparison comparison_of(std::string_view name) {
  if (name == "=") return Comparison::equal;
  if (name == "<") return Comparison::less;
  if (name == "<=") return Comparison::less_equal;
  if (name == ">") return Comparison::greater;
  if (name == ">=") return Comparison::greater_equal;
  return Comparison::none;
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

NodePtr Checker::cast(NodePtr node, const Type& type, const Ast& at, bool attempt) {
  if (node->type == type) return node;
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

NodePtr Checker::column(std::uint32_t number, const Type& type, const Ast& ast) {
  auto node = std::make_shared<ExprNode>();
  node->kind = NodeKind::column;
  node->index = number;
  node->type = type;
  return finish(std::move(node), ast);
}

NodePtr Checker::member(const Ast& ast) {
  std::vector<const Ast*> chain;
  const Ast* head = &ast;
  while (head->kind == AstKind::member) {
    chain.push_back(head);
    head = head->children[0].get();
  }
  std::ranges::reverse(chain);
  if (head->kind == AstKind::name) return name(*head, chain);
  NodePtr node = check(*head);
  for (const Ast* part : chain) {
    if (!node) return nullptr;
    node = field(std::move(node), *part);
  }
  return node;
}

NodePtr Checker::name(const Ast& ast, std::span<const Ast* const> rest) {
  const auto fields = [&](NodePtr node, std::size_t from) {
    for (std::size_t i = from; i < rest.size() && node; ++i) node = field(std::move(node), *rest[i]);
    return node;
  };
  if (!ast.quoted) {
    for (auto p = parameters_.rbegin(); p != parameters_.rend(); ++p) {
      if (!same_word(p->name, ast.text)) continue;
      auto node = std::make_shared<ExprNode>();
      node->kind = NodeKind::slot;
      node->index = p->slot;
      node->type = p->type;
      return fields(finish(std::move(node), ast), 0);
    }
  }
  if (aggregates_ != nullptr) {
    const std::vector<Field>& keys = aggregates_->keys->columns;
    for (std::uint32_t i = 0; i < keys.size(); ++i) {
      if (!rest.empty() && keys[i].name == ast.text + "." + rest[0]->text)
        return fields(column(i, keys[i].type, ast), 1);
    }
    for (std::uint32_t i = 0; i < keys.size(); ++i) {
      if (keys[i].name == ast.text) return fields(column(i, keys[i].type, ast), 0);
    }
  }
  std::uint32_t base = 0;
  std::optional<std::uint32_t> found;
  const Scope::Input* owner = nullptr;
  const Scope::Input* second = nullptr;
  Type type;
  std::size_t used = 0;
  for (const Scope::Input& input : scope_.inputs) {
    if (!rest.empty() && !ast.quoted && !input.qualifier.empty() && input.qualifier == ast.text) {
      const auto position = input.schema->find(rest[0]->text);
      if (!position) return unknown_column(ast, rest);
      found = base + *position;
      type = input.schema->at(*position).type;
      second = nullptr;
      used = 1;
      break;
    }
    if (!input.qualified_only) {
      if (const auto position = input.schema->find(ast.text)) {
        (owner == nullptr ? owner : second) = &input;
        found = base + *position;
        type = input.schema->at(*position).type;
      }
    }
    base += input.schema->size();
  }
  if (second != nullptr) {
    return refuse_name("ambiguous-column", ast,
                       fmt::format("'{}' is a column on both sides; write {}.{} or {}.{}", ast.text, owner->qualifier,
                                   ast.text, second->qualifier, ast.text));
  }
  if (found && aggregates_ != nullptr) {
    return refuse_name("aggregate-required", ast,
                       fmt::format("column '{}' stands outside of an aggregate and is no key; write any_value({}) or "
                                   "another aggregate",
                                   ast.text, ast.text));
  }
  if (found) return fields(column(*found, type, ast), used);
  if (rest.empty() && !ast.quoted && is_volatile(ast.text) && find_function(ast.text) != nullptr) {
    return apply(ast.text, {}, ast);
  }
  return unknown_column(ast, rest);
}

NodePtr Checker::unknown_column(const Ast& ast, std::span<const Ast* const> rest) {
  const Ast* at = &ast;
  std::string owner = scope_.owner;
  std::vector<std::string_view> names;
  bool qualified = false;
  for (const Scope::Input& input : scope_.inputs) {
    if (rest.empty() || input.qualifier.empty() || input.qualifier != ast.text) continue;
    qualified = true;
    at = rest[0];
    owner = fmt::format("'{}'", input.qualifier);
    for (const Field& f : input.schema->columns) names.push_back(f.name);
  }
  if (!qualified) {
    for (const Scope::Input& input : scope_.inputs) {
      if (input.qualified_only) continue;
      for (const Field& f : input.schema->columns) names.push_back(f.name);
    }
    for (const Parameter& p : parameters_) names.push_back(p.name);
    if (aggregates_ != nullptr) {
      for (const Field& f : aggregates_->keys->columns) names.push_back(f.name);
    }
  }
  if (owner.empty()) owner = "the input";
  std::string hint = did_you_mean(at->text, names);
  for (const std::string_view candidate : names) {
    if (candidate != at->text && same_word(candidate, at->text)) {
      hint = fmt::format("; names are case-sensitive: did you mean '{}'?", candidate);
    }
  }
  if (names.empty() && !qualified) {
    return refuse_name("unknown-column", *at, fmt::format("there is no column '{}' here", at->text));
  }
  if (hint.empty() && !qualified && rest.empty() && find_function(ast.text) != nullptr) {
    hint = fmt::format("; the function is written {}(…)", ast.text);
  }
  return refuse_name("unknown-column", *at, fmt::format("{} has no column '{}'{}", owner, at->text, hint));
}

NodePtr Checker::field(NodePtr of, const Ast& member) {
  const Type type = of->type;
  if (type.kind() == TypeKind::map && type.key().kind() == TypeKind::string) {
    auto key = std::make_shared<ExprNode>();
    key->kind = NodeKind::constant;
    key->constant = true;
    key->type = Type(TypeKind::string);
    key->value = string_constant(member.text);
    auto node = std::make_shared<ExprNode>();
    node->kind = NodeKind::element;
    node->type = type.value();
    node->children = {std::move(of), std::move(key)};
    return finish(std::move(node), member);
  }
  const bool array = type.kind() == TypeKind::array;
  const Type inner = array ? type.element() : type;
  if (inner.kind() != TypeKind::structure) {
    return refuse_name("type-mismatch", member,
                       fmt::format("{} has no field '{}': only a struct has fields", type.name(), member.text));
  }
  std::vector<std::string_view> names;
  for (std::uint32_t i = 0; i < inner.fields().size(); ++i) {
    const Field& f = inner.fields()[i];
    names.push_back(f.name);
    if (f.name != member.text) continue;
    auto node = std::make_shared<ExprNode>();
    node->kind = NodeKind::field;
    node->index = i;
    node->type = array ? Type::array(f.type) : f.type;
    node->children = {std::move(of)};
    return finish(std::move(node), member);
  }
  return refuse_name("unknown-field", member,
                     fmt::format("{} has no field '{}'{}", type.name(), member.text, did_you_mean(member.text, names)));
}

NodePtr Checker::index(const Ast& ast) {
  const Ast& written_key = *ast.children[1];
  NodePtr of = check(*ast.children[0]);
  NodePtr key = check(*ast.children[1]);
  if (!of || !key) return nullptr;
  if (of->type.kind() == TypeKind::structure && written_key.kind == AstKind::literal &&
      key->type.kind() == TypeKind::string) {
    Ast member;
    member.begin = ast.begin;
    member.end = ast.end;
    member.name_begin = written_key.begin;
    member.name_end = written_key.end;
    member.text = std::string(key->value->values<StringRef>()->view());
    return field(std::move(of), member);
  }
  auto node = std::make_shared<ExprNode>();
  node->kind = NodeKind::element;
  if (of->type.kind() == TypeKind::map) {
    const auto common = comparison_type(of->type.key(), key->type);
    if (common && *common != of->type.key() && of->type.key().is_numeric() && key->type.is_numeric()) {
      of = cast(std::move(of), Type::map(*common, of->type.value()), ast);
      if (!of) return nullptr;
    }
    if (!common || *common != of->type.key()) {
      return refuse(
          "type-mismatch", *ast.children[1],
          fmt::format("the keys of {} are {}, not {}", of->type.name(), of->type.key().name(), key->type.name()));
    }
    node->type = of->type.value();
    key = cast(std::move(key), of->type.key(), *ast.children[1]);
    if (!key) return nullptr;
  } else if (of->type.kind() == TypeKind::array) {
    if (key->type.kind() == TypeKind::null) key = cast(std::move(key), Type(TypeKind::int32), *ast.children[1]);
    if (!key->type.is_integer()) {
      return refuse("type-mismatch", *ast.children[1],
                    fmt::format("the index of an array is an int, not {}", key->type.name()));
    }
    node->type = of->type.element();
    node->can_fail = true;
  } else {
    return refuse("type-mismatch", *ast.children[0],
                  fmt::format("[ ] takes an element of an array or a map, not of {}", of->type.name()));
  }
  node->children = {std::move(of), std::move(key)};
  return finish(std::move(node), ast);
}

NodePtr Checker::param(const Ast& ast) {
  std::vector<std::string_view> names;
  if (scope_.params != nullptr) {
    if (scope_.param_used) scope_.param_used(ast.text);
    const auto found = scope_.params->find(ast.text);
    if (found != scope_.params->end()) {
      auto node = std::make_shared<ExprNode>();
      node->kind = NodeKind::constant;
      node->type = found->second.type;
      node->value = found->second.value;
      return finish(std::move(node), ast);
    }
    for (const auto& [name, value] : *scope_.params) names.push_back(name);
  }
  return refuse("unknown-param", ast, fmt::format("there is no param '{}'{}", ast.text, did_you_mean(ast.text, names)));
}

NodePtr Checker::call(const Ast& ast) {
  const auto is = [&](std::string_view name) { return same_word(ast.text, name); };
  const Function* function = find_function(ast.text);
  if (function != nullptr && function->kind == FunctionKind::aggregate) return aggregate(*function, ast);
  if (ast.star || ast.distinct || ast.filter) {
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
    return refuse_name("unknown-function", ast,
                       fmt::format("there is no function '{}'{}", ast.text, did_you_mean(ast.text, names)));
  }
  Nodes arguments;
  bool sound = true;
  for (const AstPtr& child : ast.children) {
    arguments.push_back(check(*child));
    sound = sound && arguments.back();
  }
  return sound ? apply(ast.text, std::move(arguments), ast) : nullptr;
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
  if (!resolved) return refuse("type-mismatch", ast, resolved.error().message);
  auto node = std::make_shared<ExprNode>();
  node->kind = NodeKind::call;
  node->type = resolved->result;
  node->kernel = resolved->kernel;
  node->nulls = resolved->nulls;
  node->can_fail = resolved->can_fail;
  node->volatile_call = is_volatile(name);
  constants.clear();
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const Ast& at = i < ast.children.size() ? *ast.children[i] : ast;
    const Type& to = i < resolved->arguments.size() ? resolved->arguments[i] : arguments[i]->type;
    NodePtr argument = cast(std::move(arguments[i]), to, at);
    if (!argument) return nullptr;
    constants.push_back(argument->value);
    node->children.push_back(std::move(argument));
  }
  if (resolved->prepare) {
    auto prepared = resolved->prepare(constants);
    if (!prepared) {
      // The pattern, format or path that is wrong is the last constant there is.
      const Ast* at = &ast;
      for (std::size_t i = 1; i < constants.size() && i < ast.children.size(); ++i) {
        if (constants[i] && constants[i]->type().kind() == TypeKind::string) at = ast.children[i].get();
      }
      return refuse("constant-error", *at, prepared.error().message);
    }
    node->prepared = std::move(*prepared);
  }
  if (node->children.size() == 2 && node->children[0]->type == node->children[1]->type) {
    node->comparison = comparison_of(name);
  }
  return finish(std::move(node), ast);
}

NodePtr Checker::aggregate(const Function& function, const Ast& ast) {
  if (aggregates_ == nullptr) {
    return refuse("aggregate-not-allowed", ast,
                  fmt::format("the aggregate {} cannot stand here; only the `to` of a keyed step takes aggregates",
                              function.names.front()));
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
  if (!resolved) return refuse("type-mismatch", ast, resolved.error().message);
  AggregateCall made;
  made.aggregator = resolved->aggregator;
  made.type = resolved->result;
  for (std::size_t i = 0; i < arguments.size() && i < resolved->arguments.size(); ++i) {
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
  const Type type = made.type;
  aggregates_->calls.push_back(std::move(made));
  return column(number, type, ast);
}

NodePtr Checker::structure(const Ast& ast) {
  Nodes arguments;
  for (std::size_t i = 0; i < ast.children.size(); ++i) {
    const Ast& child = *ast.children[i];
    NodePtr node = check(child);
    if (!node) return nullptr;
    const bool named = child.kind == AstKind::name || child.kind == AstKind::member;
    auto label = std::make_shared<ExprNode>();
    label->kind = NodeKind::constant;
    label->constant = true;
    label->type = Type(TypeKind::string);
    label->value = string_constant(named ? child.text : fmt::format("col{}", i + 1));
    arguments.push_back(std::move(label));
    arguments.push_back(std::move(node));
  }
  return apply("named_struct", std::move(arguments), ast);
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
  if (kind == TypeKind::null || (kind == TypeKind::string && node->kind == NodeKind::constant)) {
    return cast(std::move(node), Type(TypeKind::boolean), at);
  }
  return refuse("type-mismatch", at, fmt::format("a condition is a boolean, not {}", node->type.name()));
}

NodePtr Checker::make_logic(NodeKind kind, Nodes children, const Ast& ast) {
  auto node = std::make_shared<ExprNode>();
  node->kind = kind;
  node->type = Type(TypeKind::boolean);
  node->children = std::move(children);
  return finish(std::move(node), ast);
}

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
  return let(std::move(value), ast, [&](const NodePtr& x) -> NodePtr {
    NodePtr above = apply("<=", {low, x}, ast);
    NodePtr below = above ? apply("<=", {x, high}, ast) : nullptr;
    return below ? make_logic(NodeKind::all_of, {std::move(above), std::move(below)}, ast) : nullptr;
  });
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
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    nodes[i] = cast(std::move(nodes[i]), *type, *ast.children[i]);
    if (!nodes[i]) return nullptr;
  }
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

NodePtr Checker::make_choice(Nodes children, const Ast& ast) {
  Nodes values;
  for (std::size_t i = 1; i < children.size(); i += 2) values.push_back(children[i]);
  values.push_back(children.back());
  const auto type = common(values, ast);
  if (!type) return nullptr;
  ++guards_;
  for (std::size_t i = 0; i < children.size(); ++i) {
    if (i % 2 == 1 || i + 1 == children.size()) children[i] = cast(std::move(children[i]), *type, ast);
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
        node = apply("=", {x, std::move(node)}, ast);
        guards_ -= i > 1 ? 1 : 0;
        if (!node) return nullptr;
      }
      children.push_back(std::move(node));
    }
    return make_choice(std::move(children), ast);
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
    children[i] = cast(std::move(children[i]), *type, *ast.children[i]);
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
