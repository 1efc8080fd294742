#include "runner/operator/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "runner/base/foreign_name.h"
#include "runner/operator/option_faults.h"

namespace streamrun {
namespace {

// What a mapping within options is called.
constexpr std::string_view kNested = "this mapping";

std::vector<std::string_view> names_of(const OptionTable& table) {
  std::vector<std::string_view> names;
  for (const OptionEntry& entry : table.entries()) names.push_back(entry.name);
  return names;
}

std::string join_shapes(const std::vector<Shape>& shapes, std::string_view between) {
  std::string text;
  for (const Shape& one : shapes) {
    if (!text.empty()) text += between;
    text += one.to_string();
  }
  return text;
}

// Of a size the value was decoded; a whole number is read here, so that one bound is told of, and not its type's.
bool check_bounds(const OptionEntry& entry, const SyntaxNode& node, DecodeContext& context) {
  const Shape& shape = entry.shape;
  if (shape.kind != Shape::Kind::integer && shape.kind != Shape::Kind::size) return true;
  std::int64_t value = 0;
  if (shape.kind == Shape::Kind::integer) {
    if (!read_integer(node, value, context)) return false;
  } else {
    const auto size = parse_byte_size(node.text.value());
    if (!size) return false;
    value = static_cast<std::int64_t>(size->bytes);
  }
  if (value >= shape.min && value <= shape.max) return true;
  const bool size = shape.kind == Shape::Kind::size;
  const auto show = [size](std::int64_t bound) {
    return size && bound >= 0 ? format_byte_size({static_cast<std::uint64_t>(bound)}) : std::to_string(bound);
  };
  const std::string name = entry.name.empty() ? std::string() : fmt::format("'{}' ", entry.name);
  const bool open_above = shape.max == std::numeric_limits<std::int64_t>::max();
  context.diagnostics.error("out-of-range", node.span,
                            open_above
                                ? fmt::format("{}must be at least {}, not {}", name, show(shape.min), node.text.value())
                                : fmt::format("{}must be between {} and {}, not {}", name, show(shape.min),
                                              show(shape.max), node.text.value()));
  return false;
}

bool decode_entry(const OptionEntry& entry, const SyntaxNode& node, void* target, DecodeContext& context) {
  if (node.faulty) return false;
  if (!entry.decode) return true;
  if (entry.shape.kind == Shape::Kind::integer && !check_bounds(entry, node, context)) return false;
  if (!entry.decode(node, target, context)) return false;
  return entry.shape.kind == Shape::Kind::integer || check_bounds(entry, node, context);
}

// Whether a key that nobody knows is this one, misspelt: it was told of as such, and so is not missing.
bool is_misspelt(std::string_view name, const OptionTable& table, const SyntaxNode& node) {
  const std::vector<std::string_view> names = names_of(table);
  return std::ranges::any_of(node.entries, [&](const SyntaxNode::Entry& one) {
    return table.find(one.key.value()) == nullptr && nearest_name(one.key.value(), names) == name;
  });
}

// Hints only where the operator has ours, which stands before the ':'.
constexpr ForeignName kForeignOptions[] = {
    {"lefton", "on: left.a = right.b"},
    {"righton", "on: left.a = right.b"},
    {"leftkey", "on: left.a = right.b"},
    {"rightkey", "on: left.a = right.b"},
    {"using", "on: column"},
    {"condition", "on: left.a = right.b"},
    {"jointype", "how: left_outer"},
    {"type", "how: left_outer"},
    {"table", "with: NAME"},
    {"right", "with: NAME"},
    {"groupby", "key: column"},
    {"by", "key: column"},
    {"keys", "key: [columns]"},
    {"aggs", "to: {name: aggregate}"},
    {"agg", "to: {name: aggregate}"},
    {"aggregate", "to: {name: aggregate}"},
    {"aggregates", "to: {name: aggregate}"},
    {"aggregations", "to: {name: aggregate}"},
    {"filename", "path: …"},
    {"filepath", "path: …"},
    {"files", "path: …"},
    {"glob", "path: …"},
    {"url", "brokers: host:9092"},
    {"bootstrapservers", "brokers: host:9092"},
    {"subscribe", "topics: [a, b]"},
    {"startingoffsets", "start: earliest"},
    {"offset", "start: earliest"},
    {"consumergroup", "group: name"},
    {"groupid", "group: name"},
    {"savemode", "exists: append"},
    {"overwrite", "exists: replace"},
    {"append", "exists: append"},
    {"ifexists", "exists: append"},
    {"codec", "compression: gzip"},
    {"compress", "compression: gzip"},
    {"rows", "batches: [[rows]]"},
    {"data", "batches: [[rows]]"},
};

// Exactly one of each group, misspelt ones included.
bool check_choices(const OptionTable& table, const SyntaxNode& node, std::string_view what, DecodeContext& context) {
  bool good = true;
  for (const std::vector<std::string_view>& choice : table.choices()) {
    std::vector<const SyntaxNode::Entry*> given;
    for (const SyntaxNode::Entry& one : node.entries) {
      if (std::ranges::find(choice, one.key.value()) != choice.end()) given.push_back(&one);
    }
    if (given.size() == 1) continue;
    good = false;
    if (given.size() > 1) {
      context.diagnostics.error("conflicting-options", given.back()->key.whole(),
                                fmt::format("{} has '{}' and '{}'; take one away", what, given.front()->key.value(),
                                            given.back()->key.value()));
    } else if (std::ranges::none_of(choice, [&](std::string_view name) { return is_misspelt(name, table, node); })) {
      context.diagnostics.error(
          "missing-key", node.span,
          fmt::format("{} needs '{}': {}", what, fmt::join(choice, "' or '"), table.find(choice.front())->help));
    }
  }
  return good;
}

bool decode_entries(const OptionTable& table, const SyntaxNode& node, void* target, std::string_view what, bool closed,
                    DecodeContext& context) {
  bool good = true;
  for (const SyntaxNode::Entry& one : node.entries) {
    if (const OptionEntry* entry = table.find(one.key.value())) {
      good = decode_entry(*entry, one.value, target, context) && good;
    } else if (closed) {
      const std::vector<std::string_view> names = names_of(table);
      std::string hint = did_you_mean(one.key.value(), names);
      const std::string_view ours = find_foreign(one.key.value(), kForeignOptions);
      if (!ours.empty() && table.find(ours.substr(0, ours.find(':'))) != nullptr) {
        hint = fmt::format("; write {}", ours);
      } else if (hint.empty()) {
        hint = names.empty() ? "; it has none" : fmt::format("; it has: {}", fmt::join(names, ", "));
      }
      context.diagnostics.error("unknown-key", one.key.whole(),
                                fmt::format("{} has no option '{}'{}", what, one.key.value(), hint));
      good = false;
    }
  }
  for (const OptionEntry& entry : table.entries()) {
    if (!entry.required || node.find(entry.name) != nullptr) continue;
    if (is_misspelt(entry.name, table, node)) {
      good = false;
      continue;
    }
    context.diagnostics.error(
        "missing-key", node.span,
        fmt::format("{} needs '{}': {} ({})", what, entry.name, entry.help, entry.shape.to_string()));
    good = false;
  }
  return check_choices(table, node, what, context) && good;
}

}  // namespace

Shape Shape::of_kind(Kind kind) {
  Shape shape;
  shape.kind = kind;
  return shape;
}

Shape Shape::list_of(Shape item, bool single) {
  Shape shape = of_kind(Kind::list);
  // A list of rows in place of a list of lists would be read as the latter.
  shape.single = single && item.kind != Kind::list && item.kind != Kind::rows;
  shape.of.push_back(std::move(item));
  return shape;
}

Shape Shape::map_to(Shape value, std::optional<Kind> names) {
  Shape shape = of_kind(Kind::map_of);
  shape.of.push_back(std::move(value));
  if (names) shape.of.push_back(of_kind(*names));
  return shape;
}

Shape Shape::mapping_of(const OptionTable& table) {
  Shape shape = of_kind(Kind::mapping);
  shape.table = &table;
  return shape;
}

Shape Shape::choice_of(std::vector<std::string_view> choices) {
  Shape shape = of_kind(Kind::choice);
  shape.choices = std::move(choices);
  return shape;
}

Shape Shape::any(std::vector<Shape> shapes) {
  Shape shape = of_kind(Kind::any_of);
  shape.of = std::move(shapes);
  return shape;
}

namespace {

// ` from 1 to 65536`; nothing where every number will do.
std::string bounds_text(const Shape& shape) {
  std::string text;
  if (shape.min != std::numeric_limits<std::int64_t>::min()) text += fmt::format(" from {}", shape.min);
  if (shape.max < std::numeric_limits<std::uint32_t>::max()) text += fmt::format(" to {}", shape.max);
  return text;
}

}  // namespace

std::string Shape::to_string() const {
  switch (kind) {
    case Kind::boolean: return "boolean";
    case Kind::integer: return "integer" + bounds_text(*this);
    case Kind::number: return "number";
    case Kind::text: return "text";
    case Kind::duration: return "duration";
    case Kind::size: return "size";
    case Kind::expression: return "expression";
    case Kind::type: return "type";
    case Kind::name:
    case Kind::identifier: return "name";
    case Kind::stream: return "stream";
    case Kind::choice: return fmt::format("{}", fmt::join(choices, " | "));
    case Kind::secret: return "text | {env: NAME} | {file: path}";
    case Kind::list: return fmt::format("[{}]", join_shapes(of, ", "));
    case Kind::map_of: return fmt::format("{{name: {}}}", of[0].to_string());
    case Kind::mapping: {
      std::string text;
      for (const OptionEntry& entry : table->entries()) {
        if (!text.empty()) text += ", ";
        text += fmt::format("{}: {}", entry.name, entry.shape.to_string());
      }
      return "{" + text + "}";
    }
    case Kind::any_of: return join_shapes(of, " | ");
    case Kind::schema: return "{name: type} | path";
    case Kind::rows: return "[row]";
    case Kind::value: return "value";
    case Kind::source: return "source";
    case Kind::table: return "table";
    case Kind::step: return "step";
    case Kind::output: return "output";
  }
  return {};
}

const OptionEntry* OptionTable::find(std::string_view name) const {
  for (const OptionEntry& entry : entries_) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

bool OptionTable::may_be_bare() const {
  return std::none_of(entries_.begin(), entries_.end(), [](const OptionEntry& entry) { return entry.required; }) &&
         choices_.empty() && !(whole_ && entries_.empty());
}

bool OptionTable::decode(const SyntaxNode& node, void* target, std::string_view what, DecodeContext& context) const {
  if (node.faulty) return false;
  // A written `null` is the text of an expression, where one is taken.
  const bool nothing = node.kind == SyntaxNode::Kind::null && (node.text.value().empty() || !whole_);
  if (nothing && may_be_bare()) return true;
  if (node.kind == SyntaxNode::Kind::mapping) {
    const bool all_named = std::all_of(node.entries.begin(), node.entries.end(), [this](const SyntaxNode::Entry& one) {
      return find(one.key.value()) != nullptr;
    });
    const bool as_whole = whole_ && (entries_.empty() || (whole_takes_mappings_ && !all_named));
    if (!as_whole) return decode_entries(*this, node, target, what, true, context);
  }
  if (whole_ && !nothing) return decode_entry(*whole_, node, target, context);
  if (whole_ && nothing) {
    context.diagnostics.error("missing-key", node.span,
                              fmt::format("{} needs {} ({})", what, whole_->help, whole_->shape.to_string()));
    return false;
  }
  const std::vector<std::string_view> names = names_of(*this);
  if (what == kNested) {
    std::string form;
    for (const std::string_view name : names) form += fmt::format("{}{}: …", form.empty() ? "" : ", ", name);
    return wrong_type(node, fmt::format("a mapping, {{{}}}", form), context);
  }
  context.diagnostics.error(nothing ? "missing-key" : "wrong-type", node.span,
                            names.empty() ? fmt::format("{} takes no options; found {}", what, describe_node(node))
                                          : fmt::format("{} takes a mapping of options ({}); found {}", what,
                                                        fmt::join(names, ", "), describe_node(node)));
  return false;
}

bool OptionTable::decode_known(const SyntaxNode& node, void* target, std::string_view what,
                               DecodeContext& context) const {
  if (node.faulty) return false;
  if (node.kind != SyntaxNode::Kind::mapping) return wrong_type(node, "a mapping", context);
  return decode_entries(*this, node, target, what, false, context);
}

bool decode_list(const SyntaxNode& node, DecodeContext& context, const std::function<bool(const SyntaxNode&)>& each) {
  if (node.kind == SyntaxNode::Kind::null && node.text.value().empty()) return wrong_type(node, "a list", context);
  if (node.kind != SyntaxNode::Kind::sequence) return each(node);
  bool good = true;
  for (const SyntaxNode& item : node.items) good = !item.faulty && each(item) && good;
  return good;
}

bool decode_names(const SyntaxNode& node, DecodeContext& context,
                  const std::function<bool(const SyntaxNode::Entry&)>& each) {
  if (node.kind != SyntaxNode::Kind::mapping) return wrong_type(node, "a mapping of names", context);
  bool good = true;
  for (const SyntaxNode::Entry& entry : node.entries) good = !entry.value.faulty && each(entry) && good;
  return good;
}

std::optional<std::size_t> decode_choice(const SyntaxNode& node, const std::vector<std::string_view>& names,
                                         DecodeContext& context) {
  const std::string expected = fmt::format("{}{}", names.size() > 1 ? "one of " : "", fmt::join(names, ", "));
  if (!has_text(node)) {
    wrong_type(node, expected, context);
    return std::nullopt;
  }
  const auto found = std::find(names.begin(), names.end(), node.text.value());
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  constexpr ForeignName kWords[] = {
      {"ignore", "drop"},        {"skip", "drop"},
      {"discard", "drop"},       {"warn", "drop"},
      {"continue", "drop"},      {"permissive", "route"},
      {"dropmalformed", "drop"}, {"failfast", "fail"},
      {"deadletter", "route"},   {"dlq", "route"},
      {"redirect", "route"},     {"stop", "fail"},
      {"abort", "fail"},         {"raise", "fail"},
      {"error", "fail"},         {"overwrite", "replace"},
      {"left", "left_outer"},    {"leftouter", "left_outer"},
      {"right", "right_outer"},  {"full", "full_outer"},
      {"outer", "full_outer"},   {"semi", "left_semi"},
      {"anti", "left_anti"},     {"beginning", "earliest"},
      {"oldest", "earliest"},    {"newest", "latest"},
      {"end", "latest"},         {"gz", "gzip"},
      {"zst", "zstd"},           {"jsonl", "json"},
      {"ndjson", "json"},        {"tsv", "csv"},
  };
  std::string hint = did_you_mean(node.text.value(), names);
  if (const std::string_view ours = find_foreign(node.text.value(), kWords);
      std::find(names.begin(), names.end(), ours) != names.end()) {
    hint = fmt::format("; write {}", ours);
  }
  context.diagnostics.error("unknown-value", node.span,
                            fmt::format("expected {}; found {}{}", expected, describe_node(node), hint));
  return std::nullopt;
}

}  // namespace streamrun
