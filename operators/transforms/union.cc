#include <fmt/format.h>

#include "operators/builtin_catalog.h"
#include "runner/operator/projection.h"

namespace streamrun {
namespace {

struct UnionOptions {
  std::vector<StreamName> streams;
};

using Positions = std::vector<std::vector<std::uint32_t>>;  // [i][c]: where input i has output column c

class Union final : public Kernel {
 public:
  Union(Positions positions, std::vector<bool> wanted) : positions_(std::move(positions)), wanted_(std::move(wanted)) {}

  void apply(RecordBatch&& batch, std::size_t input, KernelState*, KernelContext&, const Emit& emit) const override {
    std::vector<ColumnPtr> columns(wanted_.size());
    for (std::size_t c = 0; c < wanted_.size(); ++c) {
      if (wanted_[c]) columns[c] = batch.columns[positions_[input][c]];
    }
    batch.columns = std::move(columns);
    emit(std::move(batch));
  }

 private:
  Positions positions_;
  std::vector<bool> wanted_;
};

std::optional<std::uint32_t> visible_column(const Schema& schema, const std::string& name) {
  const auto found = schema.find(name);
  return found && *found < schema.columns.size() ? found : std::nullopt;
}

std::optional<BoundTransform> bind(const UnionOptions& options, BindContext& context) {
  const Schema& first = *context.inputs[0];
  BoundTransform bound;
  bound.output.columns = first.columns;
  bool good = true;
  for (std::size_t i = 1; i < context.inputs.size(); ++i) {
    const Schema& other = *context.inputs[i];
    const LocatedText& name = options.streams[i - 1].text;
    for (const Field& column : first.columns) {
      const auto found = visible_column(other, column.name);
      if (!found) {
        context.diagnostics.error("unknown-column", name.whole(),
                                  fmt::format("'{}' has no column '{}', which {} has; a union's inputs have the same "
                                              "columns",
                                              name.value(), column.name, context.owner));
        good = false;
      } else if (!(other.at(*found).type == column.type)) {
        context.diagnostics.error("type-mismatch", name.whole(),
                                  fmt::format("column '{}' of '{}' is {}, and {} here; cast one of them", column.name,
                                              name.value(), other.at(*found).type.name(), column.type.name()));
        good = false;
      }
    }
    for (const Field& column : other.columns) {
      if (visible_column(first, column.name)) continue;
      context.diagnostics.error("unknown-column", name.whole(),
                                fmt::format("'{}' has a column '{}' that {} has not; drop it or add it here",
                                            name.value(), column.name, context.owner));
      good = false;
    }
    if (!bound.detail.empty()) bound.detail += ", ";
    bound.detail += name.value();
  }
  if (!good) return std::nullopt;
  // Hidden columns that all have.
  for (const Field& column : first.hidden) {
    bool all = true;
    for (const Schema* other : context.inputs) {
      const auto found = other->find(column.name);
      all = all && found && other->at(*found) == column;
    }
    if (all) bound.output.hidden.push_back(column);
  }
  Positions positions;
  std::vector<std::uint32_t> sizes;
  for (const Schema* input : context.inputs) {
    sizes.push_back(input->size());
    std::vector<std::uint32_t>& columns = positions.emplace_back();
    for (std::uint32_t c = 0; c < bound.output.size(); ++c) columns.push_back(*input->find(bound.output.at(c).name));
  }
  bound.step.make = [positions = std::move(positions), sizes = std::move(sizes)](const std::vector<bool>& wanted) {
    std::vector<std::vector<bool>> needed;
    for (std::size_t i = 0; i < positions.size(); ++i) {
      std::vector<bool>& columns = needed.emplace_back(sizes[i], false);
      for (std::size_t c = 0; c < wanted.size(); ++c) {
        if (wanted[c]) columns[positions[i][c]] = true;
      }
    }
    return MadeStep::of(std::make_unique<Union>(positions, wanted), std::move(needed));
  };
  return bound;
}

std::vector<StreamName> streams(const UnionOptions& options) {
  return options.streams;
}

}  // namespace

TransformDescriptor describe_union() {
  TransformDescriptor made = describe_transform<UnionOptions>(
      "union", "the rows of other streams too: columns by name, types equal", "union", "a int, b string",
      "union: [other]", Options<UnionOptions>{}.whole(&UnionOptions::streams, "names of streams").table(), bind,
      streams);
  made.unites = true;
  return made;
}

}  // namespace streamrun
