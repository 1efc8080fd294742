#include <fmt/format.h>

#include <array>

#include "operators/builtin_catalog.h"
#include "runner/operator/key_binding.h"
#include "runner/operator/keyed_aggregate.h"
#include "runner/operator/projection.h"

namespace streamrun {
namespace {

struct CogroupOptions {
  StreamName with;
  KeyOption key;
  std::vector<LocatedText> as;
};

// One of the two inputs.
struct Side {
  std::uint32_t inputs = 0;
  std::vector<Expression> keys;
  std::vector<std::uint32_t> others;  // columns that are no key
  Type row;                           // a struct of these
};

// The rows of both sides under one schema: the key, left's other columns, right's. A row has one of the two.
class Sides final : public Kernel {
 public:
  // `wanted`: by side, whether somebody reads its rows.
  Sides(std::vector<Side> sides, std::array<bool, 2> wanted) : sides_(std::move(sides)), wanted_(wanted) {}

  std::vector<std::vector<bool>> needed() const {
    std::vector<std::vector<bool>> needed;
    for (std::size_t s = 0; s < sides_.size(); ++s) {
      std::vector<bool>& columns = needed.emplace_back(sides_[s].inputs, false);
      for (const Expression& key : sides_[s].keys) need_columns(key, columns);
      for (const std::uint32_t other : sides_[s].others) columns[other] = columns[other] || wanted_[s];
    }
    return needed;
  }

  void apply(RecordBatch&& batch, std::size_t input, KernelState*, KernelContext& context,
             const Emit& emit) const override {
    const Side& side = sides_[input];
    std::vector<ColumnPtr> columns;
    for (const Expression& key : side.keys) {
      columns.push_back(evaluate(key, {batch.columns, batch.rows}, batch.selection, context.eval));
    }
    reject_failed(batch, context);
    if (batch.selection.empty()) return;
    for (std::size_t s = 0; s < sides_.size(); ++s) {
      if (s == input && wanted_[s]) {
        const MutableColumn row = Column::make(side.row, batch.rows);
        for (const std::uint32_t other : side.others) row->children.push_back(batch.columns[other]);
        columns.push_back(row);
      } else {
        columns.push_back(wanted_[s] ? Column::make_null(sides_[s].row, batch.rows) : nullptr);
      }
    }
    batch.columns = std::move(columns);
    emit(std::move(batch));
  }

 private:
  std::vector<Side> sides_;
  std::array<bool, 2> wanted_;
};

std::optional<std::vector<Side>> bind_sides(const CogroupOptions& options, const BindContext& context, Schema& key) {
  std::vector<Side> sides(2);
  bool good = true;
  for (std::size_t s = 0; s < 2; ++s) sides[s].inputs = context.inputs[s]->size();
  for (const KeyColumn& column : options.key.columns) {
    auto pair = bind_key_pair(context, column);
    if (!pair) {
      good = false;
      continue;
    }
    good = add_column(key, {column.name.value(), pair->type}, column.name.whole(), context.diagnostics) && good;
    sides[0].keys.push_back(std::move(pair->left));
    sides[1].keys.push_back(std::move(pair->right));
  }
  for (std::size_t s = 0; s < 2; ++s) {
    std::vector<Field> fields;
    for (std::uint32_t i = 0; i < context.inputs[s]->columns.size(); ++i) {
      const Field& field = context.inputs[s]->columns[i];
      if (key.find(field.name)) continue;
      sides[s].others.push_back(i);
      fields.push_back(field);
    }
    if (fields.empty() && good) {
      context.diagnostics.error("no-columns", context.place,
                                fmt::format("'{}' has no column beside the key, which would be gathered; add one with "
                                            "`with`",
                                            context.input_names[s]));
      good = false;
    }
    sides[s].row = Type::structure(std::move(fields));
  }
  if (!good) return std::nullopt;
  return sides;
}

std::optional<BoundTransform> bind(const CogroupOptions& options, BindContext& context) {
  if (options.key.columns.empty()) {
    context.diagnostics.error("empty-key", options.key.span, "a key has at least one column");
    return std::nullopt;
  }
  if (!options.as.empty() && options.as.size() != 2) {
    context.diagnostics.error("wrong-type", options.as[0].whole(), "`as` names two columns: left's rows, then right's");
    return std::nullopt;
  }
  BoundTransform bound;
  auto sides = bind_sides(options, context, bound.output);
  if (!sides) return std::nullopt;
  bool good = true;
  Schema gathered_schema = bound.output;
  for (std::size_t s = 0; s < 2; ++s) {
    const LocatedText name = options.as.empty() ? LocatedText(s == 0 ? "left" : "right", context.place) : options.as[s];
    const Type& row = (*sides)[s].row;
    good = add_column(bound.output, {name.value(), row}, name.whole(), context.diagnostics) && good;
    gathered_schema.columns.push_back({name.value(), Type::array(row)});
  }
  if (!good) return std::nullopt;
  for (const Side& side : *sides) {
    for (const Expression& key : side.keys) bound.can_fail = bound.can_fail || key.can_fail();
  }
  std::string key_text;
  for (const KeyColumn& column : options.key.columns) key_text += (key_text.empty() ? "" : ", ") + column.name.value();
  bound.detail = fmt::format("with {} by {}", options.with.text.value(), key_text);

  KeyedAggregateSpec spec;
  spec.inputs = bound.output.size();
  const Scope scope = context.scope_of(bound.output);
  const std::size_t keys = (*sides)[0].keys.size();
  for (std::uint32_t i = 0; i < keys; ++i) spec.keys.push_back(column_expression(scope, i, {}));
  // A row of the other side is a null here, and passed over.
  for (std::uint32_t s = 0; s < 2; ++s) {
    spec.calls.push_back(
        gather_call(column_expression(scope, static_cast<std::uint32_t>(keys) + s, {}), Nulls::passed_over));
  }
  const Scope results = context.scope_of(gathered_schema);
  for (std::uint32_t s = 0; s < 2; ++s) {
    spec.finish.push_back(column_expression(results, static_cast<std::uint32_t>(keys) + s, {}));
  }
  spec.key_text = key_text;
  spec.partitions = context.partitions;
  bound.then = std::make_unique<BoundTransform>();
  bound.then->output = std::move(gathered_schema);
  bound.then->partitions = context.partitions;
  bound.then->detail = bound.detail;
  bound.then->step = make_keyed_aggregate(std::move(spec));
  bound.step.make = [keys, sides = std::move(*sides)](const std::vector<bool>& wanted) {
    auto kernel = std::make_unique<Sides>(sides, std::array{bool{wanted[keys]}, bool{wanted[keys + 1]}});
    std::vector<std::vector<bool>> needed = kernel->needed();
    return MadeStep::of(std::move(kernel), std::move(needed));
  };
  return bound;
}

std::vector<StreamName> streams(const CogroupOptions& options) {
  return {options.with};
}

}  // namespace

TransformDescriptor describe_cogroup() {
  return describe_transform<CogroupOptions>(
      "cogroup", "for each key the rows of this and of another stream, in an array each", "cogroup",
      "account string, amount double", "cogroup: {with: other, key: account, as: [mine, theirs]}",
      Options<CogroupOptions>{}
          .required("with", &CogroupOptions::with, "a stream or table")
          .required("key", &CogroupOptions::key, "a column, a list of columns, or `{name: expression}`, of both")
          .optional("as", &CogroupOptions::as, "[left, right]", "names of the arrays, of the columns that are no key")
          .table(),
      bind, streams);
}

}  // namespace streamrun
