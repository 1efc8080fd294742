// Each partition through a program: it is fed the partition's rows, and what it prints are the rows behind the step.
// One phase collects what is fed, the next one runs the programs, side by side on the worker threads, and keeps what
// they print; the third one reads that.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "operators/builtin_catalog.h"
#include "runner/operator/byte_spool.h"
#include "runner/operator/child_program.h"
#include "runner/operator/format_option.h"
#include "runner/operator/line_origin.h"
#include "runner/operator/projection.h"
#include "runner/operator/record_reader.h"
#include "runner/operator/record_store.h"
#include "runner/operator/row_encoder.h"

namespace streamrun {
namespace {

struct PipeOptions {
  ProgramCommand command;
  std::optional<SchemaOption> schema;
  FormatOption format;
};

struct PipeSpec {
  std::string owner;  // `stream 's'`
  std::vector<std::string> command;
  std::uint32_t inputs = 0;      // columns of the input, hidden ones included
  std::uint32_t written = 0;     // of them, those that are written
  std::uint32_t partitions = 0;  // 0: those that have rows
  std::shared_ptr<const RowEncoder> encoder;
  std::shared_ptr<BufferPool> buffers = std::make_shared<BufferPool>();
};

// What the program of one partition printed. It travels as the origin of the one row that stands for it, which has no
// columns.
class Printed final : public Origin {
 public:
  Printed(PartitionIndex of, const std::string& owner, std::shared_ptr<SpoolPool> pool)
      : partition(of),
        name(std::make_shared<const std::string>(fmt::format("pipe of {}[{}]", owner, of.value))),
        records(std::move(pool)) {}

  std::string place(std::uint32_t) const override { return *name; }
  const std::string_view* raw(std::uint32_t) const override { return nullptr; }
  ColumnPtr hidden(std::string_view, std::uint32_t, std::uint32_t) const override { return nullptr; }

  const PartitionIndex partition;
  const std::shared_ptr<const std::string> name;
  RecordStore records;
};

class ProgramOutput final : public ByteInput {
 public:
  explicit ProgramOutput(ChildProgram& program) : program_(program) {}
  Result<std::size_t> read(char* into, std::size_t size) override { return program_.read(into, size); }

 private:
  ChildProgram& program_;
};

using Written = std::map<std::uint32_t, std::string>;  // by partition

struct FeedLocal final : BreakerLocal {
  Written written;
};
struct FeedPartial final : BreakerPartial {
  std::size_t bytes() const override {
    std::size_t total = 0;
    for (const auto& [partition, bytes] : written) total += bytes.capacity();
    return total;
  }
  Written written;
};

// The rows of each partition as bytes; a chunk runs the program of one.
class FeedRun final : public BreakerRun {
 public:
  FeedRun(const PipeSpec& spec, const BreakerResources& resources) : spec_(spec), resources_(resources) {}

  std::unique_ptr<BreakerLocal> local() override { return std::make_unique<FeedLocal>(); }

  void add(BreakerLocal& local, RecordBatch&& batch, MorselIndex, KernelContext&) override {
    std::string& bytes = static_cast<FeedLocal&>(local).written[batch.partition.value];
    spec_.encoder->encode(spec_.encoder->pick(batch), batch.selection, bytes);
  }

  std::unique_ptr<BreakerPartial> end_morsel(BreakerLocal& local) override {
    auto partial = std::make_unique<FeedPartial>();
    partial->written = std::exchange(static_cast<FeedLocal&>(local).written, {});
    return partial;
  }

  Result<> merge(std::unique_ptr<BreakerPartial> partial) override {
    for (auto& [partition, bytes] : static_cast<FeedPartial&>(*partial).written) {
      if (auto added = of(partition).append(std::move(bytes)); !added) return added;
    }
    return {};
  }

  Result<> finish(std::vector<std::unique_ptr<BreakerLocal>>) override {
    for (std::uint32_t partition = 0; partition < spec_.partitions; ++partition) of(partition);
    for (const auto& [partition, rows] : rows_) order_.push_back(partition);
    return {};
  }

  std::uint32_t partitions() const override { return order_.empty() ? 0 : order_.back() + 1; }
  std::uint32_t chunks() const override { return static_cast<std::uint32_t>(order_.size()); }

  Result<RecordBatch> chunk(std::uint32_t index, KernelContext& context) override {
    const PartitionIndex partition(order_[index]);
    auto printed = std::make_shared<Printed>(partition, spec_.owner, resources_.spools);
    if (auto done = run(*rows_.at(partition.value), *printed, context); !done) {
      return failure_of(fmt::format("partition {}", partition.value), done.error());
    }
    RecordBatch batch;
    batch.rows = 1;
    batch.selection = Selection::all(1);
    batch.partition = partition;
    batch.origin = std::move(printed);
    return batch;
  }

 private:
  ByteSpool& of(std::uint32_t partition) {
    std::unique_ptr<ByteSpool>& rows = rows_[partition];
    if (!rows) rows = std::make_unique<ByteSpool>(resources_.spools);
    return *rows;
  }

  Result<> run(ByteSpool& rows, Printed& printed, const KernelContext& context) const {
    const ProgramInput input{spec_.encoder->header(), &rows};
    auto program = ChildProgram::start({spec_.command, {}, true}, input, [&context] { return context.stopping(); });
    if (!program) return pass_on(program);
    RecordReader reader(std::make_unique<ProgramOutput>(**program), printed.name, spec_.buffers,
                        spec_.encoder->framing(), {});
    if (auto read = printed.records.fill(reader); !read) return read;
    const auto unread = (*program)->finish();
    if (!unread) return pass_on(unread);
    if (*unread != 0 && resources_.warn) {
      resources_.warn(fmt::format("{}: {}", *printed.name,
                                  unread_warning(spec_.command[0], *unread, input.size(), context.eval.batch)));
    }
    rows.clear();
    return {};
  }

  const PipeSpec& spec_;
  const BreakerResources resources_;
  std::map<std::uint32_t, std::unique_ptr<ByteSpool>> rows_;
  std::vector<std::uint32_t> order_;  // the partitions, once finished
};

class Feed final : public Breaker {
 public:
  explicit Feed(PipeSpec spec) : spec_(std::move(spec)) {}

  std::unique_ptr<BreakerRun> start(const BreakerResources& resources) const override {
    return std::make_unique<FeedRun>(spec_, resources);
  }
  std::string describe() const override { return "write each partition"; }

 private:
  PipeSpec spec_;
};

// Of a record that was printed. The source's own hidden columns are not its.
class PrintedOrigin final : public Origin {
 public:
  explicit PrintedOrigin(LineOrigin line) : line_(std::move(line)) {}
  std::string place(std::uint32_t record) const override { return line_.place(record); }
  const std::string_view* raw(std::uint32_t record) const override { return line_.raw(record); }
  ColumnPtr hidden(std::string_view, std::uint32_t, std::uint32_t) const override { return nullptr; }

 private:
  LineOrigin line_;
};

using AllPrinted = std::vector<std::shared_ptr<const Printed>>;

struct ReadLocal final : BreakerLocal {
  AllPrinted printed;
};
struct ReadPartial final : BreakerPartial {
  AllPrinted printed;
};

// A chunk is a morsel of records that were printed.
class ReadRun final : public BreakerRun {
 public:
  explicit ReadRun(const Decoder& decoder) : decoder_(decoder) {}

  std::unique_ptr<BreakerLocal> local() override { return std::make_unique<ReadLocal>(); }
  void add(BreakerLocal& local, RecordBatch&& batch, MorselIndex, KernelContext&) override {
    static_cast<ReadLocal&>(local).printed.push_back(std::static_pointer_cast<const Printed>(batch.origin));
  }
  std::unique_ptr<BreakerPartial> end_morsel(BreakerLocal& local) override {
    auto partial = std::make_unique<ReadPartial>();
    partial->printed = std::exchange(static_cast<ReadLocal&>(local).printed, {});
    return partial;
  }
  Result<> merge(std::unique_ptr<BreakerPartial> partial) override {
    for (auto& printed : static_cast<ReadPartial&>(*partial).printed) {
      for (const RecordStore::Morsel& morsel : printed->records.morsels()) chunks_.emplace_back(printed, &morsel);
      partitions_ = std::max(partitions_, printed->partition.value + 1);
    }
    return {};
  }
  Result<> finish(std::vector<std::unique_ptr<BreakerLocal>>) override { return {}; }

  std::uint32_t partitions() const override { return partitions_; }
  std::uint32_t chunks() const override { return static_cast<std::uint32_t>(chunks_.size()); }

  Result<RecordBatch> chunk(std::uint32_t index, KernelContext& context) override {
    const auto& [printed, morsel] = chunks_[index];
    auto raw = printed->records.read(*morsel);
    if (!raw) return pass_on(raw);
    RecordBatch batch;
    batch.rows = raw->size();
    batch.partition = printed->partition;
    batch.origin = std::make_shared<PrintedOrigin>(LineOrigin(printed->name, morsel->first_line, *raw, morsel->shifts));
    for (const RowError& fault : morsel->faults) context.eval.errors.add(fault);
    std::vector<std::uint32_t> skipped;
    const std::unique_ptr<DecodeScratch> scratch = decoder_.scratch();
    batch.columns = decoder_.decode(*raw, morsel->context, 0, batch.rows, scratch.get(), context.eval.errors, skipped);
    batch.selection = without(Selection::all(batch.rows), skipped);
    reject_failed(batch, context);
    return batch;
  }

 private:
  const Decoder& decoder_;
  std::vector<std::pair<std::shared_ptr<const Printed>, const RecordStore::Morsel*>> chunks_;
  std::uint32_t partitions_ = 0;
};

class Read final : public Breaker {
 public:
  explicit Read(std::unique_ptr<Decoder> decoder) : decoder_(std::move(decoder)) {}

  std::unique_ptr<BreakerRun> start(const BreakerResources&) const override {
    return std::make_unique<ReadRun>(*decoder_);
  }
  std::string describe() const override { return "read what programs print"; }

 private:
  const std::unique_ptr<Decoder> decoder_;
};

// The rows' columns in the format; null: diagnosed.
std::shared_ptr<const RowEncoder> bind_encoder(const PipeOptions& options, const BindContext& context) {
  const Schema& input = *context.inputs[0];
  const FormatDescriptor& format = *options.format.format;
  if (format.make_encoder && format.bare_value && input.columns.size() != 1) {
    context.diagnostics.error(
        "bad-format", options.format.place,
        fmt::format(
            "format {} writes one column, and the rows have {}; `map` them to one before, or write format: json",
            format.name, input.columns.size()));
    return nullptr;
  }
  std::vector<std::uint32_t> columns(input.columns.size());
  std::iota(columns.begin(), columns.end(), 0U);
  const SinkBindContext sink{.name = context.owner,
                             .pipeline = {},
                             .schema = &input,
                             .columns = std::move(columns),
                             .format = &format,
                             .format_options = options.format.options,
                             .params = context.params,
                             .param_used = context.param_used,
                             .allow_exec = context.allow_exec,
                             .diagnostics = context.diagnostics,
                             .place = options.format.place};
  return RowEncoder::bind(sink);
}

std::optional<BoundTransform> bind(const PipeOptions& options, BindContext& context) {
  if (!check_command(options.command, context.owner, context.allow_exec, context.place, context.diagnostics)) {
    return std::nullopt;
  }
  PipeSpec spec;
  spec.owner = context.owner;
  spec.command = options.command.argv;
  spec.inputs = context.inputs[0]->size();
  spec.written = static_cast<std::uint32_t>(context.inputs[0]->columns.size());
  spec.partitions = context.input_partitions;
  spec.encoder = bind_encoder(options, context);
  if (!spec.encoder) return std::nullopt;
  auto read = bind_format(*options.format.format, options.format.options.get(),
                          {.declared = options.schema ? &*options.schema : nullptr,
                           .source = "pipe",
                           .place = options.format.place,
                           .diagnostics = context.diagnostics});
  if (!read) return std::nullopt;
  BoundTransform bound;
  if (!context.allow_exec) {
    bound.output.columns = read->columns;
    return bound;
  }
  bound.detail = fmt::format("{}", fmt::join(options.command.argv, " "));
  const auto feed = [spec = std::move(spec)](const std::vector<bool>&) {
    std::vector<bool> needed(spec.inputs, false);
    std::fill_n(needed.begin(), spec.written, true);
    return MadeStep::of(std::make_unique<Feed>(spec), std::move(needed));
  };
  bound.step = {.make = feed, .keeps_origins = false};
  bound.then = std::make_unique<BoundTransform>();
  bound.then->output.columns = read->columns;
  bound.then->detail = bound.detail;
  bound.then->can_fail = true;
  const auto print = [make_decoder = std::move(read->make_decoder)](const std::vector<bool>& wanted) {
    return MadeStep::of(std::make_unique<Read>(make_decoder(wanted)), std::vector<bool>());
  };
  bound.then->step = {.make = print};
  return bound;
}

OptionsPtr decode(const OptionTable& table, const SyntaxNode& node, std::string_view what, DecodeContext& context) {
  auto decoded = std::make_shared<PipeOptions>();
  const bool typed = node.find("schema") != nullptr;
  const bool good = decode_format(node, typed ? "json" : "text", what, context, decoded->format);
  const auto beside = format_keys(node, decoded->format.format, *context.catalog);
  SyntaxNode own = node;
  std::erase_if(own.entries, [&](const SyntaxNode::Entry& entry) {
    return entry.key.value() != "format" && std::ranges::find(beside, entry.key.value()) != beside.end();
  });
  if (!table.decode(own, decoded.get(), what, context) || !good) return nullptr;
  return decoded;
}

}  // namespace

TransformDescriptor describe_pipe() {
  auto made = describe_transform<PipeOptions>(
      "pipe", "each partition through a program; needs --allow-exec", "RDD.pipe, mapPartitions",
      "account string, amount double",
      "pipe: {command: [sed, s/test/live/], format: json, schema: {account: string, amount: double}}",
      Options<PipeOptions>{}
          .required("command", &PipeOptions::command,
                    "the program and its arguments; no shell reads them; it runs for a partition without rows, too")
          .optional("schema", &PipeOptions::schema, "",
                    "names and types of the columns that it prints, or the path of a file of them")
          .section("format", Shape::of_kind(Shape::Kind::text),
                   "of what it is fed and of what it prints, with its options beside it; default text, and json "
                   "where there is a schema")
          .table(),
      bind);
  made.decode = [table = made.options](const SyntaxNode& node, std::string_view what, DecodeContext& context) {
    return decode(table, node, what, context);
  };
  return made;
}

}  // namespace streamrun
