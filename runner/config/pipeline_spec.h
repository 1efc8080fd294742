// A pipeline file, typed: names are not yet resolved, expressions not yet parsed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runner/base/diagnostic.h"
#include "runner/base/syntax_tree.h"
#include "runner/operator/catalog.h"

namespace streamrun {

enum class OnError : std::uint8_t { fail, drop, route };

template <>
struct EnumNames<OnError> {
  static constexpr std::pair<std::string_view, OnError> names[] = {
      {"fail", OnError::fail}, {"drop", OnError::drop}, {"route", OnError::route}};
};

// The formats of what names none.
constexpr std::string_view kSourceFormat = "text";
constexpr std::string_view kOutputFormat = "json";

// Options that every source and table has beside its kind.
struct SourceCommon {
  std::optional<SchemaOption> schema;
  std::optional<OnError> on_error;
  std::optional<std::uint64_t> max_rate;
  std::optional<std::uint64_t> max_batch_records;
  std::optional<ByteSize> max_batch_bytes;
  std::optional<std::uint32_t> partitions;
  std::optional<Duration> refresh;  // of tables
  static const OptionTable& options();
  static const OptionTable& table_options();
};

struct SourceSpec {
  LocatedText name;
  const SourceDescriptor* kind = nullptr;  // null: faulty, diagnosed; the name is known all the same
  OptionsPtr options;
  Span kind_place;
  const FormatDescriptor* format = nullptr;
  OptionsPtr format_options;
  Span format_place;
  SourceCommon common;
};

struct StepSpec {
  const TransformDescriptor* kind = nullptr;
  OptionsPtr options;
  Span place;
};

struct StreamSpec {
  LocatedText name;
  std::vector<StreamName> from;
  std::vector<StepSpec> steps;  // those before the first faulty one
  std::optional<OnError> on_error;
  bool faulty = false;  // diagnosed; what it would give is not known
};

struct RetryOption {
  std::uint32_t times = 3;
  Duration backoff{1000};
  static const OptionTable& options();
};

// Options that every output has beside its sink.
struct OutputCommon {
  Identifier name;
  StreamName from;
  std::optional<std::vector<NameText>> columns;
  std::vector<Identifier> after;
  std::optional<ExprText> when;
  std::optional<RetryOption> retry;
  static const OptionTable& options();
};

struct OutputSpec {
  Span place;
  OutputCommon common;                   // what could be read of it
  const SinkDescriptor* kind = nullptr;  // null: faulty, diagnosed
  OptionsPtr options;
  Span kind_place;
  const FormatDescriptor* format = nullptr;
  OptionsPtr format_options;
  Span format_place;
};

struct ParamSpec {
  LocatedText name;
  Type type;                        // void: faulty, diagnosed
  std::optional<SyntaxNode> value;  // the default
  bool used_in_text = false;        // by `${name}`
};

// A test of the pipeline: rows by batch.
struct TestSpec {
  struct Expected {
    bool ordered = true;
    std::vector<RowNodes> batches;
    static const OptionTable& options();
  };
  LocatedText name;
  Span place;
  NamedValues<LocatedText> params;
  NamedValues<RowNodes> tables;
  NamedValues<std::vector<RowNodes>> sources;
  NamedValues<Expected> expect;  // by output
  static const OptionTable& options();
};

template <>
struct Codec<TestSpec::Expected> {
  static Shape shape();
  static bool decode(const SyntaxNode& node, TestSpec::Expected& out, DecodeContext& context);
};

// What a batch may put on disk while it runs.
struct SpoolOption {
  std::string path;
  std::optional<ByteSize> size;
  static const OptionTable& options();
};

struct PipelineSpec {
  std::string name;
  std::shared_ptr<const SourceText> text;  // without secrets
  Duration batch_interval{0};
  std::uint32_t concurrent_outputs = 1;
  std::optional<std::uint32_t> parallelism;
  std::optional<ByteSize> memory;
  std::uint32_t partitions = 8;
  OnError on_error = OnError::fail;
  SpoolOption spool;
  std::vector<ParamSpec> params;
  std::vector<SourceSpec> sources;
  std::vector<SourceSpec> tables;
  std::vector<StreamSpec> streams;
  std::vector<OutputSpec> outputs;
  std::vector<TestSpec> tests;
  Span place;
  // A section could not be read, so that what seems to be missing may stand there.
  bool incomplete = false;
};

// The form of the whole file: its scalars and its sections.
const OptionTable& pipeline_options();

// Finds every fault of form; the rest is of use to `resolve` even where there are some.
PipelineSpec bind_spec(const SyntaxNode& root, const Catalog& catalog, const std::string& file_name,
                       DecodeContext& context);

}  // namespace streamrun
