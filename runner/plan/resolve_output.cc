#include <fmt/format.h>

#include <algorithm>

#include "runner/plan/resolution.h"

namespace streamrun {
namespace {

const Schema kWhenSchema{{{"rows", TypeKind::int64}, {"batch", TypeKind::timestamp}}, {}};

class OutputResolver {
 public:
  OutputResolver(Resolution& resolution, const OutputSpec& spec)
      : r_(resolution), spec_(spec), name_(spec.common.name.value()) {}

  void resolve(std::optional<std::size_t> from) {
    check_name();
    GraphOutput made;
    made.plan.name = name_;
    made.plan.after = after();
    made.plan.when = when();
    if (spec_.common.retry) {
      made.plan.retries = spec_.common.retry->times;
      made.plan.backoff = spec_.common.retry->backoff;
    }
    if (!from) return;
    const Schema schema = r_.graph.nodes[*from].schema;
    auto columns = written(schema);
    if (!columns || spec_.kind == nullptr) return;
    made.columns = std::move(*columns);
    auto bound = bind(schema, made.columns);
    if (!bound) return;
    GraphNode node;
    node.kind = GraphNode::Kind::output;
    node.stream = r_.graph.nodes[*from].stream;
    node.label = spec_.kind->name;
    node.inputs = {*from};
    node.schema = schema;
    node.on_error = r_.graph.nodes[*from].on_error;
    node.errors = r_.graph.nodes[*from].errors;
    node.can_fail = bound->can_fail;
    node.output = r_.graph.outputs.size();
    node.place = spec_.place;
    made.plan.bound = std::move(*bound);
    r_.graph.outputs.push_back(std::move(made));
    r_.add(std::move(node));
  }

 private:
  // Those written above this one.
  std::size_t above() const { return static_cast<std::size_t>(&spec_ - r_.spec.outputs.data()); }

  std::optional<std::uint32_t> find_above(const std::string& name) const {
    for (std::size_t i = 0; i < above(); ++i) {
      if (r_.spec.outputs[i].common.name.value() == name) return static_cast<std::uint32_t>(i);
    }
    return std::nullopt;
  }

  void check_name() {
    const auto other = name_.empty() ? std::nullopt : find_above(name_);
    if (!other) return;
    const Span place = r_.spec.outputs[*other].common.name.whole();
    r_.error("name-twice", spec_.common.name.whole(),
             fmt::format("there is an output '{}' already{}", name_, r_.elsewhere(spec_.common.name.whole(), place)));
  }

  std::vector<std::uint32_t> after() {
    std::vector<std::uint32_t> found;
    for (const LocatedText& other : spec_.common.after) {
      if (const auto output = find_above(other.value())) {
        found.push_back(*output);
        continue;
      }
      std::vector<std::string_view> names;
      bool below = false;
      for (std::size_t i = 0; i < r_.spec.outputs.size(); ++i) {
        const std::string& name = r_.spec.outputs[i].common.name.value();
        below = below || name == other.value();
        if (i < above()) names.push_back(name);
      }
      r_.error("unknown-output", other.whole(),
               below ? fmt::format("output '{}' is not written above this one; `after` names outputs above its own",
                                   other.value())
                     : fmt::format("there is no output '{}'{}", other.value(), did_you_mean(other.value(), names)));
    }
    return found;
  }

  std::optional<Expression> when() {
    if (!spec_.common.when) return std::nullopt;
    Scope scope;
    scope.inputs.push_back({"", &kWhenSchema, false});
    scope.params = &r_.params;
    scope.owner = "'when', over rows and batch,";
    scope.param_used = r_.note_param();
    return compile_expression_as(spec_.common.when->text, TypeKind::boolean, scope, r_.diagnostics);
  }

  // Positions of the columns that are written. Nothing: diagnosed.
  std::optional<std::vector<std::uint32_t>> written(const Schema& schema) {
    std::vector<std::uint32_t> columns;
    if (!spec_.common.columns) {
      for (std::uint32_t i = 0; i < schema.columns.size(); ++i) columns.push_back(i);
      return columns;
    }
    bool good = true;
    for (const NameText& column : *spec_.common.columns) {
      const std::string& name = column.text.value();
      const auto found = schema.find(name);
      if (found && std::find(columns.begin(), columns.end(), *found) == columns.end()) {
        columns.push_back(*found);
        continue;
      }
      good = false;
      if (found) {
        r_.error("duplicate-column", column.text.whole(), fmt::format("column '{}' is written twice", name));
        continue;
      }
      std::vector<std::string_view> names;
      for (std::uint32_t i = 0; i < schema.size(); ++i) names.push_back(schema.at(i).name);
      r_.error(
          "unknown-column", column.text.whole(),
          fmt::format("'{}' has no column '{}'{}", spec_.common.from.text.value(), name, did_you_mean(name, names)));
    }
    if (good && columns.empty()) {
      r_.error("no-columns", spec_.place, "`columns` names none; leave it out to write all");
      good = false;
    }
    if (!good) return std::nullopt;
    return columns;
  }

  std::optional<BoundSink> bind(const Schema& schema, const std::vector<std::uint32_t>& columns) {
    std::vector<Field> fields;
    for (const std::uint32_t column : columns) fields.push_back(schema.at(column));
    if (spec_.format && !spec_.format->make_encoder) {
      r_.error("format-not-writable", spec_.format_place,
               fmt::format("format '{}' cannot be written", spec_.format->name));
      return std::nullopt;
    }
    if (spec_.format && spec_.format->check_write &&
        !spec_.format->check_write(spec_.format_options.get(), fields, spec_.format_place, r_.diagnostics)) {
      return std::nullopt;
    }
    SinkBindContext context{.name = name_,
                            .pipeline = r_.spec.settings.name,
                            .schema = &schema,
                            .columns = columns,
                            .format = spec_.format,
                            .format_options = spec_.format_options,
                            .params = &r_.params,
                            .param_used = r_.note_param(),
                            .allow_exec = r_.options.allow_exec,
                            .checkpoint = r_.spec.settings.checkpoint.has_value(),
                            .diagnostics = r_.diagnostics,
                            .place = spec_.kind_place};
    return spec_.kind->bind(spec_.options.get(), context);
  }

  Resolution& r_;
  const OutputSpec& spec_;
  const std::string& name_;
};

}  // namespace

void resolve_output(Resolution& r, const OutputSpec& spec, std::optional<std::size_t> from) {
  OutputResolver(r, spec).resolve(from);
}

}  // namespace streamrun
