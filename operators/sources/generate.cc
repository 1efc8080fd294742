// Made-up rows, at a rate.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "operators/builtin_catalog.h"
#include "runner/operator/source.h"

namespace streamrun {
namespace {

struct GenerateOptions {
  std::optional<std::uint64_t> rows_per_second;
  std::optional<std::uint64_t> total;
  NamedExprs columns;
};

struct Generator {
  std::string name;
  std::optional<std::uint64_t> rate;
  std::uint64_t total = ~std::uint64_t{0};
  std::vector<Expression> columns;  // over `_n`
  std::uint32_t partitions = 1;
  std::int64_t interval_ms = 1000;
  bool bounded = false;
};

class GenerateOrigin final : public Origin {
 public:
  GenerateOrigin(std::shared_ptr<const Generator> generator, std::uint64_t first, const std::vector<RowError>& faults)
      : generator_(std::move(generator)), first_(first) {
    for (const RowError& fault : faults) {
      Number& made = faulty_[fault.row];
      made.json = fmt::format(R"({{"_n":{}}})", first + fault.row);
      made.view = made.json;
    }
  }
  std::string place(std::uint32_t record) const override {
    return fmt::format("{}:{}", generator_->name, first_ + record);
  }
  const std::string_view* raw(std::uint32_t record) const override {
    const auto found = faulty_.find(record);
    return found == faulty_.end() ? nullptr : &found->second.view;
  }
  ColumnPtr hidden(std::string_view, std::uint32_t, std::uint32_t) const override { return nullptr; }

 private:
  struct Number {
    std::string json;
    std::string_view view;
  };

  std::shared_ptr<const Generator> generator_;
  std::uint64_t first_;
  std::map<std::uint32_t, Number> faulty_;  // rows without columns: all there is to show is their number
};

// The next row's number and the time of the batch that the range ends in, which the expressions may read.
struct Cursor {
  std::uint64_t n = 0;
  std::int64_t batch = 0;
};

std::string to_text(Cursor c) {
  return fmt::format(R"({{"n":{},"batch":{}}})", c.n, c.batch);
}

Result<Cursor> to_cursor(const std::string& text) {
  unsigned long n = 0;
  long batch = 0;
  if (std::sscanf(text.c_str(), R"({"n":%lu,"batch":%ld})", &n, &batch) != 2) {
    return failure(fmt::format("'{}' is no place among generated rows", text));
  }
  return Cursor{n, batch};
}

class GenerateReader final : public RangeReader {
 public:
  GenerateReader(std::shared_ptr<const Generator> generator, std::uint64_t from, std::uint64_t until, BatchTime batch)
      : generator_(std::move(generator)), from_(from), at_(from), until_(until), batch_(batch) {}

  Result<bool> next(Morsel& morsel) override {
    if (at_ >= until_) return false;
    while (at_ >= slice_end()) ++partition_;
    const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(kSliceRecords, slice_end() - at_));
    const MutableColumn numbers = Column::make(TypeKind::int64, count);
    for (std::uint32_t i = 0; i < count; ++i) numbers->values<std::int64_t>()[i] = static_cast<std::int64_t>(at_ + i);
    const ColumnPtr input[] = {numbers};
    EvalContext context;
    context.batch = batch_;
    context.seed_row = at_;
    RecordBatch rows;
    rows.rows = count;
    rows.selection = Selection::all(count);
    for (const Expression& expression : generator_->columns) {
      rows.columns.push_back(evaluate(expression, {input, count}, rows.selection, context));
    }
    morsel.faults = context.errors.take();
    rows.columns.push_back(numbers);
    rows.partition = PartitionIndex(partition_);
    rows.origin = std::make_shared<GenerateOrigin>(generator_, at_, morsel.faults);
    morsel.partition = rows.partition;
    morsel.origin = rows.origin;
    morsel.raw = {};
    morsel.rows = std::move(rows);
    at_ += count;
    return true;
  }

 private:
  std::uint64_t slice_end() const {
    const auto slice = static_cast<UInt128>(partition_ + 1) * (until_ - from_) / generator_->partitions;
    return from_ + static_cast<std::uint64_t>(slice);
  }

  std::shared_ptr<const Generator> generator_;
  std::uint64_t from_;
  std::uint64_t at_;
  std::uint64_t until_;
  BatchTime batch_;
  std::uint32_t partition_ = 0;
};

class GenerateSource final : public Source {
 public:
  explicit GenerateSource(std::shared_ptr<const Generator> generator) : generator_(std::move(generator)) {}

  Result<std::string> start(const std::optional<std::string>& resume) override {
    return begin_at(resume, to_text({}), to_cursor);
  }

  Result<SourceRange> plan(const std::string& from, const BatchLimits& limits, BatchTime batch) override {
    const auto begin = to_cursor(from);
    if (!begin) return pass_on(begin);
    std::uint64_t count = generator_->total - std::min(generator_->total, begin->n);
    if (generator_->rate) count = std::min(count, due(batch));
    if (limits.records) count = std::min(count, *limits.records);
    if (limits.bytes) {
      // Rows have no bytes of their own: a number stands for a row.
      count = std::min(count, std::max<std::uint64_t>(1, *limits.bytes / sizeof(std::int64_t)));
    }
    SourceRange range;
    range.from = from;
    range.empty = count == 0;
    range.exhausted = begin->n + count >= generator_->total;
    // Without rows its time goes on, until there will be none: then a batch has nothing to take.
    range.until = range.empty && range.exhausted ? from : to_text({begin->n + count, batch.value});
    range.made_up = !generator_->bounded;
    return range;
  }

  Result<std::unique_ptr<RangeReader>> read(const SourceRange& range) override {
    const auto cursors = cursors_of(range, to_cursor);
    if (!cursors) return pass_on(cursors);
    const auto& [from, until] = *cursors;
    return std::make_unique<GenerateReader>(generator_, from.n, until.n, BatchTime(until.batch));
  }

  std::optional<RangeSize> size_of(const SourceRange& range) const override {
    const auto cursors = cursors_of(range, to_cursor);
    if (!cursors || !generator_->bounded) return std::nullopt;
    return RangeSize{cursors->second.n - cursors->first.n, "records"};
  }

  bool ended() const override { return !generator_->rate; }

 private:
  // Rows of the interval that ends at `batch`, counted from 1970 on: fractions add up over batches, and a
  // batch has the same rows whenever it is run.
  std::uint64_t due(BatchTime batch) const {
    const auto before = [&](std::int64_t ms) {
      return static_cast<std::uint64_t>(static_cast<UInt128>(std::max<std::int64_t>(0, ms)) * *generator_->rate / 1000);
    };
    return before(batch.value) - before(batch.value - generator_->interval_ms);
  }

  std::shared_ptr<const Generator> generator_;
};

std::optional<BoundSource> bind(const GenerateOptions& options, SourceBindContext& context) {
  if (!options.rows_per_second && !options.total) {
    context.diagnostics.error(
        "missing-option", context.place,
        "source 'generate' needs `total` or `rows_per_second`: without them it has no end at once");
    return std::nullopt;
  }
  if (context.declared != nullptr) {
    context.diagnostics.error("misplaced-key", context.declared->span,
                              "the columns of `generate` have the types of their expressions; write cast(… as type) "
                              "there, and no schema");
    return std::nullopt;
  }
  auto generator = std::make_shared<Generator>();
  generator->name = context.name;
  generator->rate = options.rows_per_second;
  generator->bounded = options.total.has_value();
  generator->total = options.total.value_or(std::uint64_t{1} << 62);
  generator->partitions = std::max<std::uint32_t>(1, context.partitions);
  generator->interval_ms = context.batch_interval.count();

  Schema input;
  input.columns.push_back({"_n", TypeKind::int64});
  Scope scope;
  scope.inputs.push_back({"", &input, false});
  scope.params = context.params;
  scope.owner = fmt::format("source '{}'", context.name);
  scope.param_used = context.param_used;
  Schema rows;
  bool good = true;
  for (const NamedExpr& column : options.columns) {
    auto compiled = compile_expression(column.expr.text, scope, context.diagnostics);
    if (!compiled) {
      good = false;
      continue;
    }
    rows.columns.push_back({column.name.value(), compiled->type()});
    generator->columns.push_back(std::move(*compiled));
  }
  if (!good) return std::nullopt;

  BoundSource bound;
  bound.hidden = input.columns;
  bound.rows = std::move(rows);
  bound.bounded = generator->bounded;
  bound.can_fail = std::any_of(generator->columns.begin(), generator->columns.end(),
                               [](const Expression& column) { return column.can_fail(); });
  bound.partitions = generator->partitions;
  bound.detail = options.rows_per_second ? fmt::format("{} rows a second", *options.rows_per_second) : "all at once";
  if (options.total) bound.detail += fmt::format(", {} in all", *options.total);
  bound.open = [generator = std::shared_ptr<const Generator>(std::move(generator))](const Environment&) {
    return std::make_unique<GenerateSource>(generator);
  };
  return bound;
}

}  // namespace

SourceDescriptor describe_generate_source() {
  return describe_connector<GenerateOptions>(
      "generate", "made-up rows, at a rate",
      "generate: {rows_per_second: 1000, total: 10000, columns: {id: _n, even: _n % 2 = 0}}", false,
      Options<GenerateOptions>{}
          .optional("rows_per_second", &GenerateOptions::rows_per_second, "", "without it, all of them at once",
                    {1, 1'000'000'000})
          .optional("total", &GenerateOptions::total, "", "how many rows in all; without it, it never ends",
                    {0, std::int64_t{1} << 62})
          .required("columns", &GenerateOptions::columns, "each column as an expression over `_n`, which counts from 0")
          .table(),
      &bind);
}

}  // namespace streamrun
