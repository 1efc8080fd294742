#include "runner/operator/hash_join.h"

#include <algorithm>
#include <atomic>
#include <numeric>

#include "runner/expr/join_condition.h"
#include "runner/operator/group_table.h"
#include "runner/operator/memory_account.h"
#include "runner/operator/portions.h"
#include "runner/operator/projection.h"

namespace streamrun {
namespace {

using From = JoinSpec::Output::From;

constexpr std::size_t kPairs = 16384;  // candidates that are looked at together
constexpr std::uint32_t kEmitRows = 4096;

class State final : public KernelState {
 public:
  State(const JoinSpec& spec, const Collected& from) : right(from), held(from.account()) {
    const auto rows = from.rows();
    if (spec.kind == JoinKind::right_outer || spec.kind == JoinKind::full_outer) {
      matched = std::vector<std::atomic<std::uint8_t>>(rows);
    }
    if (spec.left_keys.empty()) {
      order.resize(rows);
      std::iota(order.begin(), order.end(), 0U);
      held.set(matched.size() + order.size() * sizeof(std::uint32_t));
      return;
    }
    std::vector<Type> types;
    for (const Expression& key : spec.right_keys) types.push_back(key.type());
    table.emplace(std::move(types));
    if (rows == 0) return;
    std::vector<std::uint32_t> groups;
    std::vector<std::uint32_t> firsts;
    table->insert(std::span(from.columns()).subspan(spec.right_columns), Selection::all(rows), GroupTable::Nulls::none,
                  groups, firsts);
    begins.assign(table->size() + 1, 0);
    for (const std::uint32_t group : groups) {
      if (group != GroupTable::kNone) ++begins[group + 1];
    }
    std::partial_sum(begins.begin(), begins.end(), begins.begin());
    std::vector<std::uint32_t> at(begins.begin(), begins.end() - 1);
    order.resize(begins.back());
    for (std::uint32_t row = 0; row < rows; ++row) {
      if (groups[row] != GroupTable::kNone) order[at[groups[row]]++] = row;
    }
    held.set(matched.size() + (order.size() + begins.size()) * sizeof(std::uint32_t) + table->bytes(), table->size());
  }

  std::span<const std::uint32_t> matches(std::uint32_t group) const {
    return std::span(order).subspan(begins[group], begins[group + 1] - begins[group]);
  }

  const Collected& right;
  std::optional<GroupTable> table;
  std::vector<std::uint32_t> begins;  // of each group's rows in `order`
  std::vector<std::uint32_t> order;   // right rows, by group
  std::vector<std::atomic<std::uint8_t>> matched;
  std::size_t row_bytes = 0;  // at most, of right columns that are output
  HeldMemory held;
};

// Candidates: places in the left selection, and right rows.
struct Pairs {
  std::vector<std::uint32_t> left;
  std::vector<std::uint32_t> right;
  void clear() { left.clear(), right.clear(); }
};

class JoinKernel final : public Kernel {
 public:
  JoinKernel(std::shared_ptr<const JoinSpec> spec, std::vector<bool> wanted)
      : spec_(std::move(spec)), wanted_(std::move(wanted)) {}

  std::unique_ptr<KernelState> start(std::span<BreakerRun* const> sides) const override {
    auto state = std::make_unique<State>(*spec_, collected(*sides[0]));
    for_each_repeated([&](From from, std::uint32_t column) {
      const ColumnPtr& right = state->right.columns()[column];
      if (from == From::right && right) state->row_bytes += largest_value(*right, Selection::all(right->rows()));
    });
    return state;
  }

  void apply(RecordBatch&& batch, std::size_t, KernelState* base, KernelContext& context,
             const Emit& emit) const override {
    Probe probe{*this, batch, static_cast<State&>(*base), context, emit, {}, {}, {}};
    for (const Expression& key : spec_->left_keys) {
      probe.keys.push_back(evaluate(key, {batch.columns, batch.rows}, batch.selection, context.eval));
    }
    reject_failed(batch, context);
    if (!batch.selection.empty()) probe.run();
  }

  void finish(KernelState* base, KernelContext&, const Emit& emit) const override {
    const auto& state = static_cast<const State&>(*base);
    std::vector<std::uint32_t> rows;
    const auto flush = [&] {
      if (rows.empty()) return;
      const std::vector<std::uint32_t> none(rows.size(), kMissingRow);
      emit(rows_of(nullptr, {}, state, none, rows));
      rows.clear();
    };
    for (std::uint32_t row = 0; row < state.matched.size(); ++row) {
      if (state.matched[row].load(std::memory_order_relaxed) != 0) continue;
      rows.push_back(row);
      if (rows.size() == kEmitRows) flush();
    }
    flush();
  }

 private:
  bool keeps_left() const { return spec_->kind == JoinKind::left_outer || spec_->kind == JoinKind::full_outer; }
  // f(from, column): columns whose values output rows have in common with left and right rows.
  template <class F>
  void for_each_repeated(F&& f) const {
    if (only_left()) return;
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
      if (wanted_[i]) f(spec_->outputs[i].from, spec_->outputs[i].column);
    }
  }
  bool only_left() const { return spec_->kind == JoinKind::left_semi || spec_->kind == JoinKind::left_anti; }

  // Output rows of these left and right rows, kMissingRow being none.
  RecordBatch rows_of(const RecordBatch* left, std::span<const ColumnPtr> keys, const State& state,
                      std::span<const std::uint32_t> left_rows, std::span<const std::uint32_t> right_rows) const {
    RecordBatch made;
    made.rows = static_cast<std::uint32_t>(left_rows.size());
    made.selection = Selection::all(made.rows);
    if (left != nullptr) made.partition = left->partition;
    for (std::size_t i = 0; i < spec_->outputs.size(); ++i) {
      const JoinSpec::Output& output = spec_->outputs[i];
      ColumnPtr& column = made.columns.emplace_back();
      if (!wanted_[i]) continue;
      const std::vector<ColumnPtr>& right = state.right.columns();
      if (output.from == From::right || (output.from == From::key && left == nullptr)) {
        const std::size_t from = output.column + (output.from == From::key ? spec_->right_columns : 0);
        column = right[from] ? gather_or_null(right[from], right_rows) : Column::make_null(output.type, made.rows);
      } else if (left == nullptr) {
        column = Column::make_null(output.type, made.rows);
      } else {
        column = gather(output.from == From::key ? keys[output.column] : left->columns[output.column], left_rows);
      }
    }
    return made;
  }

  // One left batch on its way.
  struct Probe {
    const JoinKernel& join;
    RecordBatch& batch;
    State& state;
    KernelContext& context;
    const Emit& emit;
    std::vector<ColumnPtr> keys;
    Pairs pairs;
    std::vector<std::uint8_t> found;  // by place: the left row has had a match
    std::uint32_t done = 0;           // left rows before this place are settled
    std::size_t row_bytes = 0;        // at most, of an output row's values that are no numbers
    bool stopped = false;

    void run() {
      const std::uint32_t count = batch.selection.count();
      found.assign(count, 0);
      row_bytes = state.row_bytes;
      join.for_each_repeated([&](From from, std::uint32_t column) {
        if (from != From::right) row_bytes += largest_value(left_column(from, column), batch.selection);
      });
      std::vector<std::uint32_t> groups;
      if (state.table) {
        GroupTable::Scratch scratch;
        state.table->find(keys, batch.selection, GroupTable::Nulls::none, groups, scratch);
      }
      const bool only_left = join.only_left();
      for (std::uint32_t place = 0; place < count; ++place) {
        if (state.table && groups[place] == GroupTable::kNone) continue;
        const auto rows = state.table ? state.matches(groups[place]) : std::span<const std::uint32_t>(state.order);
        if (only_left && !join.spec_->condition) {
          found[place] = rows.empty() ? 0 : 1;
          continue;
        }
        for (const std::uint32_t row : rows) {
          pairs.left.push_back(place);
          pairs.right.push_back(row);
          if (pairs.left.size() < kPairs) continue;
          flush(place);
          if (stopped) return;
        }
      }
      flush(count);
      if (only_left) keep_left();
    }

    // Settles the candidates so far; left rows before `upto` have no more of them.
    void flush(std::uint32_t upto) {
      if (join.spec_->condition && !pairs.left.empty()) check();
      for (const std::uint32_t place : pairs.left) found[place] = 1;
      if (!state.matched.empty()) {
        for (const std::uint32_t row : pairs.right) state.matched[row].store(1, std::memory_order_relaxed);
      }
      if (!join.only_left()) {
        std::vector<std::uint32_t> left_rows;
        std::vector<std::uint32_t> right_rows;
        left_rows.reserve(pairs.left.size());
        std::size_t next = 0;
        const auto take = [&](std::uint32_t place) {
          for (; next < pairs.left.size() && pairs.left[next] == place; ++next) {
            left_rows.push_back(batch.selection[place]);
            right_rows.push_back(pairs.right[next]);
          }
        };
        for (; done < upto; ++done) {
          take(done);
          if (found[done] == 0 && join.keeps_left()) {
            left_rows.push_back(batch.selection[done]);
            right_rows.push_back(kMissingRow);
          }
        }
        if (next < pairs.left.size()) take(upto);
        emit_rows(left_rows, right_rows);
      }
      pairs.clear();
      stopped = context.stopping();
    }

    const Column& left_column(From from, std::uint32_t column) const {
      return *(from == From::key ? keys[column] : batch.columns[column]);
    }

    void emit_rows(std::span<const std::uint32_t> left_rows, std::span<const std::uint32_t> right_rows) const {
      if (left_rows.empty()) return;
      if (row_bytes <= kPortionBytes / left_rows.size()) {
        return emit(join.rows_of(&batch, keys, state, left_rows, right_rows));
      }
      Portions portions(static_cast<std::uint32_t>(left_rows.size()));
      join.for_each_repeated([&](From from, std::uint32_t column) {
        const ColumnPtr& right = state.right.columns()[column];
        if (from != From::right) {
          portions.repeat(left_column(from, column), left_rows);
        } else if (right) {
          portions.repeat(*right, right_rows);
        }
      });
      portions.for_each([&](std::uint32_t first, std::uint32_t count) {
        emit(join.rows_of(&batch, keys, state, left_rows.subspan(first, count), right_rows.subspan(first, count)));
      });
    }

    // Leaves the pairs for which the condition is true.
    void check() {
      const JoinSpec& spec = *join.spec_;
      std::vector<std::uint32_t> left_rows;
      for (const std::uint32_t place : pairs.left) left_rows.push_back(batch.selection[place]);
      std::vector<ColumnPtr> columns(spec.left_columns + spec.right_columns);
      for (const std::uint32_t column : spec.condition->columns_read()) {
        columns[column] = column < spec.left_columns
                              ? gather(batch.columns[column], left_rows)
                              : gather(state.right.columns()[column - spec.left_columns], pairs.right);
      }
      const auto count = static_cast<std::uint32_t>(left_rows.size());
      const Selection kept = select(*spec.condition, {columns, count}, Selection::all(count), context.eval);
      if (!context.eval.errors.empty()) {
        RecordBatch failed = join.rows_of(&batch, keys, state, left_rows, pairs.right);
        reject_failed(failed, context);
      }
      Pairs true_pairs;
      kept.for_each([&](std::uint32_t i) {
        true_pairs.left.push_back(pairs.left[i]);
        true_pairs.right.push_back(pairs.right[i]);
      });
      pairs = std::move(true_pairs);
    }

    // Semi and anti joins are filters: rows stay where they are.
    void keep_left() {
      const std::uint8_t wanted = join.spec_->kind == JoinKind::left_semi ? 1 : 0;
      std::vector<std::uint32_t> rows;
      for (std::uint32_t place = 0; place < found.size(); ++place) {
        if (found[place] == wanted) rows.push_back(batch.selection[place]);
      }
      if (rows.empty()) return;
      std::vector<ColumnPtr> columns(join.spec_->outputs.size());
      for (std::size_t i = 0; i < columns.size(); ++i) {
        const JoinSpec::Output& output = join.spec_->outputs[i];
        const bool key = output.from == From::key;
        if (join.wanted_[i]) columns[i] = key ? keys[output.column] : batch.columns[output.column];
      }
      batch.columns = std::move(columns);
      batch.selection = Selection::of(std::move(rows));
      emit(std::move(batch));
    }
  };

  std::shared_ptr<const JoinSpec> spec_;
  std::vector<bool> wanted_;
};

}  // namespace

StepFactory make_join(JoinSpec join) {
  const auto make = [spec = std::make_shared<const JoinSpec>(std::move(join))](const std::vector<bool>& wanted) {
    std::vector<bool> left(spec->left_columns, false);
    std::vector<bool> right(spec->right_columns, false);
    for (const Expression& key : spec->left_keys) need_columns(key, left);
    if (spec->condition) {
      for (const std::uint32_t column : spec->condition->columns_read()) {
        const bool of_left = column < spec->left_columns;
        (of_left ? left : right)[of_left ? column : column - spec->left_columns] = true;
      }
    }
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (!wanted[i]) continue;
      const JoinSpec::Output& output = spec->outputs[i];
      if (output.from == From::left) left[output.column] = true;
      if (output.from == From::right) right[output.column] = true;
    }
    const KeptColumns collected{right, spec->right_keys};
    MadeStep made = MadeStep::of(std::make_unique<JoinKernel>(spec, wanted), {left, collected.read()});
    made.sides.push_back(make_collect({collected, spec->text}));
    return made;
  };
  return {.make = make, .collects = true};
}

}  // namespace streamrun
