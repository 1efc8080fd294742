#include "runner/exec/worker.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "runner/base/out_of_memory.h"

namespace streamrun {
namespace {

// More than that leaves a morsel before it has ended.
constexpr std::size_t kStagedBytes = std::size_t{8} << 20;
constexpr std::uint32_t kStagedRows = 8192;

// `_raw` of records that are there as bytes: no copy.
ColumnPtr raw_slice(const RawRecords& raw, std::uint32_t first, std::uint32_t count) {
  const MutableColumn column = Column::make(TypeKind::binary, count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::string_view record = raw.records[first + i];
    column->values<StringRef>()[i] = StringRef(record);
    if (record.data() == nullptr) column->set_null(i);
  }
  if (raw.keep) column->keep(raw.keep);
  return column;
}

}  // namespace

const PlanNode* PassState::largest_holder() const {
  std::uint64_t most = 0;
  const PlanNode* holder = nullptr;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const MemoryAccount* one = runs[i] == nullptr ? nullptr : runs[i]->memory();
    if (one == nullptr || one->held() <= most) continue;
    most = one->held();
    holder = &plan.nodes[i];
  }
  return holder;
}

std::optional<std::string> PassState::over_memory() const {
  if (!memory || memory->has_room()) return std::nullopt;
  const PlanNode* holder = largest_holder();
  return holder == nullptr ? memory->refusal() : holder->stage + ": " + runs[holder->id.value]->memory()->refusal();
}

Error PassState::out_of_memory(std::string_view whose) const {
  const PlanNode* holder = largest_holder();
  if (holder == nullptr) return streamrun::out_of_memory(whose);
  const MemoryAccount& most = *runs[holder->id.value]->memory();
  std::string holding = holder->stage == whose ? "it" : holder->stage;
  holding += " holds " + std::to_string(most.held()) + " bytes";
  if (most.keys() != 0) holding += " for up to " + std::to_string(most.keys()) + (most.keys() == 1 ? " key" : " keys");
  return streamrun::out_of_memory(whose, holding);
}

Worker::Worker(PassState& pass, DecodeScratches& scratches)
    : pass_(pass), scratches_(scratches), locals_(pass.plan.nodes.size()), rejects_(pass.plan) {
  scratches_.resize(pass.plan.sources.size());
  eval.batch = pass.batch;
}

MorselOutcome Worker::run(MorselTask& task) {
  const PlanNode& node = *task.driver->node;
  const bool from_source = task.driver->run == nullptr;
  begin(task.index, task.morsel.partition, task.first_row);
  current_ = &node;
  if (task.error) {
    outcome_.fail = FailVerdict{{}, std::move(task.error->message), task.error->kind};
    return std::move(outcome_);
  }
  if (from_source) {
    const PlanSource& source = pass_.plan.sources[node.source];
    outcome_.source = node.source;
    if (task.morsel.rows) {
      read_rows(node, source, task.morsel);
    } else {
      read_records(node, source, task.morsel, task.first_row);
    }
  } else {
    read_chunk(node, *task.driver->run, task.chunk);
  }
  end();
  return std::move(outcome_);
}

MorselOutcome Worker::finish(const PlanNode& node, MorselIndex index) {
  begin(index, PartitionIndex(0), index.value << 32U);
  current_ = &node;
  schema_ = &node.schema;
  node.kernel->finish(pass_.states[node.id.value].get(), *this,
                      [this, &node](RecordBatch&& batch) { push(node, std::move(batch)); });
  eval.errors.take();
  end();
  return std::move(outcome_);
}

void Worker::begin(MorselIndex index, PartitionIndex partition, std::uint64_t first_row) {
  outcome_ = MorselOutcome();
  morsel_ = index;
  partition_ = partition;
  slice_ = 0;
  staged_bytes_ = 0;
  eval.seed_row = first_row;
  eval.errors.take();
}

// Routed rejects are rows of their own, behind the morsel's; what fails on their way may be routed in turn.
void Worker::end() {
  while (rejects_.pending()) {
    ++slice_;
    NodeId errors;
    RecordBatch batch = rejects_.take(pass_.batch, partition_, errors);
    if (!outcome_.fail) push(pass_.plan.nodes[errors.value], std::move(batch));
  }
  for (const NodeId breaker : touched_) {
    std::unique_ptr<BreakerPartial> partial = pass_.runs[breaker.value]->end_morsel(*locals_[breaker.value]);
    if (partial) outcome_.partials.emplace_back(breaker, std::move(partial));
  }
  touched_.clear();
}

void Worker::read_records(const PlanNode& node, const PlanSource& source, const Morsel& morsel,
                          std::uint64_t first_row) {
  const std::uint32_t total = morsel.raw.size();
  std::unique_ptr<DecodeScratch>& scratch = scratches_[node.source];
  if (!scratch) scratch = source.decoder->scratch();
  std::vector<std::uint32_t> left_out;
  // Later slices stand behind a failing record: nobody will see them.
  for (std::uint32_t first = 0; first < total && !outcome_.fail; first += kSliceRecords, ++slice_) {
    if (stopping()) return;
    const std::uint32_t count = std::min(kSliceRecords, total - first);
    RowErrors errors;
    for (const RowError& fault : morsel.faults) {
      if (fault.row >= first && fault.row - first < count) {
        errors.add({fault.row - first, fault.message, fault.place});
      }
    }
    left_out.clear();
    RecordBatch batch;
    batch.rows = count;
    batch.partition = morsel.partition;
    batch.origin = morsel.origin;
    batch.first_record = first;
    batch.columns = source.decoder->decode(morsel.raw, morsel.context, first, count, scratch.get(), errors, left_out);
    if (source.bound.messages) {
      // A blank line is no record, but a message is one, whatever it holds.
      for (const std::uint32_t row : left_out) errors.add(row, "the message is empty or blank");
      left_out.clear();
    }
    outcome_.records += count - left_out.size();
    eval.seed_row = first_row + first;
    if (!errors.empty()) {
      std::vector<RowError> failed = errors.take();
      const std::size_t skipped = left_out.size();
      for (const RowError& one : failed) left_out.push_back(one.row);
      std::inplace_merge(left_out.begin(), left_out.begin() + static_cast<std::ptrdiff_t>(skipped), left_out.end());
      left_out.erase(std::unique(left_out.begin(), left_out.end()), left_out.end());
      rejects_.add(node, node.schema, batch, std::move(failed), slice_, outcome_);
    }
    batch.selection = without(Selection::all(count), left_out);
    if (batch.selection.empty()) continue;
    add_hidden(node, source, &morsel.raw, batch);
    push(node, std::move(batch));
  }
}

void Worker::read_rows(const PlanNode& node, const PlanSource& source, Morsel& morsel) {
  RecordBatch batch = std::move(*morsel.rows);
  batch.partition = morsel.partition;
  if (!batch.origin) batch.origin = morsel.origin;
  if (!morsel.faults.empty()) {
    std::vector<std::uint32_t> left_out;
    for (const RowError& fault : morsel.faults) left_out.push_back(fault.row);
    rejects_.add(node, node.schema, batch, std::move(morsel.faults), slice_, outcome_);
    batch.selection = without(batch.selection, left_out);
  }
  outcome_.records += batch.selection.count();
  const std::size_t visible = node.schema.columns.size();
  if (batch.columns.size() > visible && batch.columns.size() != node.schema.size()) {
    // The source's own hidden columns only: they stand behind those that every source has.
    std::vector<ColumnPtr> own(batch.columns.begin() + static_cast<std::ptrdiff_t>(visible), batch.columns.end());
    batch.columns.resize(visible);
    batch.columns.resize(node.schema.size());
    for (std::size_t i = 0; i < own.size() && i < source.bound.hidden.size(); ++i) {
      if (const auto position = node.schema.find(source.bound.hidden[i].name)) {
        batch.columns[*position] = std::move(own[i]);
      }
    }
  }
  add_hidden(node, source, nullptr, batch);
  push(node, std::move(batch));
}

void Worker::read_chunk(const PlanNode& node, BreakerRun& run, std::uint32_t chunk) {
  schema_ = &node.schema;
  Result<RecordBatch> batch = run.chunk(chunk, *this);
  if (!batch) {
    outcome_.fail = FailVerdict{{}, node.stage + ": " + batch.error().message};
    return;
  }
  partition_ = batch->partition;
  push(node, std::move(*batch));
}

void Worker::add_hidden(const PlanNode& node, const PlanSource& source, const RawRecords* raw,
                        RecordBatch& batch) const {
  const auto visible = static_cast<std::uint32_t>(node.schema.columns.size());
  batch.columns.resize(node.schema.size());
  for (std::uint32_t i = visible; i < node.schema.size(); ++i) {
    if (batch.columns[i] != nullptr || i >= source.wanted.size() || !source.wanted[i]) continue;
    const Field& field = node.schema.at(i);
    ColumnPtr& column = batch.columns[i];
    column = raw != nullptr && field.name == "_raw"
                 ? raw_slice(*raw, batch.first_record, batch.rows)
                 : hidden_column(batch.origin.get(), field, pass_.batch, batch.first_record, batch.rows);
    if (column == nullptr) column = Column::make_null(field.type, batch.rows);
  }
}

void Worker::push(const PlanNode& from, RecordBatch&& batch) {
  if (batch.selection.empty() || from.consumers.empty() || stopping()) return;
  for (std::size_t i = 0; i + 1 < from.consumers.size(); ++i) {
    deliver(from, from.consumers[i], RecordBatch(batch));  // columns are shared
  }
  deliver(from, from.consumers.back(), std::move(batch));
}

void Worker::deliver(const PlanNode& from, const PlanEdge& edge, RecordBatch&& batch) {
  const PlanNode& node = pass_.plan.nodes[edge.to.value];
  if (!pass_.live[node.id.value] || pass_.complete[node.id.value]) return;
  batch.partition.value += edge.partition_base;
  const PlanNode* const outer = std::exchange(current_, &node);
  const Schema* const outer_schema = std::exchange(schema_, &from.schema);
  const bool outer_origins = std::exchange(origins, node.origins);
  switch (node.kind) {
    case PlanNode::Kind::kernel:
      node.kernel->apply(std::move(batch), edge.port, pass_.states[node.id.value].get(), *this,
                         [this, &node](RecordBatch&& out) { push(node, std::move(out)); });
      break;
    case PlanNode::Kind::breaker: {
      BreakerRun& run = *pass_.runs[node.id.value];
      std::unique_ptr<BreakerLocal>& local = locals_[node.id.value];
      if (!local) {
        const std::scoped_lock lock(pass_.make_local);
        local = run.local();
      }
      if (std::find(touched_.begin(), touched_.end(), node.id) == touched_.end()) touched_.push_back(node.id);
      run.add(*local, std::move(batch), morsel_, *this);
      if (auto refused = pass_.over_memory()) outcome_.fail = FailVerdict{{}, std::move(*refused)};
      break;
    }
    case PlanNode::Kind::output: stage(node, std::move(batch)); break;
    case PlanNode::Kind::errors: push(node, std::move(batch)); break;
    case PlanNode::Kind::source: assert(false); break;
  }
  current_ = outer;
  schema_ = outer_schema;
  origins = outer_origins;
}

// What rows are as bytes is known only when they are: they are looked at so many at a time.
void Worker::stage(const PlanNode& node, RecordBatch&& batch) {
  if (batch.selection.count() <= kStagedRows) return stage_rows(node, batch);
  const Selection all = std::move(batch.selection);
  std::vector<std::uint32_t> rows;
  all.for_each([&](std::uint32_t row) {
    rows.push_back(row);
    if (rows.size() < kStagedRows && row != all[all.count() - 1]) return;
    batch.selection = Selection::of(std::exchange(rows, {}));
    stage_rows(node, batch);
  });
}

void Worker::stage_rows(const PlanNode& node, const RecordBatch& batch) {
  staged_.clear();
  pass_.sinks[node.output]->encode(batch, *this, staged_);
  if (!eval.errors.empty()) reject(batch, eval.errors.take());
  for (StagedRows& rows : staged_) {
    staged_bytes_ += rows.bytes.capacity();
    outcome_.rows.push_back({node.output, batch.partition, std::move(rows)});
  }
  if (staged_bytes_ < kStagedBytes || outcome_.fail) return;
  MorselOutcome part;
  part.rows = std::exchange(outcome_.rows, {});
  staged_bytes_ = 0;
  pass_.hand_over(morsel_, std::move(part));
}

void Worker::reject(const RecordBatch& batch, std::vector<RowError> errors) {
  assert(current_ != nullptr);
  rejects_.add(*current_, *schema_, batch, std::move(errors), slice_, outcome_);
}

}  // namespace streamrun
