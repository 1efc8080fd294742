#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "runner/config/spec_binding.h"
#include "runner/operator/digest.h"

namespace streamrun {
namespace {

struct Form {
  std::vector<StreamName> from;
  std::optional<OnError> on_error;
};

constexpr ForeignName kForeignSteps[] = {
    {"where", "filter"},
    {"having", "filter, behind the aggregation"},
    {"select", "map"},
    {"project", "map"},
    {"mapping", "map or with"},
    {"bloblang", "map or with"},
    {"withcolumn", "with"},
    {"withcolumns", "with"},
    {"addcolumn", "with"},
    {"addfields", "with"},
    {"derive", "with"},
    {"mutate", "with"},
    {"assign", "with"},
    {"compute", "with"},
    {"set", "with"},
    {"groupby", "reduce_by_key: {key: …, to: {name: aggregate}}"},
    {"aggregate", "reduce_by_key: {key: …, to: {name: aggregate}}, or reduce: {to: {…}} over all rows"},
    {"agg", "reduce_by_key: {key: …, to: {name: aggregate}}, or reduce: {to: {…}} over all rows"},
    {"sum", "reduce: {to: {total: sum(x)}}"},
    {"keyby", "the key in the step: reduce_by_key: {key: …, to: {…}}"},
    {"dedup", "distinct"},
    {"persist", "cache"},
    {"partitionby", "repartition: {partitions: …, by: key}"},
    {"mappartitions", "glom, and map behind it"},
    {"dropduplicates", "distinct"},
    {"orderby", "sort"},
    {"sortby", "sort"},
    {"sortbykey", "sort"},
    {"dedupe", "distinct"},
    {"deduplicate", "distinct"},
    {"dropna", "filter: column is not null"},
    {"fillna", "with: {column: coalesce(column, …)}"},
    {"max", "reduce: {to: {greatest: max(x)}}"},
    {"min", "reduce: {to: {least: min(x)}}"},
    {"avg", "reduce: {to: {mean: avg(x)}}"},
    {"mean", "reduce: {to: {mean: avg(x)}}"},
    {"countbykey", "reduce_by_key: {key: …, to: {n: count(*)}}"},
    {"combinebykey", "reduce_by_key: {key: …, to: {name: aggregate}}"},
    {"head", "limit"},
    {"take", "limit"},
    {"shuffle", "repartition"},
    {"coalesce", "repartition"},
    {"explode", "flat_map: {each: array, as: name}"},
    {"unnest", "flat_map: {each: array, as: name}"},
    {"flatten", "flat_map: {each: array, as: name}"},
    {"merge", "union"},
    {"concat", "union"},
    {"lookup", "join: {with: table, on: key}"},
    {"enrich", "join: {with: table, on: key}"},
    {"leftjoin", "join: {with: …, on: …, how: left_outer}"},
    {"leftouterjoin", "join: {with: …, on: …, how: left_outer}"},
    {"rightjoin", "join: {with: …, on: …, how: right_outer}"},
    {"rightouterjoin", "join: {with: …, on: …, how: right_outer}"},
    {"outerjoin", "join: {with: …, on: …, how: full_outer}"},
    {"fullouterjoin", "join: {with: …, on: …, how: full_outer}"},
    {"transformwith", "transform: {with: …, steps: […]}"},
    {"dropcolumns", "drop"},
    {"remove", "drop"},
    {"delete", "drop"},
    {"withcolumnrenamed", "rename: {old: new}"},
    {"foreachrdd", "an output"},
    {"foreach", "an output"},
    {"sink", "an output"},
    {"write", "an output"},
    {"print", "an output: {name: o, from: …, print: {}}"},
    {"stdout", "an output: {name: o, from: …, stdout: {}}"},
};

// `; …` for a step that there is none of.
std::string step_hint(const SpecBinding& binding, const std::string& name) {
  const auto names = names_of(binding.catalog.transforms());
  // `- filter amount > 100` is one text to YAML.
  const std::size_t blank = name.find_first_of(" =");
  if (blank != std::string::npos && binding.catalog.transform(name.substr(0, blank)) != nullptr) {
    const std::size_t rest = std::min(name.find_first_not_of(" =", blank), name.size());
    return fmt::format("; a ':' is missing: write {}: {}", name.substr(0, blank), name.substr(rest));
  }
  if (const std::size_t colon = name.find(':');
      colon != std::string::npos && binding.catalog.transform(name.substr(0, colon)) != nullptr) {
    return fmt::format("; a blank is missing: write {}: {}", name.substr(0, colon), name.substr(colon + 1));
  }
  std::string hint = name_hint(name, kForeignSteps, names);
  return hint.empty() ? fmt::format("; there are: {}", fmt::join(names, ", ")) : hint;
}

constexpr ForeignName kForeignKeys[] = {
    {"source", "from"},
    {"input", "from"},
    {"inputs", "from"},
    {"sources", "from"},
    {"stream", "from"},
    {"pipeline", "steps"},
    {"processors", "steps"},
    {"transforms", "steps"},
    {"transformations", "steps"},
    {"operations", "steps"},
    {"select", "steps: [map: …]"},
    {"where", "steps: [filter: …]"},
    {"groupby", "steps: [reduce_by_key: …]"},
};

// A step that stands beside `from`.
std::string bare_step_hint(const SpecBinding& binding, const std::string& key) {
  return binding.catalog.transform(key) == nullptr ? std::string()
                                                   : fmt::format("; a step stands in the list: steps: [{}: …]", key);
}

// Appends it, and the steps that it holds; those behind a faulty one are not appended.
bool bind_step(SpecBinding& binding, const SyntaxNode& node, std::vector<StepSpec>& out) {
  if (node.faulty) return false;
  StepSpec spec;
  SyntaxNode none;
  none.span = node.span;
  const SyntaxNode* arguments = &none;
  LocatedText name;
  if (node.kind == SyntaxNode::Kind::scalar) {
    name = node.text;
  } else if (node.kind == SyntaxNode::Kind::mapping && node.entries.size() == 1) {
    name = node.entries[0].key;
    arguments = &node.entries[0].value;
  } else {
    binding.error("bad-step", node.span,
                  node.kind == SyntaxNode::Kind::mapping && node.entries.size() > 1
                      ? "a step is one key and its arguments; quote the whole expression if YAML cut it, or begin "
                        "a new '- '"
                      : "a step is one key and its arguments");
    return false;
  }
  spec.place = name.whole();
  spec.digest = digest(node);
  spec.kind = binding.catalog.transform(name.value());
  if (!spec.kind) {
    binding.error("unknown-step", name.whole(),
                  fmt::format("there is no step '{}'{}", name.value(), step_hint(binding, name.value())));
    return false;
  }
  spec.options = spec.kind->decode(*arguments, fmt::format("step '{}'", name.value()), binding.context);
  if (!spec.options) return false;
  if (spec.kind->names_fragment) return use_fragment(binding, *arguments, out);
  const bool holds_steps = spec.kind->holds_steps;
  out.push_back(std::move(spec));
  return !holds_steps || bind_steps(binding, *arguments->find("steps"), "steps", out);
}

}  // namespace

bool bind_steps(SpecBinding& binding, const SyntaxNode& list, std::string_view what, std::vector<StepSpec>& out) {
  bool good = true;
  const bool is_list = binding.items(list, what, [&](const SyntaxNode& item) {
    std::vector<StepSpec> made;
    const bool bound = bind_step(binding, item, made);
    // Those behind a faulty one are looked at, but not known to have their input.
    if (good) out.insert(out.end(), std::make_move_iterator(made.begin()), std::make_move_iterator(made.end()));
    good = good && bound;
  });
  return good && is_list;
}

const OptionTable& stream_options() {
  static const OptionTable table =
      Options<Form>{}
          .required("from", &Form::from, "what it reads: sources and streams; a list is their union")
          .optional("on_error", &Form::on_error, "the pipeline's", "what a record does that cannot be computed")
          .section("steps", Shape::list_of(Shape::of_kind(Shape::Kind::step)), "what is done to the rows, in order")
          .table();
  return table;
}

StreamSpec bind_stream(SpecBinding& binding, const LocatedText& name, const SyntaxNode& written) {
  const std::string what = fmt::format("stream '{}'", name.value());
  StreamSpec made;
  made.name = name;
  made.faulty = !binding.is_mapping(written, what);
  if (made.faulty) return made;
  binding.known_keys(written, what, stream_options(), {}, kForeignKeys,
                     [&](const std::string& key) { return bare_step_hint(binding, key); });
  const SyntaxNode node = SpecBinding::meant_keys(written, stream_options(), kForeignKeys);
  Form form;
  made.faulty = !stream_options().decode_known(node, &form, what, binding.context);
  if (!made.faulty) made.from = std::move(form.from);
  made.on_error = form.on_error;
  if (const SyntaxNode* from = node.find("from");
      from != nullptr && from->kind == SyntaxNode::Kind::sequence && from->items.empty()) {
    binding.error("missing-key", from->span, fmt::format("{} reads nothing; name a source or a stream", what));
    made.faulty = true;
  }
  if (const SyntaxNode* steps = node.find("steps")) {
    made.faulty = !bind_steps(binding, *steps, "steps", made.steps) || made.faulty;
  }
  return made;
}

}  // namespace streamrun
