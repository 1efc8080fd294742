#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "operators/builtin_catalog.h"
#include "runner/expr/coercion.h"
#include "runner/expr/join_condition.h"
#include "runner/operator/hash_join.h"
#include "runner/operator/key_binding.h"
#include "runner/operator/option_faults.h"

namespace streamrun {
namespace {

// A bare name, a list of names and a mapping that computes some are a key, all else is a condition.
struct JoinOn {
  KeyOption key;
  std::optional<ExprText> condition;
  Span span;
};

struct JoinOptions {
  StreamName with;
  std::optional<JoinOn> on;
  JoinKind how = JoinKind::inner;
};

// `a name in backquotes`, without them.
std::optional<LocatedText> quoted_name(const LocatedText& text) {
  const std::string& value = text.value();
  if (value.size() < 3 || value.front() != '`' || value.find('`', 1) != value.size() - 1) return std::nullopt;
  const auto end = static_cast<std::uint32_t>(value.size() - 1);
  return LocatedText(value.substr(1, end - 1), text.span(1, end));
}

bool is_name(const std::string& text) {
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0])) != 0) return false;
  if (text == "true" || text == "false" || text == "null") return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0; });
}

}  // namespace

template <>
struct EnumNames<JoinKind> {
  static constexpr std::pair<std::string_view, JoinKind> names[] = {{"inner", JoinKind::inner},
                                                                    {"left_outer", JoinKind::left_outer},
                                                                    {"right_outer", JoinKind::right_outer},
                                                                    {"full_outer", JoinKind::full_outer},
                                                                    {"left_semi", JoinKind::left_semi},
                                                                    {"left_anti", JoinKind::left_anti},
                                                                    {"cross", JoinKind::cross}};
};

template <>
struct Codec<JoinOn> {
  static Shape shape() { return Shape::any({Codec<KeyOption>::shape(), Codec<ExprText>::shape()}); }
  static bool decode(const SyntaxNode& node, JoinOn& out, DecodeContext& context) {
    out.span = node.span;
    if (node.kind != SyntaxNode::Kind::scalar || is_name(node.text.value())) {
      return Codec<KeyOption>::decode(node, out.key, context);
    }
    if (auto name = quoted_name(node.text)) {
      out.key = {{{std::move(*name), std::nullopt}}, node.span};
      return true;
    }
    return Codec<ExprText>::decode(node, out.condition.emplace(), context);
  }
};

namespace {

using Output = JoinSpec::Output;

struct Binding {
  const JoinOptions& options;
  BindContext& context;
  const Schema& left = *context.inputs[0];
  const Schema& right = *context.inputs[1];
  JoinSpec spec;
  Schema output;
  bool good = true;

  bool only_left() const { return options.how == JoinKind::left_semi || options.how == JoinKind::left_anti; }

  void fault(std::string code, Span place, std::string message) {
    context.diagnostics.error(std::move(code), place, std::move(message));
    good = false;
  }

  void bind_key() {
    std::vector<bool> left_used(left.size(), false);
    std::vector<bool> right_used(right.size(), false);
    for (const KeyColumn& column : options.on->key.columns) {
      const std::string& name = column.name.value();
      auto pair = bind_key_pair(context, column);
      if (!pair) {
        good = false;
        continue;
      }
      // A column that is computed anew stands for those that had its name.
      const auto in_left = left.find(name);
      const auto in_right = right.find(name);
      if (in_left) left_used[*in_left] = true;
      if (in_right) right_used[*in_right] = true;
      const auto key = static_cast<std::uint32_t>(spec.left_keys.size());
      Output made{Output::From::key, key, pair->type};
      if (!column.expr && options.how == JoinKind::right_outer) {
        made = {Output::From::right, *in_right, pair->right_type};
      } else if (!column.expr && options.how != JoinKind::full_outer) {
        made = {Output::From::left, *in_left, pair->left_type};
      }
      add(name, made, column.name.whole());
      spec.left_keys.push_back(std::move(pair->left));
      spec.right_keys.push_back(std::move(pair->right));
    }
    // Without its key nobody knows which columns stay.
    if (good) add_others(left_used, right_used);
  }

  void bind_condition() {
    Scope scope = context.scope();
    scope.inputs = {{"left", &left, true}, {"right", &right, true}};
    auto condition = compile_expression_as(options.on->condition->text, TypeKind::boolean, scope, context.diagnostics);
    if (!condition) {
      good = false;
      return;
    }
    take_keys(*condition);
    add_others(std::vector<bool>(left.size(), false), std::vector<bool>(right.size(), false));
  }

  // Equalities of a left with a right expression are hashed; the condition stays if it says more than these.
  void take_keys(const Expression& condition) {
    JoinEqualities equalities = join_equalities(condition, left.size());
    for (auto& [left_key, right_key] : equalities.pairs) {
      spec.left_keys.push_back(std::move(left_key));
      spec.right_keys.push_back(std::move(right_key));
    }
    if (!equalities.complete) spec.condition = condition;
  }

  void add(const std::string& name, Output from, Span place) {
    for (const Field& other : output.columns) {
      if (other.name != name) continue;
      fault("duplicate-column", place,
            fmt::format("column '{0}' is on both sides; rename or drop one of them before the join{1}", name,
                        options.how == JoinKind::cross ? "" : fmt::format(", or join by it: on: {}", name)));
      return;
    }
    output.columns.push_back({name, from.type});
    spec.outputs.push_back(std::move(from));
  }

  void add_others(const std::vector<bool>& left_used, const std::vector<bool>& right_used) {
    const Span place = options.with.text.whole();
    for (std::uint32_t i = 0; i < left.columns.size(); ++i) {
      if (!left_used[i]) add(left.columns[i].name, {Output::From::left, i, left.columns[i].type}, place);
    }
    if (only_left()) return;
    for (std::uint32_t i = 0; i < right.columns.size(); ++i) {
      if (!right_used[i]) add(right.columns[i].name, {Output::From::right, i, right.columns[i].type}, place);
    }
  }
};

std::optional<BoundTransform> bind(const JoinOptions& options, BindContext& context) {
  Binding binding{options, context, *context.inputs[0], *context.inputs[1], {}, {}, true};
  if (options.how == JoinKind::cross) {
    if (options.on) binding.fault("conflicting-options", options.on->span, "a cross join has no `on`");
    binding.add_others(std::vector<bool>(binding.left.size(), false), std::vector<bool>(binding.right.size(), false));
  } else if (!options.on) {
    binding.fault("missing-key", context.place, "a join needs `on`; `how: cross` goes without");
  } else if (options.on->condition) {
    binding.bind_condition();
  } else {
    binding.bind_key();
  }
  if (!binding.good) return std::nullopt;
  JoinSpec& spec = binding.spec;
  spec.kind = options.how;
  spec.left_columns = binding.left.size();
  spec.right_columns = binding.right.size();
  spec.text = options.with.text.value();
  BoundTransform bound;
  bound.output = std::move(binding.output);
  bound.can_fail = spec.condition && spec.condition->can_fail();
  for (const auto* keys : {&spec.left_keys, &spec.right_keys}) {
    for (const Expression& key : *keys) bound.can_fail = bound.can_fail || key.can_fail();
  }
  for (const auto& [name, kind] : EnumNames<JoinKind>::names) {
    if (kind == options.how) bound.detail = fmt::format("{} with {}", name, spec.text);
  }
  bound.detail += spec.left_keys.empty() ? ", nested loop" : ", hash";
  bound.step = make_join(std::move(spec));
  return bound;
}

std::vector<StreamName> streams(const JoinOptions& options) {
  return {options.with};
}

}  // namespace

TransformDescriptor describe_join() {
  return describe_transform<JoinOptions>(
      "join", "rows of this and another stream or table that belong together, within the batch",
      "join, leftOuterJoin, rightOuterJoin, fullOuterJoin, cogroup", "account string, amount double",
      "join: {with: other, on: left.account = right.key}",
      Options<JoinOptions>{}
          .required("with", &JoinOptions::with, "a stream or table")
          .optional("on", &JoinOptions::on, "",
                    "a key, computed alike on both sides, or a condition over `left.` and `right.`")
          .optional("how", &JoinOptions::how, "inner", "which rows without a match are kept")
          .table(),
      bind, streams);
}

}  // namespace streamrun
