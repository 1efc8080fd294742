#include "runner/operator/reduce_binding.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "runner/operator/key_binding.h"

namespace streamrun {
namespace {

std::string without_blanks(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c)) == 0) {
      out.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
    }
  }
  return out;
}

std::string quoted(const std::string& name) {
  std::string out = "`";
  for (const char c : name) {
    if (c == '`') out.push_back('`');
    out.push_back(c);
  }
  return out + "`";
}

// The usual folds are aggregates, which need no turns and keep their order out of the result. A null makes a sum
// null here, where the aggregate would pass it over; least and greatest pass over it as min and max do.
// Sums of int overflow as int, which the aggregate does not: it folds.
std::string aggregate_for(const std::string& merge, const Type& type, const std::string& column) {
  const std::string text = without_blanks(merge);
  const std::string name = quoted(column);
  if ((text == "a+b" || text == "b+a") && (type.kind() == TypeKind::int64 || type.kind() == TypeKind::float64)) {
    return fmt::format("if(count({0}) = count(*), sum({0}), null)", name);
  }
  if (text == "least(a,b)" || text == "least(b,a)") return fmt::format("min({})", name);
  if (text == "greatest(a,b)" || text == "greatest(b,a)") return fmt::format("max({})", name);
  return {};
}

struct Binding {
  BindContext& context;
  const ReduceOptions& options;
  KeyBinding key;
  KeyedAggregateSpec spec;
  Schema output;
  std::string detail;
  bool good = true;

  void fault(std::string code, Span place, std::string message) {
    context.diagnostics.error(std::move(code), place, std::move(message));
    good = false;
  }

  void add_expression(const LocatedText& name, const LocatedText& text, Diagnostics& diagnostics) {
    auto compiled = compile_aggregate(text, context.scope(), key.schema, static_cast<std::uint32_t>(spec.calls.size()),
                                      diagnostics);
    if (!compiled) {
      good = false;
      return;
    }
    good = add_column(output, {name.value(), compiled->finish.type()}, name.whole(), context.diagnostics) && good;
    for (AggregateCall& call : compiled->calls) spec.calls.push_back(std::move(call));
    spec.finish.push_back(std::move(compiled->finish));
  }

  void bind_to() {
    for (const NamedExpr& entry : *options.to) {
      add_expression(entry.name, entry.expr.text, context.diagnostics);
      if (!detail.empty()) detail += ", ";
      detail += fmt::format("{}: {}", entry.name.value(), entry.expr.text.value());
    }
  }

  void bind_fold() {
    const LocatedText& name = options.value->text;
    const auto column = find_column(context, name);
    if (!column) {
      good = false;
      return;
    }
    const Type value_type = context.inputs[0]->at(*column).type;
    detail = fmt::format("{}: {}", name.value(), options.merge->text.value());
    if (!options.start) {
      const std::string text = aggregate_for(options.merge->text.value(), value_type, name.value());
      Diagnostics scratch;
      const auto known =
          text.empty() ? std::nullopt
                       : compile_aggregate(LocatedText(text, name.whole()), context.scope(), key.schema, 0, scratch);
      if (known && known->finish.type() == value_type) {
        add_expression(name, LocatedText(text, options.merge->text.whole()), context.diagnostics);
        return;
      }
    }
    Fold fold;
    fold.value = column_expression(context.scope(), *column, name);
    fold.type = value_type;
    if (options.start) {
      const Schema v{{{"v", value_type}}, {}};
      auto start = compile_expression(options.start->text, context.scope_of(v), context.diagnostics);
      if (!start) {
        good = false;
        return;
      }
      fold.type = start->type();
      fold.start = std::move(*start);
    }
    const Schema pair{{{"a", fold.type}, {"b", fold.type}}, {}};
    auto merge = compile_expression_as(options.merge->text, fold.type, context.scope_of(pair), context.diagnostics);
    if (merge) fold.merge = std::move(*merge);
    fold.add = fold.merge;
    if (options.add) {
      const Schema step{{{"acc", fold.type}, {"v", value_type}}, {}};
      auto add = compile_expression_as(options.add->text, fold.type, context.scope_of(step), context.diagnostics);
      good = add.has_value() && good;
      if (add) fold.add = std::move(*add);
    }
    good = fold.merge && add_column(output, {name.value(), fold.type}, name.whole(), context.diagnostics) && good;
    spec.fold = std::move(fold);
  }

  void check_form() {
    const Span place = context.place;
    if (options.to) {
      if (options.value || options.merge || options.start || options.add) {
        fault("conflicting-options", place, "`to` stands alone, without value, start, add and merge");
      }
    } else if (!options.value || !options.merge) {
      fault("missing-key", place, "give `to`, or `value` and `merge`");
    } else if (options.start.has_value() != options.add.has_value()) {
      fault("missing-key", place, "`start` and `add` go together");
    }
  }
};

bool can_fail(const KeyedAggregateSpec& spec) {
  const auto fails = [](const Expression& expression) { return expression && expression.can_fail(); };
  // Sums overflow: what an aggregator may do at its end is not told, so that every call counts.
  if (!spec.calls.empty()) return true;
  return std::any_of(spec.keys.begin(), spec.keys.end(), fails) ||
         (spec.fold &&
          (fails(spec.fold->value) || fails(spec.fold->start) || fails(spec.fold->add) || fails(spec.fold->merge)));
}

}  // namespace

std::optional<BoundTransform> bind_reduce(const ReduceOptions& options, BindContext& context) {
  Binding binding{context, options, {}, {}, {}, {}};
  binding.check_form();
  if (options.key) {
    auto key = bind_key(context, *options.key);
    if (!key) return std::nullopt;
    binding.key = std::move(*key);
  }
  if (!binding.good) return std::nullopt;
  binding.output = binding.key.schema;
  if (options.to) {
    binding.bind_to();
  } else {
    binding.bind_fold();
  }
  if (!binding.good) return std::nullopt;

  KeyedAggregateSpec& spec = binding.spec;
  spec.inputs = context.inputs[0]->size();
  spec.keys = std::move(binding.key.keys);
  spec.key_text = binding.key.text;
  spec.partitions = spec.keys.empty() ? 1 : context.partitions;
  BoundTransform bound;
  bound.can_fail = can_fail(spec);
  bound.partitions = spec.partitions;
  bound.output = std::move(binding.output);
  bound.detail = spec.key_text.empty() ? binding.detail : fmt::format("by {}: {}", spec.key_text, binding.detail);
  bound.step = make_keyed_aggregate(std::move(spec));
  return bound;
}

}  // namespace streamrun
