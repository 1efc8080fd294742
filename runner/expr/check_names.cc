// What names stand for: columns, fields, parameters of lambdas, params.
#include <fmt/format.h>

#include <algorithm>

#include "runner/base/foreign_name.h"
#include "runner/expr/checker.h"
#include "runner/expr/coercion.h"
#include "runner/expr/lexer.h"
#include "runner/expr/literal.h"

namespace streamrun {

namespace {

constexpr ForeignName kForeignNames[] = {
    {"none", "null"},
    {"nil", "null"},
    {"undefined", "null"},
    {"nan", "cast('NaN' as double)"},
    {"yes", "true"},
    {"no", "false"},
    {"sysdate", "current_timestamp"},
    {"getdate", "current_timestamp"},
    {"self", "the column's name alone"},
    {"this", "the column's name alone"},
    {"row", "the column's name alone"},
    {"rec", "the column's name alone"},
};

bool is_plain_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  return !name.empty() && letter(name[0]) &&
         std::ranges::all_of(name, [letter](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

}  // namespace

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
  if (rest.empty() && !ast.quoted) {
    const Function* function = find_function(ast.text);
    if (function != nullptr && function->bare) return apply(ast.text, {}, ast);
  }
  return unknown_column(ast, rest);
}

std::string one_variant_hint(const Schema& schema, std::string_view name) {
  if (schema.columns.size() != 1 || schema.columns[0].type.kind() != TypeKind::variant) return {};
  if (!is_plain_name(name)) return "; its rows are one value of any form: give the source a `schema`";
  return fmt::format(
      "; its rows are one value of any form: give the source a `schema`, or take it out in a step before, "
      "with: {{{1}: \"{0}:{1}::string\"}}",
      schema.columns[0].name, name);
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
    // Of two sides each column says which.
    const std::string written = is_plain_name(at->text) ? at->text : fmt::format("`{}`", at->text);
    std::vector<std::string> holders;
    std::vector<std::string> sides;
    for (const Scope::Input& input : scope_.inputs) {
      if (input.qualifier.empty()) continue;
      sides.push_back(input.qualifier + ".NAME");
      if (rest.empty() && input.schema->find(at->text)) holders.push_back(input.qualifier + "." + written);
    }
    if (!sides.empty()) hint = fmt::format("; write {}", fmt::join(holders.empty() ? sides : holders, " or "));
    return refuse_name("unknown-column", *at, fmt::format("there is no column '{}' here{}", at->text, hint));
  }
  if (const std::string_view ours = find_foreign(at->text, kForeignNames); !ours.empty() && !qualified) {
    hint = fmt::format("; write {}", ours);
  }
  if (hint.empty() && ast.quoted) hint = unnamed_expression_hint(ast.text);
  if (!qualified && !ast.quoted && hint.empty()) hint = foreign_name_hint(ast, rest, names);
  if (!qualified && hint.empty() && !scope_.inputs.empty()) hint = one_variant_hint(*scope_.inputs[0].schema, at->text);
  return refuse_name("unknown-column", *at, fmt::format("{} has no column '{}'{}", owner, at->text, hint));
}

std::string Checker::foreign_name_hint(const Ast& at, std::span<const Ast* const> rest,
                                       std::span<const std::string_view> names) const {
  const std::string_view text = text_.value();
  // `user-id` is a difference, where the column of that name has no backquotes.
  for (const std::string_view name : names) {
    if (is_plain_name(name)) continue;
    for (std::size_t found = text.find(name); found <= at.begin; found = text.find(name, found + 1)) {
      if (at.end <= found + name.size()) return fmt::format("; the column is written `{}`, in backquotes", name);
    }
  }
  if (!rest.empty() && std::ranges::find(names, std::string_view(rest[0]->text)) != names.end()) {
    return fmt::format("; a column is named alone, without its stream: {}", rest[0]->text);
  }
  if (!rest.empty()) return {};
  if (find_function(at.text) != nullptr) return fmt::format("; the function is written {}(…)", at.text);
  // What a column is compared with is a text, more often than not.
  std::string_view before = text.substr(0, at.begin);
  const auto cut_blanks = [&before] {
    while (before.ends_with(' ')) before.remove_suffix(1);
  };
  cut_blanks();
  const bool compared = before.ends_with('=') || before.ends_with("<>");
  before = before.substr(0, std::min(before.find_last_of("()"), before.size()));
  const bool open = text.substr(before.size()).starts_with('(');
  cut_blanks();
  const bool listed = open && before.size() >= 3 && same_word(before.substr(before.size() - 3), " in");
  return compared || listed ? fmt::format("; a text constant stands in quotes: '{}'", at.text) : std::string();
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
                       fmt::format("{} has no field '{}': only a struct has fields{}", type.name(), member.text,
                                   inner.kind() == TypeKind::variant
                                       ? fmt::format("; a path into a variant is written v:{}", member.text)
                                       : ""));
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
                  fmt::format("[ ] takes an element of an array or a map, not of {}{}", of->type.name(),
                              of->type.kind() == TypeKind::variant
                                  ? "; a path into a variant is written v:name, v:items[0], v:['a name']"
                                  : ""));
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

}  // namespace streamrun
