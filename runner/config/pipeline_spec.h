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

// Options that every source has beside its kind.
struct SourceCommon {
  std::optional<SchemaOption> schema;
  std::optional<OnError> on_error;
  std::optional<std::uint64_t> max_rate;
  std::optional<std::uint64_t> max_batch_records;
  std::optional<ByteSize> max_batch_bytes;
  std::optional<std::uint32_t> partitions;
  std::optional<Duration> refresh;  // of tables
  static const OptionTable& options();
};

struct SourceSpec {
  LocatedText name;
  Span place;
  const SourceDescriptor* kind = nullptr;
  OptionsPtr options;
  Span kind_place;
  const FormatDescriptor* format = nullptr;
  OptionsPtr format_options;
  Span format_place;
  SourceCommon common;
  // A table's rows that stand in the file.
  std::optional<RowNodes> rows;
};

struct StepSpec {
  const TransformDescriptor* kind = nullptr;
  OptionsPtr options;
  Span place;
};

struct StreamSpec {
  LocatedText name;
  Span place;
  std::vector<StreamName> from;
  Span from_place;
  std::vector<StepSpec> steps;
  std::optional<OnError> on_error;
};

struct RetryOption {
  std::uint32_t times = 3;
  Duration backoff{1000};
  static const OptionTable& options();
};

// Options that every output has beside its sink.
struct OutputCommon {
  LocatedText name;
  StreamName from;
  std::vector<NameText> columns;
  std::vector<LocatedText> after;
  std::optional<ExprText> when;
  std::optional<RetryOption> retry;
  static const OptionTable& options();
};

struct OutputSpec {
  Span place;
  OutputCommon common;
  const SinkDescriptor* kind = nullptr;
  OptionsPtr options;
  Span kind_place;
  const FormatDescriptor* format = nullptr;
  OptionsPtr format_options;
  Span format_place;
};

struct ParamSpec {
  LocatedText name;
  LocatedText type_text;
  Type type;
  std::optional<LocatedText> value;  // the default, as text
  Span place;
};

// A test of the pipeline: rows by batch.
struct TestSpec {
  struct Expected {
    LocatedText output;
    bool ordered = true;
    std::vector<RowNodes> batches;
  };
  LocatedText name;
  Span place;
  std::vector<std::pair<LocatedText, LocatedText>> params;
  std::vector<std::pair<LocatedText, RowNodes>> tables;
  std::vector<std::pair<LocatedText, std::vector<RowNodes>>> sources;
  std::vector<Expected> expect;
};

struct CheckpointOption {
  std::string path;
  std::optional<Duration> interval;
  static const OptionTable& options();
};

struct PipelineSpec {
  std::string name;
  Duration batch_interval{0};
  std::uint32_t concurrent_outputs = 1;
  std::optional<std::uint32_t> parallelism;
  std::uint32_t partitions = 8;
  OnError on_error = OnError::fail;
  std::optional<CheckpointOption> checkpoint;
  std::vector<ParamSpec> params;
  std::vector<SourceSpec> sources;
  std::vector<SourceSpec> tables;
  std::vector<StreamSpec> streams;
  std::vector<OutputSpec> outputs;
  std::vector<TestSpec> tests;
  Span place;
};

// Finds every fault of form; the rest is of use to `resolve` even where there are some.
PipelineSpec bind_spec(const SyntaxNode& root, const Catalog& catalog, const std::string& file_name,
                       DecodeContext& context);

}  // namespace streamrun
