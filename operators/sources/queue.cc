// queueStream: batches that are written in the pipeline's file.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "operators/builtin_catalog.h"
#include "runner/data/node_rows.h"
#include "runner/operator/source.h"

namespace streamrun {
namespace {

struct QueueOptions {
  std::vector<RowNodes> batches;
  bool one_at_a_time = true;
  std::optional<RowNodes> default_rows;
};

struct Rows {
  std::vector<ColumnPtr> columns;
  std::uint32_t count = 0;
};

struct Queue {
  std::string name;
  std::vector<Rows> batches;
  std::optional<Rows> default_rows;
  bool one_at_a_time = true;
  std::uint32_t partitions = 1;

  // Null: the queue is empty.
  const Rows* batch(std::uint64_t i) const {
    if (i < batches.size()) return &batches[i];
    return default_rows ? &*default_rows : nullptr;
  }
};

class QueueOrigin final : public Origin {
 public:
  QueueOrigin(std::shared_ptr<const Queue> queue, std::uint64_t batch) : queue_(std::move(queue)), batch_(batch) {}
  std::string place(std::uint32_t record) const override {
    return fmt::format("{}[{}]:{}", queue_->name, batch_ + 1, record + 1);
  }
  const std::string_view* raw(std::uint32_t) const override { return nullptr; }
  ColumnPtr hidden(std::string_view, std::uint32_t, std::uint32_t) const override { return nullptr; }

 private:
  std::shared_ptr<const Queue> queue_;
  std::uint64_t batch_;
};

// The next row to come.
struct Cursor {
  std::uint64_t batch = 0;
  std::uint64_t row = 0;
  friend auto operator<=>(const Cursor&, const Cursor&) = default;
};

std::string to_text(Cursor c) {
  return fmt::format(R"({{"batch":{},"row":{}}})", c.batch, c.row);
}

Result<Cursor> to_cursor(const std::string& text) {
  unsigned long batch = 0;
  unsigned long row = 0;
  if (std::sscanf(text.c_str(), R"({"batch":%lu,"row":%lu})", &batch, &row) != 2) {
    return failure(fmt::format("'{}' is no place in a queue", text));
  }
  return Cursor{batch, row};
}

class QueueReader final : public RangeReader {
 public:
  QueueReader(std::shared_ptr<const Queue> queue, Cursor from, Cursor until)
      : queue_(std::move(queue)), at_(from), until_(until) {
    for (Cursor c = from; c < until; c = {c.batch + 1, 0}) total_ += end_of(c.batch) - c.row;
  }

  Result<bool> next(Morsel& morsel) override {
    while (at_ < until_ && at_.row == end_of(at_.batch)) at_ = {at_.batch + 1, 0};
    if (!(at_ < until_)) return false;
    while (done_ >= slice_end(partition_)) ++partition_;
    const Rows& rows = *queue_->batch(at_.batch);
    const std::uint64_t count = std::min<std::uint64_t>(
        {end_of(at_.batch) - at_.row, slice_end(partition_) - done_, std::uint64_t{kSliceRecords}});
    RecordBatch batch;
    batch.rows = static_cast<std::uint32_t>(count);
    batch.selection = Selection::all(batch.rows);
    batch.partition = PartitionIndex(partition_);
    batch.origin = std::make_shared<QueueOrigin>(queue_, at_.batch);
    batch.first_record = static_cast<std::uint32_t>(at_.row);
    if (count == rows.count) {
      batch.columns = rows.columns;
    } else {
      std::vector<std::uint32_t> numbers(count);
      for (std::uint32_t i = 0; i < batch.rows; ++i) numbers[i] = batch.first_record + i;
      for (const ColumnPtr& column : rows.columns) batch.columns.push_back(gather(column, numbers));
    }
    morsel.partition = batch.partition;
    morsel.origin = batch.origin;
    morsel.raw = {};
    morsel.rows = std::move(batch);
    at_.row += count;
    done_ += count;
    return true;
  }

 private:
  std::uint64_t end_of(std::uint64_t batch) const {
    if (batch == until_.batch) return until_.row;
    const Rows* rows = queue_->batch(batch);
    return rows == nullptr ? 0 : rows->count;
  }
  // The last slice ends at the last row, however the division goes.
  std::uint64_t slice_end(std::uint32_t partition) const {
    return (partition + std::uint64_t{1}) * total_ / queue_->partitions;
  }

  std::shared_ptr<const Queue> queue_;
  Cursor at_;
  Cursor until_;
  std::uint64_t total_ = 0;
  std::uint64_t done_ = 0;
  std::uint32_t partition_ = 0;
};

class QueueSource final : public Source {
 public:
  explicit QueueSource(std::shared_ptr<const Queue> queue) : queue_(std::move(queue)) {}

  Result<std::string> start() override { return to_text({}); }

  Result<SourceRange> plan(const std::string& from, const BatchLimits& limits, BatchTime) override {
    const auto begin = to_cursor(from);
    if (!begin) return pass_on(begin);
    Cursor at = *begin;
    std::uint64_t left = limits.records.value_or(~std::uint64_t{0});
    std::uint64_t taken = 0;
    while (left != 0) {
      const Rows* rows = queue_->batch(at.batch);
      if (rows == nullptr) break;
      const bool is_default = at.batch >= queue_->batches.size();
      if (is_default && at != *begin) break;
      const std::uint64_t count =
          std::min<std::uint64_t>(left, rows->count - std::min<std::uint64_t>(at.row, rows->count));
      taken += count;
      left -= count;
      at.row += count;
      if (at.row < rows->count) break;
      at = {at.batch + 1, 0};
      if (queue_->one_at_a_time) break;
    }
    SourceRange range;
    range.from = from;
    range.until = to_text(at);
    range.empty = taken == 0;
    range.exhausted = queue_->batch(at.batch) == nullptr;
    return range;
  }

  Result<std::unique_ptr<RangeReader>> read(const SourceRange& range) override {
    const auto from = to_cursor(range.from);
    if (!from) return pass_on(from);
    const auto until = to_cursor(range.until);
    if (!until) return pass_on(until);
    return std::make_unique<QueueReader>(queue_, *from, *until);
  }

  bool ended() const override { return !queue_->default_rows; }

 private:
  std::shared_ptr<const Queue> queue_;
};

std::optional<BoundSource> bind(const QueueOptions& options, SourceBindContext& context) {
  const std::size_t errors = context.diagnostics.error_count();
  auto queue = std::make_shared<Queue>();
  queue->name = context.name;
  queue->one_at_a_time = options.one_at_a_time;
  queue->partitions = std::max<std::uint32_t>(1, context.partitions);
  Schema schema;
  if (context.declared != nullptr) {
    schema = context.declared->schema;
  } else {
    Type type;
    for (const RowNodes& batch : options.batches) type = type_of_scalars(batch.rows, type);
    if (options.default_rows) type = type_of_scalars(options.default_rows->rows, type);
    schema.columns.push_back({"value", type.kind() == TypeKind::null ? Type(TypeKind::string) : type});
  }
  const auto rows_of = [&](const RowNodes& nodes) {
    Rows rows;
    rows.count = static_cast<std::uint32_t>(nodes.rows.size());
    if (context.declared != nullptr) {
      rows.columns = columns_of_rows(nodes.rows, schema, context.diagnostics);
    } else {
      rows.columns.push_back(column_of_scalars(nodes.rows, schema.columns[0].type, context.diagnostics));
    }
    return rows;
  };
  for (const RowNodes& batch : options.batches) queue->batches.push_back(rows_of(batch));
  if (options.default_rows) queue->default_rows = rows_of(*options.default_rows);
  if (context.diagnostics.error_count() != errors) return std::nullopt;

  BoundSource bound;
  bound.rows = std::move(schema);
  bound.bounded = !queue->default_rows;
  bound.partitions = queue->partitions;
  bound.detail = fmt::format("{} batches{}", queue->batches.size(), queue->default_rows ? ", then the default" : "");
  bound.open = [queue = std::shared_ptr<const Queue>(std::move(queue))](const Environment&) {
    return std::make_unique<QueueSource>(queue);
  };
  return bound;
}

}  // namespace

SourceDescriptor describe_queue_source() {
  return describe_source<QueueOptions>(
      "queue", "batches written in the pipeline's file (queueStream)", "queue: {batches: [[1, 2, 3], [4, 5]]}", false,
      Options<QueueOptions>{}
          .required("batches", &QueueOptions::batches, "a list of rows for each batch")
          .optional("one_at_a_time", &QueueOptions::one_at_a_time, "true", "false: the first batch takes all of them")
          .optional("default", &QueueOptions::default_rows, "",
                    "rows of every batch behind the last; it never ends then")
          .table(),
      &bind);
}

}  // namespace streamrun
