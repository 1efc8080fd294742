#include "runner/operator/keyed_groups.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace streamrun {
namespace {

constexpr std::uint32_t kSample = 512;                       // rows that tell whether keys are shared
constexpr std::size_t kMostDeferred = std::size_t{1} << 16;  // rows of a morsel
constexpr std::size_t kDeferredBytes = 64;                   // about what one takes, short texts with it

// Both selections ascend; rows that failed are in neither.
void update_filtered(const Aggregator& aggregator, StateRows states, std::span<const std::uint32_t> group_of_row,
                     const Selection& all, const KeyedRows::Call& call) {
  std::vector<std::uint32_t> rows;
  std::vector<std::uint32_t> groups;
  std::uint32_t at = 0;
  call.filtered->for_each([&](std::uint32_t row) {
    while (at < all.count() && all[at] < row) ++at;
    if (at == all.count() || all[at] != row) return;
    rows.push_back(row);
    groups.push_back(group_of_row[at]);
  });
  aggregator.update(states, groups, call.arguments, Selection::of(std::move(rows)));
}

}  // namespace

KeyedGroups::KeyedGroups(const KeyedAggregation& of, std::shared_ptr<MemoryAccount> account, std::uint32_t expected)
    : aggregation(of), table(of.key_types, expected), states(of.aggregators), held(std::move(account)) {
  if (of.fold_wanted) fold.emplace(*of.spec.fold);
}

void KeyedGroups::group(const KeyedRows& rows, GroupingRoom& room) {
  if (aggregation.keyed()) {
    table.insert(rows.keys, rows.selection, GroupTable::Nulls::group, room.group_of_row, room.firsts);
    reach(table.size());
  } else {
    room.group_of_row.assign(rows.selection.count(), 0);
    reach(1);
  }
  for (std::size_t i = 0; i < rows.calls.size(); ++i) {
    const Aggregator& aggregator = *aggregation.aggregators[i];
    const KeyedRows::Call& call = rows.calls[i];
    if (call.filtered) {
      update_filtered(aggregator, states.states(i), room.group_of_row, rows.selection, call);
    } else {
      aggregator.update(states.states(i), room.group_of_row, call.arguments, rows.selection);
    }
  }
}

void KeyedGroups::absorb(KeyedGroups& from, std::uint32_t begin, std::uint32_t end, BatchTime batch) {
  if (begin == end) return;
  std::vector<std::uint32_t> groups(end - begin, 0);
  if (aggregation.keyed()) {
    table.insert(from.table, begin, end, groups);
    reach(table.size());
  } else {
    reach(1);
  }
  states.merge(groups, from.states, begin);
  if (fold) {
    std::vector<std::uint32_t> from_groups(end - begin);
    std::iota(from_groups.begin(), from_groups.end(), begin);
    EvalContext context;
    context.batch = batch;
    fold->merge(groups, *from.fold, from_groups, context);
  }
  count();
}

void KeyedGroups::reach(std::uint32_t groups) {
  states.reach(groups);
  if (fold) fold->reach(groups);
  size = std::max(size, groups);
}

bool KeyedGroups::defers(const KeyedRows& first) const {
  if (!deferred.empty()) return true;
  if (aggregation.exact || fold || size != 0 || first.selection.count() < kSample) return false;
  if (!GroupTable::compares_values(aggregation.key_types)) return false;
  std::vector<std::uint32_t> rows(kSample);
  for (std::uint32_t i = 0; i < kSample; ++i) rows[i] = first.selection[i];
  std::vector<std::uint64_t> hashes;
  GroupTable::Scratch scratch;
  table.hash(first.keys, Selection::of(std::move(rows)), hashes, scratch);
  std::ranges::sort(hashes);
  return static_cast<std::uint32_t>(std::ranges::unique(hashes).begin() - hashes.begin()) > kSample / 2;
}

void KeyedGroups::defer(KeyedRows&& rows, GroupingRoom& room) {
  deferred_rows += rows.selection.count();
  deferred.push_back(std::move(rows));
  if (deferred_rows <= kMostDeferred) return;
  // More than that come of few records: steps have made them, and they may well be alike.
  for (const KeyedRows& one : take_deferred()) group(one, room);
}

std::vector<KeyedRows> KeyedGroups::take_deferred() {
  deferred_rows = 0;
  return std::exchange(deferred, {});
}

void KeyedGroups::seal() {
  table.seal();
  count();
}

void KeyedGroups::retire() {
  table.seal();
  held.set(bytes(), 0);
}

std::size_t KeyedGroups::bytes() const {
  return table.bytes() + states.bytes() + (fold ? fold->bytes() : 0) + deferred_rows * kDeferredBytes;
}

}  // namespace streamrun
