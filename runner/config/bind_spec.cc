#include <fmt/format.h>

#include <filesystem>
#include <set>

#include "runner/config/pipeline_spec.h"

namespace streamrun {

namespace {

template <class D>
std::vector<std::string_view> names_of(std::span<const D> all) {
  std::vector<std::string_view> names;
  for (const D& one : all) names.push_back(one.name);
  return names;
}

// The form of the whole file: sections are read by hand below, scalars by these tables.
struct TopLevel {
  std::string name;
  Duration batch_interval{0};
  std::uint32_t concurrent_outputs = 1;
  std::optional<std::uint32_t> parallelism;
  std::uint32_t partitions = 8;
  OnError on_error = OnError::fail;
  std::optional<CheckpointOption> checkpoint;
};

const OptionTable& top_level_options() {
  static const OptionTable table =
      Options<TopLevel>{}
          .optional("name", &TopLevel::name, "", "the pipeline's name; default: the file's stem")
          .required("batch_interval", &TopLevel::batch_interval, "time from one batch to the next")
          .optional("concurrent_outputs", &TopLevel::concurrent_outputs, "1", "output jobs that may run at once",
                    {1, 1024})
          .optional("parallelism", &TopLevel::parallelism, "", "worker threads; changes no result", {1, 1024})
          .optional("partitions", &TopLevel::partitions, "8", "default for sources and keyed steps", {1, 65536})
          .optional("on_error", &TopLevel::on_error, "fail", "what a record that cannot be read or computed does")
          .optional("checkpoint", &TopLevel::checkpoint, "", "where state and progress are kept")
          .table();
  return table;
}

constexpr std::string_view kSections[] = {"params", "sources", "tables", "streams", "outputs", "tests"};

class Binder {
 public:
  Binder(const Catalog& catalog, DecodeContext& context) : catalog_(catalog), context_(context) {}

  PipelineSpec bind(const SyntaxNode& root, const std::string& file_name) {
    PipelineSpec spec;
    spec.place = root.span;
    if (root.kind != SyntaxNode::Kind::mapping) {
      error("wrong-type", root.span, "a pipeline is a mapping: batch_interval, sources, outputs…");
      return spec;
    }
    known_keys(root, "the pipeline", top_level_options(), {std::begin(kSections), std::end(kSections)});
    TopLevel top;
    top_level_options().decode_known(root, &top, "the pipeline", context_);
    spec.name = top.name.empty() ? std::filesystem::path(file_name).stem().string() : top.name;
    spec.batch_interval = top.batch_interval;
    spec.concurrent_outputs = top.concurrent_outputs;
    spec.parallelism = top.parallelism;
    spec.partitions = top.partitions;
    spec.on_error = top.on_error;
    spec.checkpoint = top.checkpoint;
    if (const SyntaxNode* checkpoint = root.find("checkpoint")) {
      error("unsupported", checkpoint->span,
            "checkpoints are not kept yet, so no output would be exactly once; take the key away");
    }
    entries(root, "params", [&](const LocatedText& name, const SyntaxNode& node) { param(name, node, spec); });
    entries(root, "sources", [&](const LocatedText& name, const SyntaxNode& node) {
      if (auto made = source(name, node, false)) spec.sources.push_back(std::move(*made));
    });
    entries(root, "tables", [&](const LocatedText& name, const SyntaxNode& node) {
      if (auto made = source(name, node, true)) spec.tables.push_back(std::move(*made));
    });
    entries(root, "streams", [&](const LocatedText& name, const SyntaxNode& node) { stream(name, node, spec); });
    if (!root.find("sources")) error("missing-key", root.span, "the pipeline has no 'sources'");
    if (const SyntaxNode* outputs = root.find("outputs")) {
      items(*outputs, "outputs", [&](const SyntaxNode& node) { output(node, spec); });
    } else {
      error("missing-key", root.span, "the pipeline has no 'outputs'; a pipeline without one does nothing");
    }
    if (const SyntaxNode* tests = root.find("tests")) {
      items(*tests, "tests", [&](const SyntaxNode& node) { test(node, spec); });
    }
    return spec;
  }

 private:
  void error(std::string code, Span span, std::string message) {
    context_.diagnostics.error(std::move(code), span, std::move(message));
  }

  bool is_mapping(const SyntaxNode& node, std::string_view what) {
    if (node.kind == SyntaxNode::Kind::mapping) return true;
    error("wrong-type", node.span, fmt::format("{} is a mapping", what));
    return false;
  }

  template <class F>
  void entries(const SyntaxNode& root, std::string_view section, F&& each) {
    const SyntaxNode* node = root.find(section);
    if (!node || !is_mapping(*node, fmt::format("'{}'", section))) return;
    for (const auto& entry : node->entries) {
      if (valid_name(entry.key)) each(entry.key, entry.value);
    }
  }

  template <class F>
  void items(const SyntaxNode& node, std::string_view what, F&& each) {
    if (node.kind != SyntaxNode::Kind::sequence) {
      error("wrong-type", node.span, fmt::format("'{}' is a list", what));
      return;
    }
    for (const SyntaxNode& item : node.items) each(item);
  }

  bool valid_name(const LocatedText& name) {
    const std::string& text = name.value();
    bool ok = !text.empty() && (std::isalpha(static_cast<unsigned char>(text[0])) != 0 || text[0] == '_');
    for (const char c : text) ok = ok && (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_');
    if (!ok) {
      error("bad-name", name.whole(),
            fmt::format("'{}' is no name; names are letters, digits and _, no digit first", text));
    }
    return ok;
  }

  // Every key of `node` is one of the table's or of `more`.
  void known_keys(const SyntaxNode& node, std::string_view what, const OptionTable& table,
                  std::vector<std::string_view> more) {
    for (const OptionEntry& entry : table.entries()) more.push_back(entry.name);
    for (const auto& entry : node.entries) {
      const std::string& key = entry.key.value();
      if (std::find(more.begin(), more.end(), key) == more.end()) {
        error("unknown-key", entry.key.whole(),
              fmt::format("{} has no key '{}'{}", what, key, did_you_mean(key, more)));
      }
    }
  }

  void param(const LocatedText& name, const SyntaxNode& node, PipelineSpec& spec) {
    if (!is_mapping(node, fmt::format("param '{}'", name.value()))) return;
    struct Form {
      LocatedText type;
      std::optional<LocatedText> value;
    };
    static const OptionTable table = Options<Form>{}
                                         .required("type", &Form::type, "its type")
                                         .optional("default", &Form::value, "", "its value where none is given")
                                         .table();
    Form form;
    if (!table.decode(node, &form, fmt::format("param '{}'", name.value()), context_)) return;
    ParamSpec param;
    param.name = name;
    param.place = node.span;
    param.type_text = form.type;
    param.value = form.value;
    TypeSyntaxError fault;
    if (const auto type = parse_type(form.type.value(), fault)) {
      param.type = *type;
      spec.params.push_back(std::move(param));
    } else {
      error("bad-type", form.type.span(fault.begin, fault.end), fault.message);
    }
  }

  // The one key of `node` that names an entry of the catalog, with its value.
  template <class D>
  std::pair<const D*, const SyntaxNode::Entry*> kind_of(const SyntaxNode& node, std::span<const D> all,
                                                        std::string_view what, std::string_view noun) {
    std::pair<const D*, const SyntaxNode::Entry*> found{nullptr, nullptr};
    for (const auto& entry : node.entries) {
      for (const D& one : all) {
        if (entry.key.value() != one.name) continue;
        if (found.first) {
          error("two-kinds", entry.key.whole(),
                fmt::format("{} has two {}s, '{}' and '{}'; take one away", what, noun, found.first->name, one.name));
        } else {
          found = {&one, &entry};
        }
      }
    }
    return found;
  }

  // The format's own options stand beside `format:` among the others.
  template <class S>
  void format_of(const SyntaxNode& node, bool takes_format, std::string_view default_format, std::string_view what,
                 std::vector<std::string_view> known, const OptionTable& common, S& spec) {
    const SyntaxNode* named = node.find("format");
    if (named) {
      spec.format_place = named->span;
      if (!takes_format) {
        error("format-not-taken", named->span, fmt::format("{} takes no format", what));
      } else if (named->kind != SyntaxNode::Kind::scalar) {
        error("wrong-type", named->span, "a format is a name");
      } else if (!(spec.format = catalog_.format(named->text.value()))) {
        const auto names = names_of(catalog_.formats());
        error("unknown-format", named->span,
              fmt::format("there is no format '{}'{}", named->text.value(), did_you_mean(named->text.value(), names)));
      }
    } else if (takes_format) {
      spec.format = catalog_.format(default_format);
      spec.format_place = node.span;
    }
    known.push_back("format");
    if (spec.format) {
      for (const OptionEntry& entry : spec.format->options.entries()) known.push_back(entry.name);
    }
    known_keys(node, what, common, known);
    if (spec.format && spec.format->decode) {
      SyntaxNode own;
      own.kind = SyntaxNode::Kind::mapping;
      own.span = node.span;
      for (const auto& entry : node.entries) {
        if (spec.format->options.find(entry.key.value())) own.entries.push_back(entry);
      }
      spec.format_options = spec.format->decode(own, what, context_);
    }
  }

  std::optional<SourceSpec> source(const LocatedText& name, const SyntaxNode& node, bool table) {
    const std::string what = fmt::format("{} '{}'", table ? "table" : "source", name.value());
    if (!is_mapping(node, what)) return std::nullopt;
    SourceSpec spec;
    spec.name = name;
    spec.place = node.span;
    const auto [kind, entry] = kind_of(node, catalog_.sources(), what, "kind");
    std::vector<std::string_view> known = names_of(catalog_.sources());
    if (table) known.push_back("rows");
    const SyntaxNode* rows = table ? node.find("rows") : nullptr;
    if (rows) {
      spec.rows.emplace();
      Codec<RowNodes>::decode(*rows, *spec.rows, context_);
    }
    format_of(node, kind ? kind->takes_format : false, "text", what, known, SourceCommon::options(), spec);
    SourceCommon::options().decode_known(node, &spec.common, what, context_);
    if (!kind && !rows) {
      error(
          "missing-kind", name.whole(),
          fmt::format("{} does not say what it reads; one of {}", what, fmt::join(names_of(catalog_.sources()), ", ")));
      return std::nullopt;
    }
    if (kind) {
      spec.kind = kind;
      spec.kind_place = entry->key.whole();
      spec.options = kind->decode(entry->value, fmt::format("source kind '{}'", kind->name), context_);
      if (!spec.options) return std::nullopt;
    }
    return spec;
  }

  std::optional<StepSpec> step(const SyntaxNode& node) {
    StepSpec spec;
    spec.place = node.span;
    SyntaxNode none;
    none.span = node.span;
    const SyntaxNode* arguments = &none;
    LocatedText name;
    if (node.kind == SyntaxNode::Kind::scalar) {
      name = node.text;
    } else if (node.kind == SyntaxNode::Kind::mapping && node.entries.size() == 1) {
      name = node.entries[0].key;
      arguments = &node.entries[0].value;
      spec.place = name.whole();
    } else {
      error("bad-step", node.span,
            node.kind == SyntaxNode::Kind::mapping && node.entries.size() > 1
                ? "a step is one key and its arguments; quote the whole expression if YAML cut it, or begin a new '- '"
                : "a step is one key and its arguments");
      return std::nullopt;
    }
    spec.kind = catalog_.transform(name.value());
    if (!spec.kind) {
      const auto names = names_of(catalog_.transforms());
      error("unknown-step", name.whole(),
            fmt::format("there is no step '{}'{}", name.value(), did_you_mean(name.value(), names)));
      return std::nullopt;
    }
    spec.options = spec.kind->decode(*arguments, fmt::format("step '{}'", name.value()), context_);
    if (!spec.options) return std::nullopt;
    return spec;
  }

  void stream(const LocatedText& name, const SyntaxNode& node, PipelineSpec& spec) {
    const std::string what = fmt::format("stream '{}'", name.value());
    if (!is_mapping(node, what)) return;
    struct Form {
      std::vector<StreamName> from;
      std::optional<OnError> on_error;
    };
    static const OptionTable table = Options<Form>{}
                                         .required("from", &Form::from, "what it reads; a list is a union")
                                         .optional("on_error", &Form::on_error, "the pipeline's", "fail, drop or route")
                                         .table();
    known_keys(node, what, table, {"steps"});
    Form form;
    table.decode_known(node, &form, what, context_);
    StreamSpec made;
    made.name = name;
    made.place = node.span;
    made.from = std::move(form.from);
    made.on_error = form.on_error;
    if (const SyntaxNode* steps = node.find("steps")) {
      items(*steps, "steps", [&](const SyntaxNode& item) {
        if (auto one = step(item)) {
          made.steps.push_back(std::move(*one));
        } else {
          broken_streams_.insert(name.value());
        }
      });
    }
    // A stream with a faulty step has no schema that others could be checked against.
    if (broken_streams_.contains(name.value())) made.from.clear();
    spec.streams.push_back(std::move(made));
  }

  void output(const SyntaxNode& node, PipelineSpec& spec) {
    const SyntaxNode* name = node.kind == SyntaxNode::Kind::mapping ? node.find("name") : nullptr;
    const std::string what =
        name && name->kind == SyntaxNode::Kind::scalar ? fmt::format("output '{}'", name->text.value()) : "this output";
    if (!is_mapping(node, what)) return;
    OutputSpec made;
    made.place = node.span;
    const auto [kind, entry] = kind_of(node, catalog_.sinks(), what, "sink");
    format_of(node, kind ? kind->takes_format : true, "json", what, names_of(catalog_.sinks()), OutputCommon::options(),
              made);
    const bool common_ok = OutputCommon::options().decode_known(node, &made.common, what, context_);
    if (!kind) {
      error(
          "missing-kind", node.span,
          fmt::format("{} does not say where it writes; one of {}", what, fmt::join(names_of(catalog_.sinks()), ", ")));
      return;
    }
    made.kind = kind;
    made.kind_place = entry->key.whole();
    made.options = kind->decode(entry->value, fmt::format("sink '{}'", kind->name), context_);
    if (made.options && common_ok && valid_name(made.common.name)) spec.outputs.push_back(std::move(made));
  }

  bool batches(const SyntaxNode& node, std::vector<RowNodes>& out) {
    if (node.kind != SyntaxNode::Kind::sequence) {
      error("wrong-type", node.span, "batches are a list of lists of rows: [[{a: 1}], []]");
      return false;
    }
    bool ok = true;
    for (const SyntaxNode& batch : node.items) ok = Codec<RowNodes>::decode(batch, out.emplace_back(), context_) && ok;
    return ok;
  }

  void test(const SyntaxNode& node, PipelineSpec& spec) {
    if (!is_mapping(node, "a test")) return;
    static const std::vector<std::string_view> known = {"name", "params", "tables", "sources", "expect"};
    known_keys(node, "a test", OptionTable{}, known);
    TestSpec made;
    made.place = node.span;
    if (const SyntaxNode* name = node.find("name"); name && name->kind == SyntaxNode::Kind::scalar)
      made.name = name->text;
    if (const SyntaxNode* params = node.find("params"); params && is_mapping(*params, "'params'")) {
      for (const auto& entry : params->entries) made.params.emplace_back(entry.key, entry.value.text);
    }
    if (const SyntaxNode* tables = node.find("tables"); tables && is_mapping(*tables, "'tables'")) {
      for (const auto& entry : tables->entries) {
        RowNodes rows;
        if (Codec<RowNodes>::decode(entry.value, rows, context_)) made.tables.emplace_back(entry.key, std::move(rows));
      }
    }
    if (const SyntaxNode* sources = node.find("sources"); sources && is_mapping(*sources, "'sources'")) {
      for (const auto& entry : sources->entries) {
        std::vector<RowNodes> rows;
        if (batches(entry.value, rows)) made.sources.emplace_back(entry.key, std::move(rows));
      }
    }
    const SyntaxNode* expect = node.find("expect");
    if (!expect) {
      error("missing-key", node.span, "a test has no 'expect'");
    } else if (is_mapping(*expect, "'expect'")) {
      for (const auto& entry : expect->entries) expected(entry.key, entry.value, made);
    }
    spec.tests.push_back(std::move(made));
  }

  void expected(const LocatedText& output, const SyntaxNode& node, TestSpec& test) {
    TestSpec::Expected made;
    made.output = output;
    const SyntaxNode* rows = &node;
    if (node.kind == SyntaxNode::Kind::mapping) {
      static const std::vector<std::string_view> known = {"ordered", "batches"};
      known_keys(node, "an expectation", OptionTable{}, known);
      if (const SyntaxNode* ordered = node.find("ordered")) Codec<bool>::decode(*ordered, made.ordered, context_);
      rows = node.find("batches");
      if (!rows) {
        error("missing-key", node.span, "an expectation has no 'batches'");
        return;
      }
    }
    if (batches(*rows, made.batches)) test.expect.push_back(std::move(made));
  }

  const Catalog& catalog_;
  DecodeContext& context_;
  std::set<std::string> broken_streams_;
};

}  // namespace

const OptionTable& SourceCommon::options() {
  static const OptionTable table =
      Options<SourceCommon>{}
          .optional("schema", &SourceCommon::schema, "",
                    "names and types of the columns, or the path of a file of them")
          .optional("on_error", &SourceCommon::on_error, "the pipeline's", "fail, drop or route")
          .optional("max_rate", &SourceCommon::max_rate, "", "records a second and partition", {1})
          .optional("max_batch_records", &SourceCommon::max_batch_records, "", "records a batch", {1})
          .optional("max_batch_bytes", &SourceCommon::max_batch_bytes, "", "bytes a batch", {1})
          .optional("partitions", &SourceCommon::partitions, "the pipeline's", "partitions of a batch", {1, 65536})
          .optional("refresh", &SourceCommon::refresh, "", "of a table: how often it is read again")
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
          .optional("retry", &OutputCommon::retry, "", "tries again after a failure")
          .table();
  return table;
}

const OptionTable& CheckpointOption::options() {
  static const OptionTable table =
      Options<CheckpointOption>{}
          .required("path", &CheckpointOption::path, "a folder")
          .optional("interval", &CheckpointOption::interval, "10s", "between state versions")
          .table();
  return table;
}

PipelineSpec bind_spec(const SyntaxNode& root, const Catalog& catalog, const std::string& file_name,
                       DecodeContext& context) {
  return Binder(catalog, context).bind(root, file_name);
}

}  // namespace streamrun
