#include "runner/exec/rejects.h"

#include <algorithm>
#include <utility>

#include "runner/data/cell.h"
#include "runner/data/codec.h"
#include "runner/data/text_value.h"

namespace streamrun {
namespace {

constexpr std::size_t kShownBytes = 200;  // of a record, in messages

// The record as it came, or as JSON where it is a row that a step made; nothing of a tombstone.
std::optional<std::string> record_text(const Origin* origin, std::uint32_t record, const Schema& schema,
                                       const RecordBatch& batch, std::uint32_t row,
                                       std::size_t most = std::string::npos) {
  const std::string_view* raw = origin != nullptr ? origin->raw(record) : nullptr;
  if (raw == nullptr) return excerpt(row_as_json(schema.columns, batch.columns, row), most);
  if (raw->data() == nullptr) return std::nullopt;
  return raw->size() > most ? as_utf8(excerpt(*raw, most)) : as_utf8(*raw);
}

// What a message says of any value: it names columns and expressions in quotes, and values in quotes, as numbers or
// behind `found`.
std::string kind_of(std::string_view message) {
  std::string kind;
  for (std::size_t at = 0; at < message.size();) {
    const char c = message[at];
    if (message.substr(at).starts_with("found ")) break;
    const bool names = kind.ends_with("column ") || kind.ends_with("field ") || kind.ends_with(" in ");
    const std::size_t close = c == '\'' ? message.find('\'', at + 1) : std::string_view::npos;
    const std::size_t end = close == std::string_view::npos ? at + 1 : close + 1;
    const bool is_value = close == std::string_view::npos ? c >= '0' && c <= '9' : !names;
    if (!is_value) kind += message.substr(at, end - at);
    at = end;
  }
  return kind;
}

class StringFiller {
 public:
  explicit StringFiller(TypeKind kind, std::uint32_t rows)
      : column_(Column::make(kind, rows)), arena_(std::make_shared<StringArena>()) {}
  void set(std::uint32_t row, std::string_view text) { column_->values<StringRef>()[row] = arena_->copy(text); }
  void set_null(std::uint32_t row) {
    column_->values<StringRef>()[row] = StringRef();
    column_->set_null(row);
  }
  ColumnPtr finish() {
    column_->keep(arena_);
    return column_;
  }

 private:
  MutableColumn column_;
  std::shared_ptr<StringArena> arena_;
};

}  // namespace

std::string place_text(std::uint32_t place, const PhysicalPlan& plan) {
  if (place == RowError::kNowhere || plan.text == nullptr) return {};
  return " (" + plan.text->place(place) + ")";
}

ColumnPtr raw_column(const Origin* origin, std::uint32_t first, std::uint32_t count) {
  StringFiller filler(TypeKind::binary, count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::string_view* raw = origin != nullptr ? origin->raw(first + i) : nullptr;
    if (raw != nullptr && raw->data() != nullptr) {
      filler.set(i, *raw);
    } else {
      filler.set_null(i);
    }
  }
  return filler.finish();
}

ColumnPtr batch_column(BatchTime batch, std::uint32_t rows) {
  const MutableColumn column = Column::make_constant(TypeKind::timestamp, rows);
  column->values<std::int64_t>()[0] = batch.value * 1000;
  return column;
}

ColumnPtr hidden_column(const Origin* origin, const Field& field, BatchTime batch, std::uint32_t first,
                        std::uint32_t count) {
  if (field.name == "_raw") return raw_column(origin, first, count);
  ColumnPtr column = origin != nullptr ? origin->hidden(field.name, first, count) : nullptr;
  if (column == nullptr && field.name == "_batch") column = batch_column(batch, count);
  return column;
}

void Rejects::add(const PlanNode& node, const Schema& schema, const RecordBatch& batch, std::vector<RowError> errors,
                  std::uint32_t slice, MorselOutcome& outcome) {
  if (errors.empty()) return;
  const Origin* origin = batch.origin.get();
  for (RowError& error : errors) {
    const std::uint32_t record = origin != nullptr ? batch.origin_record(error.row) : error.row;
    const RecordOrder order{slice, record};
    // For people: the place, what is wrong, where that stands in the pipeline, and the value.
    const auto told = [&] {
      std::string message = origin != nullptr ? origin->place(record) + ": " : std::string();
      message += node.stage + ": " + error.message + place_text(error.place, plan_);
      const auto text = record_text(origin, record, schema, batch, error.row, kShownBytes);
      return text ? message + "; the record: " + *text : message;
    };
    if (node.on_error == OnError::fail) {
      if (!outcome.fail || order < outcome.fail->order) outcome.fail = FailVerdict{order, told()};
      continue;
    }
    ++outcome.rejected;
    if (node.on_error == OnError::drop || !node.errors) {
      if (outcome.dropped.empty() || outcome.dropped.back().first != node.id) outcome.dropped.emplace_back(node.id, 0);
      ++outcome.dropped.back().second;
      std::string kind = node.stage + ": " + kind_of(error.message);
      const bool known = std::any_of(outcome.kinds.begin(), outcome.kinds.end(),
                                     [&](const DroppedKind& one) { return one.kind == kind; });
      // More kinds than anybody reads are not worth the search.
      if (known || outcome.kinds.size() == 32) continue;
      outcome.kinds.push_back({std::move(kind), told()});
      continue;
    }
    Routed routed;
    routed.to = *node.errors;
    routed.order = order;
    routed.raw = record_text(origin, record, schema, batch, error.row);
    routed.error = std::move(error.message);
    routed.stage = node.stage;
    routed.origin = batch.origin;
    routed.record = record;
    if (origin != nullptr) routed.place = origin->place(record);
    routed_.push_back(std::move(routed));
  }
}

RecordBatch Rejects::take(BatchTime batch, PartitionIndex partition, NodeId& node) {
  node = std::min_element(routed_.begin(), routed_.end(), [](const Routed& a, const Routed& b) {
           return a.to < b.to;
         })->to;
  std::vector<Routed> mine;
  std::vector<Routed> others;
  for (Routed& one : routed_) (one.to == node ? mine : others).push_back(std::move(one));
  routed_ = std::move(others);
  std::stable_sort(mine.begin(), mine.end(), [](const Routed& a, const Routed& b) { return a.order < b.order; });

  const Schema& schema = plan_.nodes[node.value].schema;
  const auto rows = static_cast<std::uint32_t>(mine.size());
  RecordBatch made;
  made.rows = rows;
  made.selection = Selection::all(rows);
  made.partition = partition;
  made.columns.resize(schema.size());
  StringFiller raw(TypeKind::string, rows);
  StringFiller error(TypeKind::string, rows);
  StringFiller stage(TypeKind::string, rows);
  StringFiller place(TypeKind::string, rows);
  for (std::uint32_t i = 0; i < rows; ++i) {
    const Routed& one = mine[i];
    one.raw ? raw.set(i, *one.raw) : raw.set_null(i);
    error.set(i, one.error);
    stage.set(i, one.stage);
    one.place ? place.set(i, *one.place) : place.set_null(i);
  }
  const ColumnPtr fixed[] = {raw.finish(), error.finish(), stage.finish(), place.finish(), batch_column(batch, rows)};
  for (std::uint32_t i = 0; i < schema.size(); ++i) {
    if (i < 5) {
      made.columns[i] = fixed[i];
      continue;
    }
    const Field& field = schema.at(i);
    ColumnBuilder builder(field.type);
    for (const Routed& one : mine) {
      const ColumnPtr value = hidden_column(one.origin.get(), field, batch, one.record, 1);
      // Streams of several sources share an errors schema: a column may mean something else elsewhere.
      if (value && value->type() == field.type) {
        builder.append(*value, 0);
      } else {
        builder.append_null();
      }
    }
    made.columns[i] = builder.finish();
  }
  const bool one_origin =
      std::all_of(mine.begin(), mine.end(), [&](const Routed& one) { return one.origin == mine.front().origin; });
  if (one_origin && mine.front().origin) {
    made.origin = mine.front().origin;
    std::vector<std::uint32_t> records;
    records.reserve(rows);
    for (const Routed& one : mine) records.push_back(one.record);
    made.records = std::make_shared<const std::vector<std::uint32_t>>(std::move(records));
  }
  return made;
}

}  // namespace streamrun
