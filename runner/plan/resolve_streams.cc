#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "runner/plan/resolution.h"

namespace streamrun {
namespace {

constexpr std::string_view kErrors = ".errors";

// What its rejects carry of the rows that were read.
std::vector<Field> own_hidden(const Schema& schema) {
  std::vector<Field> hidden;
  for (const Field& field : schema.hidden) {
    if (field.name != "_raw" && field.name != "_batch") hidden.push_back(field);
  }
  return hidden;
}

// The hidden columns that all have, at the places where all have them.
void keep_common(const Schema& one, bool first, Schema& all) {
  if (first) all = one;
  const auto end = std::mismatch(all.hidden.begin(), all.hidden.end(), one.hidden.begin(), one.hidden.end()).first;
  all.hidden.erase(end, all.hidden.end());
}

// A fragment's step is faulty for one of its uses, maybe not for another.
void tell_with_uses(Resolution& r, const Diagnostics& diagnostics, const std::vector<FragmentUse>& uses) {
  std::vector<std::string> where;
  for (const FragmentUse& use : uses) {
    where.push_back(fmt::format("`use: {}` at {}", use.fragment, r.spec.text->place(use.place.begin)));
  }
  for (const Diagnostic& one : diagnostics.sorted()) {
    std::string message = fmt::format("{} (in {})", one.message, fmt::join(where, ", "));
    if (one.severity == Severity::error) {
      r.error(one.code, one.span, std::move(message));
    } else {
      r.diagnostics.warning(one.code, one.span, std::move(message));
    }
  }
}

const StreamSpec* find_stream(const PipelineSpec& spec, std::string_view name) {
  for (const StreamSpec& stream : spec.streams) {
    if (stream.name.value() == name) return &stream;
  }
  for (const SourceSpec& table : spec.tables) {
    if (table.stream && table.name.value() == name) return &*table.stream;
  }
  return nullptr;
}

}  // namespace

std::vector<StreamName> streams_read(const StreamSpec& stream) {
  std::vector<StreamName> read = stream.from;
  for (const StepSpec& step : stream.steps) {
    if (!step.kind->streams) continue;
    for (StreamName& name : step.kind->streams(step.options.get())) read.push_back(std::move(name));
  }
  return read;
}

std::optional<std::size_t> StreamResolver::find(const LocatedText& text) {
  const std::string& name = text.value();
  if (name == "errors") return all_errors(text.whole());
  if (name.ends_with(kErrors)) return find_errors(text, name.substr(0, name.size() - kErrors.size()));
  if (const auto known = r_.rows.find(name); known != r_.rows.end()) return known->second;
  if (const StreamSpec* stream = find_stream(r_.spec, name)) return resolve(*stream, text.whole());
  if (r_.names.contains(name)) return std::nullopt;  // a faulty source
  return unknown(text);
}

std::optional<std::size_t> StreamResolver::unknown(const LocatedText& text) {
  if (r_.spec.incomplete) return std::nullopt;
  std::vector<std::string_view> names;
  for (const auto& [one, what] : r_.names) names.push_back(one);
  // `s.error`, `s.rejects`.
  const std::string owner = text.value().substr(0, text.value().find('.'));
  const bool part = owner.size() != text.value().size() && r_.names.contains(owner);
  r_.error("unknown-stream", text.whole(),
           fmt::format(
               "there is no source or stream '{}'{}", text.value(),
               part ? fmt::format("; the rejects of '{0}' are {0}.errors", owner) : did_you_mean(text.value(), names)));
  return std::nullopt;
}

std::optional<std::size_t> StreamResolver::find_errors(const LocatedText& text, const std::string& stream) {
  if (!r_.names.contains(stream)) {
    if (r_.spec.incomplete) return std::nullopt;
    std::vector<std::string_view> names;
    for (const auto& [one, what] : r_.names) names.push_back(one);
    const auto nearest = nearest_name(stream, names);
    r_.error("unknown-stream", text.whole(),
             fmt::format("there is no source or stream '{}'{}", stream,
                         nearest ? fmt::format("; did you mean '{}.errors'?", *nearest) : std::string()));
    return std::nullopt;
  }
  if (!find(LocatedText(stream, text.whole()))) return std::nullopt;
  r_.read_errors.insert(stream);
  const auto found = r_.errors.find(stream);
  if (found != r_.errors.end()) return found->second;
  r_.error("no-errors", text.whole(), fmt::format("'{}' has no errors stream; give it on_error: route", stream));
  return std::nullopt;
}

// Directly, or by way of streams that it reads.
bool StreamResolver::reads_all_errors(const StreamSpec& stream) {
  const auto [known, fresh] = reads_all_errors_.emplace(stream.name.value(), false);
  if (!fresh) return known->second;
  bool reads = false;
  for (const StreamName& one : streams_read(stream)) {
    std::string name = one.text.value();
    reads = reads || name == "errors";
    if (name.ends_with(kErrors)) name.resize(name.size() - kErrors.size());
    const StreamSpec* other = find_stream(r_.spec, name);
    reads = reads || (other != nullptr && reads_all_errors(*other));
  }
  return reads_all_errors_[stream.name.value()] = reads;
}

// Those of streams that read it are not in it: they would be their own rejects.
std::optional<std::size_t> StreamResolver::all_errors(Span place) {
  if (const auto known = r_.rows.find("errors"); known != r_.rows.end()) return known->second;
  bool good = true;
  for (const StreamSpec& stream : r_.spec.streams) {
    if (!reads_all_errors(stream)) good = resolve(stream, stream.name.whole()).has_value() && good;
  }
  GraphNode node;
  node.kind = GraphNode::Kind::errors;
  node.stream = "errors";
  node.label = "errors of all";
  node.slide = r_.spec.settings.batch_interval;
  for (const auto& [stream, index] : r_.errors) {
    const StreamSpec* spec = find_stream(r_.spec, stream);
    if (spec != nullptr && reads_all_errors(*spec)) continue;
    keep_common(r_.graph.nodes[index].schema, node.inputs.empty(), node.schema);
    node.inputs.push_back(index);
    r_.read_errors.insert(stream);
  }
  if (node.inputs.empty()) {
    // A faulty stream may have had them.
    if (good) {
      r_.error("no-errors", place, "no source or stream has on_error: route, so there are no errors to read");
    }
    return std::nullopt;
  }
  std::sort(node.inputs.begin(), node.inputs.end());
  return r_.rows["errors"] = r_.add(std::move(node));
}

std::optional<std::size_t> StreamResolver::resolve(const StreamSpec& stream, Span place) {
  const std::string& name = stream.name.value();
  if (const auto known = r_.rows.find(name); known != r_.rows.end()) return known->second;
  if (failed_.contains(name)) return std::nullopt;
  const auto begun = std::find(resolving_.begin(), resolving_.end(), name);
  if (begun != resolving_.end()) {
    constexpr std::ptrdiff_t kShown = 8;
    const auto end = resolving_.end() - begun > kShown ? begun + kShown : resolving_.end();
    r_.error("cycle", place,
             fmt::format("{} '{}' reads itself: {} → {}{}", is_table(name) ? "table" : "stream", name,
                         fmt::join(begun, end, " → "), end == resolving_.end() ? "" : "… → ", name));
    failed_.insert(begun, resolving_.end());
    return std::nullopt;
  }
  resolving_.push_back(name);
  const auto node = add_steps(stream);
  resolving_.pop_back();
  if (node && !stream.faulty && !failed_.contains(name)) return r_.rows[name] = *node;
  failed_.insert(name);
  return std::nullopt;
}

bool StreamResolver::is_table(const std::string& name) const {
  const auto known = r_.names.find(name);
  return known != r_.names.end() && known->second.what == "table";
}

std::vector<std::size_t> StreamResolver::inputs_of(const StreamSpec& stream) {
  if (const auto read = r_.read.find(stream.name.value()); read != r_.read.end()) return {read->second};
  std::vector<std::size_t> from;
  for (const StreamName& one : stream.from) {
    if (const auto found = find(one.text)) from.push_back(*found);
  }
  if (from.size() != stream.from.size()) from.clear();
  return from;
}

std::optional<std::size_t> StreamResolver::add_steps(const StreamSpec& stream) {
  const std::vector<std::size_t> from = inputs_of(stream);
  if (from.empty()) return std::nullopt;
  std::vector<std::size_t> own;
  if (stream.from.empty()) own.push_back(from[0]);
  std::optional<std::size_t> at = from[0];
  const auto add = [&](const StepSpec& step) { at = add_step(step, stream, *at, own); };
  if (from.size() > 1) {
    // `from: [a, b]` is the union of a and b.
    SyntaxNode others;
    others.kind = SyntaxNode::Kind::sequence;
    for (std::size_t i = 1; i < stream.from.size(); ++i) {
      SyntaxNode& item = others.items.emplace_back();
      item.kind = SyntaxNode::Kind::scalar;
      item.text = stream.from[i].text;
      item.span = item.text.whole();
    }
    DecodeContext context{.diagnostics = r_.diagnostics};
    StepSpec step;
    step.kind = &r_.catalog.uniting();
    step.place = stream.from[0].text.whole();
    step.options = step.kind->decode(others, "from", context);
    if (step.options) add(step);
  }
  for (const StepSpec& step : stream.steps) {
    if (at) add(step);
  }
  // Behind the nodes that report to it.
  const auto errors = r_.add_errors(stream.name.value(), stream.on_error.value_or(r_.spec.settings.on_error),
                                    own_hidden(r_.graph.nodes[from[0]].schema));
  for (const std::size_t node : own) r_.graph.nodes[node].errors = errors;
  return at;
}

// Of what a step takes; tables have none. Nothing: diagnosed.
std::optional<Duration> StreamResolver::common_slide(const std::vector<std::size_t>& inputs, Span place) {
  std::optional<std::size_t> first;
  for (const std::size_t one : inputs) {
    const GraphNode& node = r_.graph.nodes[one];
    if (node.slide.count() == 0) continue;
    if (!first) first = one;
    const GraphNode& other = r_.graph.nodes[*first];
    if (other.slide == node.slide) continue;
    const bool longer = other.slide > node.slide;
    const std::string most = format_duration(std::max(other.slide, node.slide));
    r_.error("bad-window", place,
             fmt::format("'{}' has a batch every {}, and '{}' every {}; what comes together has one slide: give '{}' a "
                         "window: {{window: {}, slide: {}}}",
                         other.stream, format_duration(other.slide), node.stream, format_duration(node.slide),
                         longer ? node.stream : other.stream, most, most));
    return std::nullopt;
  }
  return first ? r_.graph.nodes[*first].slide : Duration(0);
}

std::optional<std::size_t> StreamResolver::add_step(const StepSpec& step, const StreamSpec& stream, std::size_t input,
                                                    std::vector<std::size_t>& own) {
  const std::string& name = stream.name.value();
  std::vector<std::size_t> inputs{input};
  if (step.kind->streams) {
    for (const StreamName& one : step.kind->streams(step.options.get())) {
      const std::string& other = one.text.value();
      const bool known = r_.names.contains(other) || other == "errors" || other.ends_with(kErrors);
      if (is_table(name) && known && !is_table(other)) {
        r_.error("table-reads-stream", one.text.whole(),
                 fmt::format("the steps of a table take other tables, and '{}' is none; do this in a stream that "
                             "reads '{}'",
                             other, name));
        return std::nullopt;
      }
      const auto found = find(one.text);
      if (!found) return std::nullopt;
      inputs.push_back(*found);
    }
  }
  if (!step.kind->bind) return input;
  Diagnostics own_diagnostics;  // of a fragment's step
  BindContext context{.inputs = {},
                      .input_names = {},
                      .params = &r_.params,
                      .param_used = r_.note_param(),
                      .owner = fmt::format("{} '{}'", is_table(name) ? "table" : "stream", name),
                      .seed = r_.graph.nodes.size(),
                      .partitions = r_.spec.settings.partitions,
                      .input_partitions = r_.graph.nodes[input].partitions,
                      .allow_exec = r_.options.allow_exec,
                      .diagnostics = step.uses.empty() ? r_.diagnostics : own_diagnostics,
                      .place = step.place};
  for (const std::size_t one : inputs) {
    context.inputs.push_back(&r_.graph.nodes[one].schema);
    context.input_names.push_back(r_.graph.nodes[one].stream);
  }
  const auto slide = common_slide(inputs, step.place);
  if (!slide) return std::nullopt;
  context.slide = *slide;
  auto bound = step.kind->bind(step.options.get(), context);
  if (!step.uses.empty()) tell_with_uses(r_, own_diagnostics, step.uses);
  if (!bound) return std::nullopt;
  std::uint32_t partitions = r_.graph.nodes[input].partitions;
  if (!bound->step.collects) {
    for (std::size_t i = 1; i < inputs.size(); ++i) {
      const std::uint32_t more = r_.graph.nodes[inputs[i]].partitions;
      partitions = partitions == 0 || more == 0 ? 0 : partitions + more;
    }
  }
  Duration own_slide = *slide;
  Duration keeps{0};
  for (const std::size_t one : inputs) keeps = std::max(keeps, r_.graph.nodes[one].keeps);
  std::unique_ptr<BoundTransform> rest;
  for (BoundTransform* part = &*bound; part != nullptr; part = rest.get()) {
    GraphNode node;
    node.kind = GraphNode::Kind::step;
    node.stream = name;
    node.label = step.kind->name;
    node.schema = part->output;
    node.on_error = stream.on_error.value_or(r_.spec.settings.on_error);
    node.can_fail = part->can_fail;
    node.goes_on = part != &*bound;
    node.place = step.place;
    node.partitions = partitions = part->partitions.value_or(partitions);
    node.slide = own_slide = part->slide.value_or(own_slide);
    node.keeps = keeps = keeps + part->keeps;
    node.inputs = std::move(inputs);
    std::unique_ptr<BoundTransform> then = std::move(part->then);
    node.step = std::move(*part);
    own.push_back(r_.add(std::move(node)));
    inputs = {own.back()};
    rest = std::move(then);
  }
  return inputs[0];
}

}  // namespace streamrun
