#include "runner/operator/written_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "runner/data/codec.h"
#include "runner/data/node_rows.h"

namespace streamrun {
namespace {

// Rows of a batch that follow each other and are written alike: they set the same hidden columns, so that each
// of those is there for all of them or for none.
struct Run {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  bool records = false;                                   // `raw` is to be decoded; else the rows have `columns`
  std::vector<ColumnPtr> columns;                         // visible
  std::vector<std::pair<std::string, ColumnPtr>> hidden;  // those that are set, but for `_raw`
  RawRecords raw;                                         // one a row where `_raw` is set
};

struct Batch {
  std::uint32_t rows = 0;
  std::vector<Run> runs;

  const Run& run_of(std::uint32_t row) const {
    return *std::prev(std::ranges::upper_bound(runs, row, {}, &Run::first));
  }
};

struct Queue {
  std::string name;
  std::vector<Batch> batches;
  std::optional<Batch> default_rows;
  bool one_at_a_time = true;
  std::uint32_t partitions = 1;

  // Null: the queue is empty.
  const Batch* batch(std::uint64_t i) const {
    if (i < batches.size()) return &batches[i];
    return default_rows ? &*default_rows : nullptr;
  }
};

// Record 0 is row `row` of the batch.
class QueueOrigin final : public Origin {
 public:
  QueueOrigin(std::shared_ptr<const Queue> queue, std::uint64_t batch, const Run& run, std::uint32_t row)
      : queue_(std::move(queue)), batch_(batch), run_(run), row_(row) {}
  std::string place(std::uint32_t record) const override {
    return fmt::format("{}[{}]:{}", queue_->name, batch_ + 1, row_ + record + 1);
  }
  const std::string_view* raw(std::uint32_t record) const override {
    return run_.raw.records.empty() ? nullptr : &run_.raw.records[row_ - run_.first + record];
  }
  ColumnPtr hidden(std::string_view name, std::uint32_t first, std::uint32_t count) const override {
    for (const auto& [own, column] : run_.hidden) {
      if (own == name) return slice(column, row_ - run_.first + first, count);
    }
    return nullptr;
  }

 private:
  std::shared_ptr<const Queue> queue_;
  std::uint64_t batch_;
  const Run& run_;  // of the queue
  std::uint32_t row_;
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
    const auto row = static_cast<std::uint32_t>(at_.row);
    const Run& run = queue_->batch(at_.batch)->run_of(row);
    const std::uint64_t count =
        std::min<std::uint64_t>({end_of(at_.batch) - at_.row, slice_end(partition_) - done_,
                                 run.first + run.count - at_.row, std::uint64_t{kSliceRecords}});
    morsel = {};
    morsel.partition = PartitionIndex(partition_);
    morsel.origin = std::make_shared<QueueOrigin>(queue_, at_.batch, run, row);
    fill(morsel, run, row - run.first, static_cast<std::uint32_t>(count));
    at_.row += count;
    done_ += count;
    return true;
  }

 private:
  static void fill(Morsel& morsel, const Run& run, std::uint32_t first, std::uint32_t count) {
    if (run.records) {
      morsel.raw.keep = run.raw.keep;
      const auto records = run.raw.records.begin() + first;
      morsel.raw.records.assign(records, records + count);
      return;
    }
    RecordBatch& batch = morsel.rows.emplace();
    batch.rows = count;
    batch.selection = Selection::all(count);
    batch.partition = morsel.partition;
    batch.origin = morsel.origin;
    for (const ColumnPtr& column : run.columns) {
      batch.columns.push_back(slice(column, first, count));
    }
  }

  std::uint64_t end_of(std::uint64_t batch) const {
    if (batch == until_.batch) return until_.row;
    const Batch* rows = queue_->batch(batch);
    return rows == nullptr ? 0 : rows->rows;
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

  Result<std::string> start(const std::optional<std::string>& resume) override {
    return begin_at(resume, to_text({}), to_cursor);
  }

  Result<SourceRange> plan(const std::string& from, const BatchLimits& limits, BatchTime) override {
    const auto begin = to_cursor(from);
    if (!begin) return pass_on(begin);
    Cursor at = *begin;
    std::uint64_t left = limits.records.value_or(~std::uint64_t{0});
    std::uint64_t taken = 0;
    while (left != 0) {
      const Batch* rows = queue_->batch(at.batch);
      if (rows == nullptr) break;
      const bool is_default = at.batch >= queue_->batches.size();
      if (is_default && at != *begin) break;
      const std::uint64_t count =
          std::min<std::uint64_t>(left, rows->rows - std::min<std::uint64_t>(at.row, rows->rows));
      taken += count;
      left -= count;
      at.row += count;
      if (at.row < rows->rows) break;
      at = {at.batch + 1, 0};
      if (queue_->one_at_a_time) break;
    }
    SourceRange range;
    range.from = from;
    range.until = to_text(at);
    range.empty = taken == 0;
    range.exhausted = queue_->batch(at.batch) == nullptr;
    range.made_up = begin->batch >= queue_->batches.size();
    return range;
  }

  Result<std::unique_ptr<RangeReader>> read(const SourceRange& range) override {
    const auto cursors = cursors_of(range, to_cursor);
    if (!cursors) return pass_on(cursors);
    const auto& [from, until] = *cursors;
    return std::make_unique<QueueReader>(queue_, from, until);
  }

  bool ended() const override { return !queue_->default_rows; }

 private:
  std::shared_ptr<const Queue> queue_;
};

// What is alike in the rows of a run.
struct RowForm {
  bool scalar = false;
  bool records = false;
  std::vector<std::uint32_t> hidden;  // positions in the schema
  friend bool operator==(const RowForm&, const RowForm&) = default;
};

class RowsReader {
 public:
  RowsReader(const WrittenRows& rows, Diagnostics& diagnostics)
      : rows_(rows), schema_(rows.schema), diagnostics_(diagnostics) {
    for (Field& field : schema_.hidden) {
      if (field.name == "_raw") field.type = TypeKind::string;
    }
  }

  Batch read(const RowNodes& nodes) const {
    Batch batch;
    batch.rows = static_cast<std::uint32_t>(nodes.rows.size());
    for (std::uint32_t first = 0; first < batch.rows;) {
      const RowForm form = form_of(nodes.rows[first]);
      std::uint32_t end = first + 1;
      while (end < batch.rows && form_of(nodes.rows[end]) == form) ++end;
      batch.runs.push_back(read_run(std::span(nodes.rows).subspan(first, end - first), first, form));
      first = end;
    }
    return batch;
  }

 private:
  RowForm form_of(const SyntaxNode& row) const {
    RowForm form;
    form.scalar = rows_.form == WrittenRows::Form::scalars ||
                  (rows_.form == WrittenRows::Form::either && row.kind != SyntaxNode::Kind::mapping);
    if (form.scalar) return form;
    for (const SyntaxNode::Entry& entry : row.entries) {
      const auto at = schema_.find(entry.key.value());
      if (at && *at >= schema_.columns.size()) form.hidden.push_back(*at);
    }
    std::ranges::sort(form.hidden);
    form.records = rows_.records && row.entries.size() == 1 && row.entries[0].key.value() == "_raw";
    return form;
  }

  Run read_run(std::span<const SyntaxNode> nodes, std::uint32_t first, const RowForm& form) const {
    Run run;
    run.first = first;
    run.count = static_cast<std::uint32_t>(nodes.size());
    run.records = form.records;
    if (form.scalar) {
      run.columns.push_back(column_of_scalars(nodes, schema_.columns[0].type, diagnostics_));
      run.raw = as_json(run);
      return run;
    }
    std::vector<ColumnPtr> columns = columns_of_rows(nodes, schema_, diagnostics_);
    for (const std::uint32_t at : form.hidden) {
      const std::string& name = schema_.at(at).name;
      if (name == "_raw") {
        run.raw = records_of(*columns[at], run.count);
      } else {
        run.hidden.emplace_back(name, std::move(columns[at]));
      }
    }
    columns.resize(schema_.columns.size());
    run.columns = std::move(columns);
    if (run.raw.records.empty()) run.raw = as_json(run);
    return run;
  }

  // A row is its own record, whatever steps make of it, where rows do not say what `_raw` is.
  RawRecords as_json(const Run& run) const {
    RawRecords records;
    if (schema_.find("_raw") || diagnostics_.error_count() != 0) return records;
    const auto texts = std::make_shared<std::vector<std::string>>();
    for (std::uint32_t i = 0; i < run.count; ++i) texts->push_back(row_as_json(schema_.columns, run.columns, i));
    records.records.assign(texts->begin(), texts->end());
    records.keep = texts;
    return records;
  }

  static RawRecords records_of(const Column& texts, std::uint32_t count) {
    const auto bytes = std::make_shared<std::string>();
    std::vector<std::size_t> ends;
    for (std::uint32_t i = 0; i < count; ++i) {
      if (!texts.is_null(i)) bytes->append(texts.value<StringRef>(i).view());
      ends.push_back(bytes->size());
    }
    bytes->append(kPadding, '\0');
    RawRecords records;
    std::size_t begin = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::string_view text(bytes->data() + begin, ends[i] - begin);
      records.records.push_back(texts.is_null(i) ? std::string_view() : text);
      begin = ends[i];
    }
    records.keep = bytes;
    return records;
  }

  const WrittenRows& rows_;
  Schema schema_;
  Diagnostics& diagnostics_;
};

}  // namespace

std::optional<BoundSource> bind_written_rows(const WrittenRows& rows, Diagnostics& diagnostics) {
  const std::size_t errors = diagnostics.error_count();
  const RowsReader reader(rows, diagnostics);
  auto queue = std::make_shared<Queue>();
  queue->name = rows.name;
  queue->one_at_a_time = rows.one_at_a_time;
  queue->partitions = std::max<std::uint32_t>(1, rows.partitions);
  for (const RowNodes& batch : rows.batches) queue->batches.push_back(reader.read(batch));
  if (rows.default_rows != nullptr) queue->default_rows = reader.read(*rows.default_rows);
  if (diagnostics.error_count() != errors) return std::nullopt;

  BoundSource bound;
  bound.bounded = !queue->default_rows;
  bound.partitions = queue->partitions;
  bound.detail = fmt::format("{} batches{}", queue->batches.size(), queue->default_rows ? ", then the default" : "");
  bound.open = [queue = std::shared_ptr<const Queue>(std::move(queue))](const Environment&) {
    return std::make_unique<QueueSource>(queue);
  };
  return bound;
}

}  // namespace streamrun
