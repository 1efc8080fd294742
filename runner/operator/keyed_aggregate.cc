#include "runner/operator/keyed_aggregate.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "runner/data/cell.h"
#include "runner/data/text_value.h"
#include "runner/operator/keyed_groups.h"
#include "runner/operator/projection.h"

namespace streamrun {
namespace {

constexpr std::uint32_t kChunkRows = 4096;
constexpr std::uint32_t kMostExpected = 1U << 16;

class Local final : public BreakerLocal {
 public:
  std::unique_ptr<KeyedGroups> groups;
  // Groups made by each morsel, where the locals are merged at the end: morsel, its first group.
  std::vector<std::pair<std::uint64_t, std::uint32_t>> runs;
  BatchTime batch;
  GroupingRoom room;
};

class Partial final : public BreakerPartial {
 public:
  std::unique_ptr<KeyedGroups> groups;
  BatchTime batch;
};

class Run final : public BreakerRun {
 public:
  Run(std::shared_ptr<const KeyedAggregation> aggregation, std::shared_ptr<MemoryAccount> whole)
      : aggregation_(std::move(aggregation)),
        memory_(std::make_shared<MemoryAccount>(std::move(whole))),
        order_held_(memory_) {}

  std::unique_ptr<BreakerLocal> local() override { return std::make_unique<Local>(); }

  void add(BreakerLocal& base, RecordBatch&& batch, MorselIndex morsel, KernelContext& context) override;
  std::unique_ptr<BreakerPartial> end_morsel(BreakerLocal& base) override;
  Result<> merge(std::unique_ptr<BreakerPartial> partial) override {
    auto& morsel = static_cast<Partial&>(*partial);
    batch_ = morsel.batch;
    const std::vector<KeyedRows> deferred = morsel.groups->take_deferred();
    if (!result_) {
      result_ = std::move(morsel.groups);
    } else {
      morsel.groups->retire();
      result_->absorb(*morsel.groups, 0, morsel.groups->size, batch_);
    }
    for (const KeyedRows& rows : deferred) result_->group(rows, room_);
    result_->count();
    return {};
  }
  Result<> finish(std::vector<std::unique_ptr<BreakerLocal>> locals) override;

  std::uint32_t partitions() const override { return aggregation_->keyed() ? aggregation_->spec.partitions : 1; }
  std::uint32_t chunks() const override { return static_cast<std::uint32_t>(slices_.size()); }
  Result<RecordBatch> chunk(std::uint32_t index, KernelContext& context) override;
  const MemoryAccount* memory() const override { return memory_.get(); }

 private:
  // Groups [begin, end) of the result, in its order.
  struct Slice {
    PartitionIndex partition;
    std::uint32_t begin;
    std::uint32_t end;
  };

  Result<> merge_locals(std::vector<Local*> locals);
  Result<> within_memory() const;
  void order_groups();
  std::string group_text(const RecordBatch& batch, std::uint32_t row) const;

  std::shared_ptr<const KeyedAggregation> aggregation_;
  std::shared_ptr<MemoryAccount> memory_;
  std::unique_ptr<KeyedGroups> result_;
  BatchTime batch_;
  GroupingRoom room_;
  std::vector<std::uint32_t> order_;
  HeldMemory order_held_;
  std::vector<Slice> slices_;
};

void Run::add(BreakerLocal& base, RecordBatch&& batch, MorselIndex morsel, KernelContext& context) {
  auto& local = static_cast<Local&>(base);
  const KeyedAggregation& plan = *aggregation_;
  const EvalInput input{batch.columns, batch.rows};
  if (!local.groups)
    local.groups = std::make_unique<KeyedGroups>(plan, memory_,
                                                 plan.exact ? std::min(plan.last_groups->load(), kMostExpected) : 0);
  local.batch = context.eval.batch;
  const auto value_of = [&](const Expression& expression) {
    const auto bare = expression.column();
    return bare ? batch.columns[*bare] : evaluate(expression, input, batch.selection, context.eval);
  };
  KeyedRows rows;
  for (const Expression& key : plan.spec.keys) rows.keys.push_back(value_of(key));
  rows.calls.resize(plan.calls.size());
  for (std::size_t i = 0; i < plan.calls.size(); ++i) {
    const AggregateCall& call = plan.spec.calls[plan.calls[i]];
    if (call.filter) continue;  // its arguments may fail where the filter says no
    for (const Expression& argument : call.arguments) rows.calls[i].arguments.push_back(value_of(argument));
  }
  // A row whose key or value fails is no row of any group.
  for (std::size_t i = 0; i < plan.calls.size(); ++i) {
    const AggregateCall& call = plan.spec.calls[plan.calls[i]];
    if (!call.filter) continue;
    const Selection& filtered =
        rows.calls[i].filtered.emplace(select(*call.filter, input, batch.selection, context.eval));
    for (const Expression& argument : call.arguments) {
      rows.calls[i].arguments.push_back(evaluate(argument, input, filtered, context.eval));
    }
  }
  ColumnPtr values;
  if (plan.fold_wanted) values = value_of(plan.spec.fold->value);
  reject_failed(batch, context);
  if (batch.selection.empty()) return;

  KeyedGroups& groups = *local.groups;
  rows.selection = batch.selection;
  if (groups.defers(rows)) {
    groups.defer(std::move(rows), local.room);
  } else {
    const std::uint32_t before = groups.table.size();
    groups.group(rows, local.room);
    const bool new_run = local.runs.empty() || local.runs.back().first != morsel.value;
    if (new_run && groups.table.size() != before) local.runs.emplace_back(morsel.value, before);
  }
  if (plan.fold_wanted) {
    groups.fold->add(local.room.group_of_row, batch.selection, values, context.eval);
    reject_failed(batch, context);
  }
  groups.count();
}

std::unique_ptr<BreakerPartial> Run::end_morsel(BreakerLocal& base) {
  auto& local = static_cast<Local&>(base);
  if (!local.groups) return nullptr;
  if (aggregation_->exact) return nullptr;
  auto partial = std::make_unique<Partial>();
  partial->groups = std::move(local.groups);
  partial->batch = local.batch;
  local.runs.clear();
  return partial;
}

Result<> Run::within_memory() const {
  if (memory_->has_room()) return {};
  return failure(memory_->refusal());
}

// The locals' groups are ordered by the morsel that made them, and no morsel is in two of them: taking runs of
// one morsel, the earliest first, meets the groups in order of first occurrence.
Result<> Run::merge_locals(std::vector<Local*> locals) {
  if (locals.size() == 1) {
    result_ = std::move(locals[0]->groups);
    return {};
  }
  for (Local* local : locals) local->groups->retire();
  result_ = std::make_unique<KeyedGroups>(*aggregation_, memory_);
  if (!aggregation_->keyed()) {
    for (Local* local : locals) result_->absorb(*local->groups, 0, local->groups->size, batch_);
    return {};
  }
  std::vector<std::size_t> next(locals.size(), 0);
  for (;;) {
    std::size_t best = locals.size();
    for (std::size_t i = 0; i < locals.size(); ++i) {
      if (next[i] == locals[i]->runs.size()) continue;
      if (best == locals.size() || locals[i]->runs[next[i]].first < locals[best]->runs[next[best]].first) best = i;
    }
    if (best == locals.size()) return {};
    Local& local = *locals[best];
    const std::uint32_t begin = local.runs[next[best]].second;
    ++next[best];
    const bool last = next[best] == local.runs.size();
    result_->absorb(*local.groups, begin, last ? local.groups->size : local.runs[next[best]].second, batch_);
    if (Result<> enough = within_memory(); !enough) return enough;
  }
}

Result<> Run::finish(std::vector<std::unique_ptr<BreakerLocal>> locals) {
  std::vector<Local*> filled;
  for (const auto& base : locals) {
    auto* local = static_cast<Local*>(base.get());
    if (local == nullptr || !local->groups || local->groups->size == 0) continue;
    batch_ = local->batch;
    filled.push_back(local);
  }
  // In the ordered mode partials have been merged already, and locals are empty.
  if (!filled.empty()) {
    if (Result<> merged = merge_locals(std::move(filled)); !merged) return merged;
  }
  locals.clear();
  if (!result_) result_ = std::make_unique<KeyedGroups>(*aggregation_, memory_);
  if (!aggregation_->keyed() && aggregation_->spec.row_when_empty) result_->reach(1);
  aggregation_->last_groups->store(result_->size);
  result_->seal();
  order_groups();
  return within_memory();
}

void Run::order_groups() {
  const std::uint32_t partitions = this->partitions();
  const KeyedGroups& groups = *result_;
  std::vector<std::uint32_t> begins(partitions + 1, 0);
  const auto partition = [&](std::uint32_t group) {
    return aggregation_->keyed() ? partition_of(groups.table.hash(group), partitions) : 0;
  };
  // A fold all of whose rows have failed has no value.
  const auto is_there = [&](std::uint32_t group) { return !groups.fold || !groups.fold->absent(group); };
  for (std::uint32_t group = 0; group < groups.size; ++group) {
    if (is_there(group)) ++begins[partition(group) + 1];
  }
  std::partial_sum(begins.begin(), begins.end(), begins.begin());
  order_.resize(begins.back());
  order_held_.set(order_.size() * sizeof(std::uint32_t));
  std::vector<std::uint32_t> at(begins.begin(), begins.end() - 1);
  for (std::uint32_t group = 0; group < groups.size; ++group) {
    if (is_there(group)) order_[at[partition(group)]++] = group;
  }
  for (std::uint32_t p = 0; p < partitions; ++p) {
    for (std::uint32_t begin = begins[p]; begin < begins[p + 1]; begin += kChunkRows) {
      slices_.push_back({PartitionIndex{p}, begin, std::min(begin + kChunkRows, begins[p + 1])});
    }
  }
}

// For people: ('a', 5).
std::string Run::group_text(const RecordBatch& batch, std::uint32_t row) const {
  std::string text;
  for (std::size_t i = 0; i < aggregation_->key_types.size(); ++i) {
    text += text.empty() ? "" : ", ";
    const bool quoted = aggregation_->key_types[i].kind() == TypeKind::string && !batch.columns[i]->is_null(row);
    std::string value;
    append_text(*batch.columns[i], row, value);
    value = excerpt(value);
    text += quoted ? fmt::format("'{}'", value) : value;
  }
  return fmt::format("({})", text);
}

Result<RecordBatch> Run::chunk(std::uint32_t index, KernelContext& context) {
  const Slice& slice = slices_[index];
  const KeyedAggregateSpec& spec = aggregation_->spec;
  const auto groups = std::span(order_).subspan(slice.begin, slice.end - slice.begin);
  RowErrors failed;
  std::vector<ColumnPtr> inputs;
  if (aggregation_->keyed()) inputs = result_->table.keys(groups);
  inputs.resize(spec.keys.size() + spec.calls.size());
  for (std::size_t i = 0; i < aggregation_->calls.size(); ++i) {
    const std::size_t call = aggregation_->calls[i];
    RowErrors of_call;
    inputs[spec.keys.size() + call] = result_->states.finish(i, groups, of_call);
    for (RowError& error : of_call.take()) {
      error.place = spec.calls[call].place;
      failed.add(std::move(error));
    }
  }
  if (spec.fold) inputs.push_back(result_->fold ? result_->fold->finish(groups, failed) : nullptr);

  RecordBatch batch;
  batch.rows = slice.end - slice.begin;
  batch.selection = Selection::all(batch.rows);
  batch.partition = slice.partition;
  batch.columns.assign(inputs.begin(), inputs.begin() + static_cast<std::ptrdiff_t>(spec.keys.size()));
  // While rows may still be rejected, the columns to come are null.
  for (const Expression& finish : spec.finish) {
    batch.columns.push_back(Column::make_null(finish.type(), batch.rows));
  }
  if (spec.fold) batch.columns.push_back(Column::make_null(spec.fold->type, batch.rows));
  if (!failed.empty()) {
    for (RowError& error : failed.take()) {
      if (aggregation_->keyed()) error.message += ", in the group " + group_text(batch, error.row);
      context.eval.errors.add(std::move(error));
    }
    reject_failed(batch, context);
  }
  std::vector<ColumnPtr> results(batch.columns.begin(),
                                 batch.columns.begin() + static_cast<std::ptrdiff_t>(spec.keys.size()));
  for (std::size_t i = 0; i < spec.finish.size(); ++i) {
    ColumnPtr value;
    if (aggregation_->wanted[spec.keys.size() + i]) {
      const auto bare = spec.finish[i].column();
      value = bare ? inputs[*bare] : evaluate(spec.finish[i], {inputs, batch.rows}, batch.selection, context.eval);
    }
    results.push_back(std::move(value));
  }
  if (spec.fold) results.push_back(inputs.back());
  reject_failed(batch, context);
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (!aggregation_->wanted[i]) results[i] = nullptr;
  }
  batch.columns = std::move(results);
  return batch;
}

class KeyedAggregate final : public Breaker {
 public:
  explicit KeyedAggregate(std::shared_ptr<const KeyedAggregation> plan) : plan_(std::move(plan)) {}

  std::unique_ptr<BreakerRun> start(const BreakerResources& resources) const override {
    return std::make_unique<Run>(plan_, resources.memory);
  }

  std::string describe() const override {
    const char* mode = plan_->exact ? "exact" : "in order";
    if (!plan_->keyed()) return fmt::format("aggregate all rows, {}", mode);
    return fmt::format("aggregate by ({}) into {} partitions, {}", plan_->spec.key_text, plan_->spec.partitions, mode);
  }

 private:
  std::shared_ptr<const KeyedAggregation> plan_;
};

// What is computed where these of its columns are wanted.
KeyedAggregation plan_for(const KeyedAggregateSpec& spec, const std::vector<bool>& wanted) {
  KeyedAggregation plan;
  plan.spec = spec;
  plan.wanted = wanted;
  for (const Expression& key : spec.keys) plan.key_types.push_back(key.type());
  const std::size_t keys = spec.keys.size();
  std::vector<bool> call_needed(spec.calls.size(), false);
  for (std::size_t i = 0; i < spec.finish.size(); ++i) {
    if (!wanted[keys + i]) continue;
    for (const std::uint32_t column : spec.finish[i].columns_read()) {
      if (column >= keys && column - keys < call_needed.size()) call_needed[column - keys] = true;
    }
  }
  plan.fold_wanted = spec.fold.has_value() && wanted.back();
  plan.exact = !plan.fold_wanted;
  for (std::size_t i = 0; i < spec.calls.size(); ++i) {
    if (!call_needed[i]) continue;
    plan.calls.push_back(i);
    plan.aggregators.push_back(spec.calls[i].aggregator);
    plan.exact = plan.exact && spec.calls[i].aggregator->exact();
  }
  return plan;
}

std::vector<bool> columns_read(const KeyedAggregation& plan) {
  std::vector<bool> needed(plan.spec.inputs, false);
  for (const Expression& key : plan.spec.keys) need_columns(key, needed);
  for (const std::size_t call : plan.calls) {
    for (const Expression& argument : plan.spec.calls[call].arguments) need_columns(argument, needed);
    if (plan.spec.calls[call].filter) need_columns(*plan.spec.calls[call].filter, needed);
  }
  if (plan.fold_wanted) need_columns(plan.spec.fold->value, needed);
  return needed;
}

}  // namespace

StepFactory make_keyed_aggregate(KeyedAggregateSpec aggregate) {
  const auto make = [spec = std::move(aggregate)](const std::vector<bool>& wanted) {
    const auto plan = std::make_shared<const KeyedAggregation>(plan_for(spec, wanted));
    return MadeStep::of(std::make_unique<KeyedAggregate>(plan), columns_read(*plan));
  };
  return {.make = make, .keeps_origins = false};
}

}  // namespace streamrun
