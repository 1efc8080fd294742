// What a sink is. Rows are made into bytes and staged during the pass, in order; publishing them is the
// output's job, when its turn has come.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/result.h"
#include "runner/data/record_batch.h"
#include "runner/operator/connector.h"
#include "runner/operator/environment.h"
#include "runner/operator/format.h"
#include "runner/operator/kernel.h"
#include "runner/operator/name_shape.h"
#include "runner/operator/options.h"

namespace streamrun {

// Bytes of some rows of one morsel. `route` says which file (or topic) of the sink they go to.
struct StagedRows {
  std::string route;
  std::string bytes;
  std::uint64_t rows = 0;
};

// What stands of an output, by a name of the sink's own (a path): data, for the batch log.
struct OutputMark {
  std::string key;
  std::string value;  // JSON
};

// One output's part of the batch log. Thread-safe; outlives the sink.
class OutputLog {
 public:
  virtual ~OutputLog() = default;
  // What stood when the last batch committed, which start() sees to that it stands again; what a batch without a commit
  // has announced is among it.
  virtual const std::vector<OutputMark>& marks() const = 0;
  // A former run has committed batches.
  virtual bool goes_on() const = 0;
  // Batches up to this one were begun by a former run, which did not commit them: they come again, with the same rows.
  virtual std::optional<BatchTime> again_until() const = 0;
  // Durable when it returns: how what `batch` is about to change is now. Of what has no mark yet.
  virtual Result<> announce(BatchTime batch, const std::vector<OutputMark>& before) = 0;
  // What stands when `batch` is published; durable with its commit.
  virtual void stand(BatchTime batch, std::vector<OutputMark> marks) = 0;
};

// What one output has for one batch. One thread at a time.
class Stage {
 public:
  virtual ~Stage() = default;
  // In order. After a failure `rows` holds what was not taken, for another try.
  virtual Result<> append(StagedRows&& rows) = 0;
  // All rows are staged: makes them visible. After a failure it may be called again, and goes on so that
  // nothing that the guarantee forbids is repeated; unless the error is fatal.
  virtual Result<> publish() = 0;
  // The batch failed: leaves nothing behind of what may not stay.
  virtual void discard() = 0;
  // Bytes that `drain` could free; 0 for sinks that cannot publish before the pass has ended.
  virtual std::size_t drainable() const { return 0; }
  virtual Result<> drain() { return {}; }
};

class Sink {
 public:
  virtual ~Sink() = default;
  // Any thread: the selected rows as bytes, in order, appended to `out` (one entry a route). Rows that fail
  // (an expression in a path) are left out and in context.eval.errors.
  virtual void encode(const RecordBatch& batch, KernelContext& context, std::vector<StagedRows>& out) const = 0;
  // Opens what is written to; called before the first batch, and again if that fails for a while. `log`: null without a
  // checkpoint.
  virtual Result<> start(OutputLog* log) { return static_cast<void>(log), Result<>(); }
  // Once started with a log: the last batch that it has published for good, so that it comes again and changes nothing.
  virtual std::optional<BatchTime> stands() const { return std::nullopt; }
  virtual Result<std::unique_ptr<Stage>> stage(BatchTime batch) = 0;
  // From another thread: a publish that waits for the outside world gives up.
  virtual void interrupt() {}
  // Behind the last batch.
  virtual Result<> close() { return {}; }
};

struct SinkBindContext {
  std::string name;                    // of the output
  std::string pipeline;                // its name
  const Schema* schema = nullptr;      // of `from`, hidden columns included
  std::vector<std::uint32_t> columns;  // what is written, by position in the schema
  const FormatDescriptor* format = nullptr;
  OptionsPtr format_options;
  const Params* params = nullptr;
  std::function<void(std::string_view)> param_used;
  bool allow_exec = false;
  bool checkpoint = false;  // the pipeline has one: what it can do once, it does once
  Diagnostics& diagnostics;
  Span place;
};

// A file that a sink writes, or a pattern of files: what varies stands in it as it was written, {…} or %….
struct WrittenPath {
  std::string path;
  bool fixed = true;  // no part of it varies
  NameShape shape;
  Span span;
};

struct BoundSink {
  std::vector<std::uint32_t> reads;  // columns that it needs beside those it writes
  bool can_fail = false;             // rows may be rejected
  bool drains = false;               // may publish while the pass goes on
  std::vector<WrittenPath> writes;
  // What it writes together with other outputs (standard output): these publish in the order written.
  std::string_view shares;
  std::string detail;
  std::string guarantee;      // `at least once`, and what is seen of a batch that fails
  bool exactly_once = false;  // with a checkpoint
  bool stands = false;        // what it has published of a batch stays as it is, should the batch come again
  bool writes_empty = false;  // it does something for a batch without rows
  std::function<std::unique_ptr<Sink>(const Environment&)> open;
};

using SinkDescriptor = ConnectorDescriptor<SinkBindContext, BoundSink>;

}  // namespace streamrun
