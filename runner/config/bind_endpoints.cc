#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "runner/config/spec_binding.h"
#include "runner/operator/digest.h"
#include "runner/operator/format_option.h"

namespace streamrun {
namespace {

template <class D>
struct Kind {
  const D* descriptor = nullptr;
  const SyntaxNode::Entry* entry = nullptr;
};

// The one key of `node` that names an entry of the catalog, with its value.
template <class D>
Kind<D> kind_of(SpecBinding& binding, const SyntaxNode& node, std::span<const D> all, std::string_view what,
                std::string_view noun) {
  Kind<D> found;
  for (const SyntaxNode::Entry& entry : node.entries) {
    for (const D& one : all) {
      if (entry.key.value() != one.name) continue;
      if (found.descriptor) {
        binding.error(
            "two-kinds", entry.key.whole(),
            fmt::format("{} has two {}s, '{}' and '{}'; take one away", what, noun, found.descriptor->name, one.name));
      } else {
        found = {&one, &entry};
      }
    }
  }
  return found;
}

// The format's own options stand beside `format:` among the others. False: faulty, diagnosed.
template <class S>
bool bind_format(SpecBinding& binding, const SyntaxNode& node, bool takes_format, std::string_view default_format,
                 std::string_view what, S& spec) {
  FormatOption read{nullptr, nullptr, node.span};
  bool good = true;
  if (takes_format) {
    good = decode_format(node, default_format, what, binding.context, read);
  } else if (const SyntaxNode* named = node.find("format")) {
    read.place = named->span;
    binding.error("format-not-taken", named->span, fmt::format("{} takes no format", what));
    good = false;
  }
  spec.format = read.format;
  spec.format_options = std::move(read.options);
  spec.format_place = read.place;
  return good;
}

void add_format_keys(const SpecBinding& binding, const SyntaxNode& node, const FormatDescriptor* format,
                     std::vector<std::string_view>& known) {
  const auto keys = format_keys(node, format, binding.catalog);
  known.insert(known.end(), keys.begin(), keys.end());
}

constexpr ForeignName kForeignKeys[] = {
    {"type", "the kind as a key, with its options: kafka: {…}"},
    {"kind", "the kind as a key, with its options: kafka: {…}"},
    {"connector", "the kind as a key, with its options: kafka: {…}"},
    {"textfile", "file: {path: …}"},
    {"tail", "file: {path: …, follow: true}"},
    {"topic", "kafka: {…}"},
    {"rate", "generate: {rows_per_second: …}"},
    {"console", "print: {}"},
    {"memory", "discard: {}, and tests: that name the output"},
    {"sep", "delimiter"},
    {"separator", "delimiter"},
    {"fieldseparator", "delimiter"},
    {"inferschema", "schema: {name: type}"},
    {"charset", "text as UTF-8: iconv converts it"},
    {"source", "from"},
    {"input", "from"},
    {"inputs", "from"},
    {"stream", "from"},
    {"to", "the kind as a key: stdout: {}, file: {path: …}, kafka: {…}"},
    {"encoding", "text as UTF-8: iconv converts it; how records look is said by format"},
    {"codec", "format"},
    {"columnsandtypes", "schema"},
    {"types", "schema"},
    {"fields", "schema of a source, columns of an output"},
    {"onfailure", "on_error"},
    {"ratelimit", "max_rate"},
    {"batchsize", "max_batch_records"},
    {"maxoffsetspertrigger", "max_batch_records"},
    {"retries", "retry: {times: 3}"},
    {"condition", "when"},
    {"if", "when"},
    {"dependson", "after"},
    {"show", "print: {}"},
    {"log", "print: {}"},
};

// Of a key that stands beside a kind: whose option it is. That of the kind which is there, else of a format, else of
// any kind.
template <class D>
std::string owner_hint(const SpecBinding& binding, std::span<const D> kinds, const SyntaxNode& node,
                       const std::string& key) {
  const auto has_it = [&](const auto& owner) { return owner.options.find(key) != nullptr; };
  const auto there =
      std::ranges::find_if(kinds, [&](const D& kind) { return has_it(kind) && node.find(kind.name) != nullptr; });
  const auto format = std::ranges::find_if(binding.catalog.formats(), has_it);
  if (there == kinds.end() && format != binding.catalog.formats().end()) {
    return fmt::format("; it is an option of format: {}", format->name);
  }
  const auto owner = there != kinds.end() ? there : std::ranges::find_if(kinds, has_it);
  if (owner == kinds.end()) return {};
  return fmt::format("; it is an option of '{0}': write {0}: {{{1}: …}}", owner->name, key);
}

// Of a key that nobody has: a kind in the value, a format in the key, or what is nearly a kind.
template <class D>
std::string shape_hint(const SpecBinding& binding, std::span<const D> kinds, const SyntaxNode& node,
                       const std::string& key) {
  const SyntaxNode& value = *node.find(key);
  if (binding.catalog.format(key) != nullptr) {
    std::string beside;
    for (const SyntaxNode::Entry& entry : value.entries) {
      if (entry.value.kind == SyntaxNode::Kind::scalar) {
        beside += fmt::format(", {}: {}", entry.key.value(), entry.value.text.value());
      }
    }
    return fmt::format("; a format is named, and its options stand beside it: format: {}{}", key, beside);
  }
  const auto names = names_of(kinds);
  if ((key == "type" || key == "kind" || key == "connector") && value.kind == SyntaxNode::Kind::scalar) {
    const auto meant = std::ranges::find(names, std::string_view(value.text.value()));
    if (meant == names.end()) return fmt::format("; write the kind as a key, one of {}", fmt::join(names, ", "));
    const D& kind = kinds[static_cast<std::size_t>(meant - names.begin())];
    std::string own;
    for (const SyntaxNode::Entry& entry : node.entries) {
      if (kind.options.find(entry.key.value()) == nullptr) continue;
      own += fmt::format("{}{}: …", own.empty() ? "" : ", ", entry.key.value());
    }
    return fmt::format("; write the kind as a key, with its options: {}: {{{}}}", kind.name, own.empty() ? "…" : own);
  }
  const bool a_kind_is_there = std::ranges::any_of(node.entries, [&](const SyntaxNode::Entry& entry) {
    return std::ranges::find(names, entry.key.value()) != names.end();
  });
  const bool near = !find_foreign(key, kForeignKeys).empty() || nearest_name(key, names).has_value();
  if (a_kind_is_there || near || value.kind != SyntaxNode::Kind::mapping) return {};
  return fmt::format("; there are: {}", fmt::join(names, ", "));
}

// `mode: append`, which Spark's writers have: that of a file are its rights.
std::string save_mode_hint(const SyntaxNode& node, const std::string& key) {
  const SyntaxNode& value = *node.find(key);
  const bool mode = key == "mode" || key == "savemode" || key == "save_mode" || key == "outputMode";
  if (!mode || value.kind != SyntaxNode::Kind::scalar || value.text.value().starts_with('0')) return {};
  return "; what is there already is dealt with by file: {exists: append}, replace or fail";
}

// The options of a kind without those that belong beside it, which are told.
template <class D>
SyntaxNode own_options(SpecBinding& binding, const D& kind, const SyntaxNode& value,
                       const std::vector<std::string_view>& beside, bool& good) {
  SyntaxNode own = value;
  if (kind.options.whole()) return own;
  if (kind.options.find("connection") != nullptr) own = expand_connection(binding, std::move(own), good);
  std::erase_if(own.entries, [&](const SyntaxNode::Entry& entry) {
    const std::string& key = entry.key.value();
    if (kind.options.find(key) != nullptr || std::ranges::find(beside, key) == beside.end()) return false;
    binding.error(
        "misplaced-key", entry.key.whole(),
        fmt::format("'{0}' is no option of '{1}'; it stands beside it: write {1}: {{…}}, {0}: …", key, kind.name));
    good = false;
    return true;
  });
  return own;
}

std::vector<std::string_view> keys_beside(const OptionTable& common, std::vector<std::string_view> more) {
  for (const OptionEntry& entry : common.entries()) more.push_back(entry.name);
  return more;
}

// A table's rows that stand in the file are a source of one batch.
void bind_rows(SpecBinding& binding, const SyntaxNode& node, const SyntaxNode& rows, const std::string& what,
               const SyntaxNode::Entry* kind, SourceSpec& spec) {
  const std::size_t errors = binding.context.diagnostics.error_count();
  spec.kind_place = rows.span;
  RowNodes read;
  Codec<RowNodes>::decode(rows, read, binding.context);
  if (kind != nullptr) {
    binding.error("two-kinds", kind->key.whole(),
                  fmt::format("{} has 'rows' and '{}'; take one away", what, kind->key.value()));
  }
  if (const SyntaxNode* refresh = node.find("refresh")) {
    binding.error("conflicting-options", refresh->span,
                  fmt::format("the rows of {} stand here and do not change; take 'refresh' away", what));
  }
  if (binding.context.diagnostics.error_count() != errors) return;
  SyntaxNode batches;
  batches.kind = SyntaxNode::Kind::sequence;
  batches.items = {rows};
  SyntaxNode source;
  source.kind = SyntaxNode::Kind::mapping;
  source.span = spec.kind_place;
  spec.kind = &binding.catalog.of_rows();
  source.entries.push_back({LocatedText(std::string(spec.kind->rows_option), spec.kind_place), std::move(batches)});
  spec.options = spec.kind->decode(source, "the rows", binding.context);
}

SourceSpec bind_input(SpecBinding& binding, const LocatedText& name, const SyntaxNode& node, bool table) {
  const std::string what = fmt::format("{} '{}'", table ? "table" : "source", name.value());
  SourceSpec spec;
  spec.name = name;
  spec.digest = digest(node);
  spec.kind_place = name.whole();
  if (!binding.is_mapping(node, what)) return spec;
  const auto kind = kind_of(binding, node, binding.catalog.sources(), what, "kind");
  const SyntaxNode* rows = table ? node.find("rows") : nullptr;
  const bool takes_format = kind.descriptor && kind.descriptor->takes_format && rows == nullptr;
  // Without a kind nobody knows whether a format is wanted: that is fault enough.
  bool good =
      (!kind.descriptor && rows == nullptr) || bind_format(binding, node, takes_format, kSourceFormat, what, spec);
  std::vector<std::string_view> known = names_of(binding.catalog.sources());
  add_format_keys(binding, node, spec.format, known);
  const OptionTable& common = table ? SourceCommon::table_options() : SourceCommon::options();
  const bool all_known = binding.known_keys(node, what, common, known, kForeignKeys, [&](const std::string& key) {
    std::string owner = owner_hint(binding, binding.catalog.sources(), node, key);
    return owner.empty() ? shape_hint(binding, binding.catalog.sources(), node, key) : owner;
  });
  good = common.decode_known(node, &spec.common, what, binding.context) && good;
  if (rows != nullptr) {
    bind_rows(binding, node, *rows, what, kind.descriptor ? kind.entry : nullptr, spec);
    if (!good) spec.kind = nullptr;
    return spec;
  }
  if (!kind.descriptor) {
    // A key that is not known is the kind, misspelt.
    if (all_known) {
      binding.error("missing-kind", name.whole(),
                    fmt::format("{} does not say what it reads; one of {}{}", what,
                                fmt::join(names_of(binding.catalog.sources()), ", "), table ? ", rows" : ""));
    }
    return spec;
  }
  spec.kind_place = kind.entry->key.whole();
  known.clear();
  add_format_keys(binding, node, spec.format, known);
  const SyntaxNode own = own_options(binding, *kind.descriptor, kind.entry->value, keys_beside(common, known), good);
  spec.digest += digest(own);  // with what a connection brings
  spec.options = kind.descriptor->decode(own, fmt::format("source kind '{}'", kind.descriptor->name), binding.context);
  if (spec.options && good) spec.kind = kind.descriptor;
  return spec;
}

}  // namespace

SourceSpec bind_source(SpecBinding& binding, const LocatedText& name, const SyntaxNode& node) {
  return bind_input(binding, name, node, false);
}

SourceSpec bind_table(SpecBinding& binding, const LocatedText& name, const SyntaxNode& node) {
  SourceSpec made = bind_input(binding, name, node, true);
  const SyntaxNode* steps = node.find("steps");
  if (steps == nullptr) return made;
  StreamSpec& stream = made.stream.emplace();
  stream.name = name;
  stream.on_error = made.common.on_error;
  stream.faulty = !bind_steps(binding, *steps, "steps", stream.steps);
  return made;
}

OutputSpec bind_output(SpecBinding& binding, const SyntaxNode& node) {
  OutputSpec made;
  made.place = node.span;
  made.digest = digest(node);
  const SyntaxNode* name = node.find("name");
  const bool named = name != nullptr && name->kind == SyntaxNode::Kind::scalar;
  const std::string what = named ? fmt::format("output '{}'", name->text.value()) : "this output";
  if (!binding.is_mapping(node, what)) return made;
  const auto kind = kind_of(binding, node, binding.catalog.sinks(), what, "sink");
  const bool takes_format = !kind.descriptor || kind.descriptor->takes_format;
  bool good = bind_format(binding, node, takes_format, kOutputFormat, what, made);
  std::vector<std::string_view> known = names_of(binding.catalog.sinks());
  add_format_keys(binding, node, made.format, known);
  const bool all_known =
      binding.known_keys(node, what, OutputCommon::options(), known, kForeignKeys, [&](const std::string& key) {
        std::string hint = save_mode_hint(node, key);
        if (hint.empty()) hint = owner_hint(binding, binding.catalog.sinks(), node, key);
        return hint.empty() ? shape_hint(binding, binding.catalog.sinks(), node, key) : hint;
      });
  const SyntaxNode meant = all_known ? node : SpecBinding::meant_keys(node, OutputCommon::options(), kForeignKeys);
  good = OutputCommon::options().decode_known(meant, &made.common, what, binding.context) && good;
  if (!kind.descriptor) {
    if (all_known) {
      binding.error("missing-kind", node.span,
                    fmt::format("{} does not say where it writes; one of {}", what,
                                fmt::join(names_of(binding.catalog.sinks()), ", ")));
    }
    return made;
  }
  made.kind_place = kind.entry->key.whole();
  known.clear();
  add_format_keys(binding, node, made.format, known);
  const SyntaxNode own =
      own_options(binding, *kind.descriptor, kind.entry->value, keys_beside(OutputCommon::options(), known), good);
  made.digest += digest(own);
  made.options = kind.descriptor->decode(own, fmt::format("sink '{}'", kind.descriptor->name), binding.context);
  if (made.options && good) made.kind = kind.descriptor;
  return made;
}

const OptionTable& SourceCommon::options() {
  static const OptionTable table =
      Options<SourceCommon>{}
          .optional("schema", &SourceCommon::schema, "",
                    "names and types of the columns, or the path of a file of them, relative to this file")
          .optional("on_error", &SourceCommon::on_error, "the pipeline's", "what a record that cannot be read does")
          .optional("max_rate", &SourceCommon::max_rate, "", "records a second and partition", {1})
          .optional("max_batch_records", &SourceCommon::max_batch_records, "", "records a batch", {1})
          .optional("max_batch_bytes", &SourceCommon::max_batch_bytes, "", "bytes a batch", {1})
          .optional("partitions", &SourceCommon::partitions, "the pipeline's", "partitions of a batch", {1, 65536})
          .optional("receiver_log", &SourceCommon::receiver_log, "false",
                    "keeps what a source receives that cannot be read again in the checkpoint, as long as its batch")
          .table();
  return table;
}

const OptionTable& SourceCommon::table_options() {
  static const OptionTable table =
      Options<SourceCommon>{}
          .optional("schema", &SourceCommon::schema, "",
                    "names and types of the columns, or the path of a file of them, relative to this file")
          .optional("on_error", &SourceCommon::on_error, "the pipeline's", "what a record that cannot be read does")
          .optional("refresh", &SourceCommon::refresh, "", "how often it is read again; else once")
          .section("rows", Shape::of_kind(Shape::Kind::rows), "the rows themselves, in place of a file")
          .section("steps", Shape::list_of(Shape::of_kind(Shape::Kind::step)),
                   "what is done to its rows, in order, each time it is read; they may join other tables")
          .table();
  return table;
}

const OptionTable& RetryOption::options() {
  static const OptionTable table = Options<RetryOption>{}
                                       .optional("times", &RetryOption::times, "3", "tries after the first", {0, 1000})
                                       .optional("backoff", &RetryOption::backoff, "1s", "wait between tries")
                                       .table();
  return table;
}

const OptionTable& OutputCommon::options() {
  static const OptionTable table =
      Options<OutputCommon>{}
          .required("name", &OutputCommon::name, "the output's name")
          .required("from", &OutputCommon::from, "the source or stream that it writes")
          .optional("columns", &OutputCommon::columns, "all", "what is written, in this order")
          .optional("after", &OutputCommon::after, "", "outputs written above that must finish first in a batch")
          .optional("when", &OutputCommon::when, "", "an expression over rows (their number) and batch")
          .optional("retry", &OutputCommon::retry, "no second try",
                    "tries again after a failure; else it fails the batch")
          .table();
  return table;
}

const OptionTable& CheckpointOption::options() {
  static const OptionTable table =
      Options<CheckpointOption>{}
          .required("path", &CheckpointOption::path, "a folder of this pipeline's own, which is made")
          .optional("interval", &CheckpointOption::interval, "10s, or the batch interval if that is longer",
                    "time between versions of the state; without state it has no effect")
          .optional("keep", &CheckpointOption::keep, "100", "batches of which is known what they were made of",
                    {1, 1000000})
          .table();
  return table;
}

const OptionTable& SpoolOption::options() {
  static const OptionTable table =
      Options<SpoolOption>{}
          .optional("path", &SpoolOption::path, "TMPDIR, or /tmp", "a folder")
          .optional("size", &SpoolOption::size, "half of what is free", "a batch that needs more on disk fails")
          .table();
  return table;
}

}  // namespace streamrun
