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
  bool receiver_log = false;
  std::optional<Duration> refresh;  // of tables
  static const OptionTable& options();
  static const OptionTable& table_options();
};

// A step `use: name`, in whose place a fragment's steps stand.
struct FragmentUse {
  std::string fragment;
  Span place;
};

struct StepSpec {
  const TransformDescriptor* kind = nullptr;
  OptionsPtr options;
  Span place;
  std::vector<FragmentUse> uses;  // that brought it here, that of the stream first
  std::string digest;             // of what is written
};

struct StreamSpec {
  LocatedText name;
  std::vector<StreamName> from;
  std::vector<StepSpec> steps;  // those before the first faulty one
  std::optional<OnError> on_error;
  bool faulty = false;  // diagnosed; what it would give is not known
};

struct SourceSpec {
  LocatedText name;
  std::string digest;                      // of what is written
  const SourceDescriptor* kind = nullptr;  // null: faulty, diagnosed; the name is known all the same
  OptionsPtr options;
  Span kind_place;
  const FormatDescriptor* format = nullptr;
  OptionsPtr format_options;
  Span format_place;
  SourceCommon common;
  std::optional<StreamSpec> stream;  // of a table with steps: them, over what it reads (`from` is empty)
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
  std::string digest;                    // of what is written
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

// Where a crash is made, in tests: a batch has an intent, is computed, each of its outputs publishes it, it is
// committed.
enum class CrashPoint : std::uint8_t { after_intent, after_compute, before_publish, after_publish, after_commit };

template <>
struct EnumNames<CrashPoint> {
  static constexpr std::pair<std::string_view, CrashPoint> names[] = {{"after-intent", CrashPoint::after_intent},
                                                                      {"after-compute", CrashPoint::after_compute},
                                                                      {"before-publish", CrashPoint::before_publish},
                                                                      {"after-publish", CrashPoint::after_publish},
                                                                      {"after-commit", CrashPoint::after_commit}};
};

// A test of the pipeline: rows by batch.
struct TestSpec {
  struct Expected {
    bool ordered = true;
    std::vector<RowNodes> batches;
    static const OptionTable& options();
  };
  struct Crash {
    std::uint64_t batch = 0;  // from 1
    CrashPoint at = CrashPoint::after_publish;
    static const OptionTable& options();
  };
  LocatedText name;
  Span place;
  NamedValues<LocatedText> params;
  NamedValues<RowNodes> tables;
  NamedValues<std::vector<RowNodes>> sources;
  NamedValues<Expected> expect;  // by output
  std::vector<Crash> crash;      // it goes on behind each
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

// Where what a restart goes on from is kept.
struct CheckpointOption {
  std::string path;
  std::optional<Duration> interval;  // between versions of the state
  std::uint32_t keep = 100;          // batches that can be replayed
  static const OptionTable& options();
};

// How the pipeline runs as a whole: its scalars.
struct RunSettings {
  std::string name;
  Duration batch_interval{1000};
  std::uint32_t concurrent_outputs = 1;
  std::optional<std::uint32_t> parallelism;  // always there once the pipeline is resolved, and so is
  std::optional<ByteSize> memory;            // of breakers and spools together
  std::uint32_t partitions = 8;
  OnError on_error = OnError::fail;
  SpoolOption spool;
  std::optional<CheckpointOption> checkpoint;
};

struct PipelineSpec {
  RunSettings settings;
  std::shared_ptr<const SourceText> text;  // without secrets
  std::vector<ParamSpec> params;
  std::vector<SourceSpec> sources;
  std::vector<SourceSpec> tables;
  std::vector<StreamSpec> streams;
  std::vector<OutputSpec> outputs;
  std::vector<TestSpec> tests;
  // Names that nothing in the file uses, and what they are: of fragments and connections.
  std::vector<std::pair<LocatedText, std::string_view>> unused;
  Span place;
  // A section could not be read, so that what seems to be missing may stand there.
  bool incomplete = false;
};

// The form of the whole file: its scalars and its sections.
const OptionTable& pipeline_options();

// A pipeline as it is written: its own file, and those that it includes.
struct WrittenPipeline {
  const SourceText& source;
  const SyntaxNode& root;
  const std::vector<const SyntaxNode*>& included;  // roots, in the order of their sections
  bool incomplete = false;                         // one could not be read; diagnosed
};

// Finds every fault of form; the rest is of use to `resolve` even where there are some.
PipelineSpec bind_spec(const WrittenPipeline& written, const Catalog& catalog, DecodeContext& context);

}  // namespace streamrun
