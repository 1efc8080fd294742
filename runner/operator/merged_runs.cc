#include "runner/operator/merged_runs.h"

#include <algorithm>
#include <utility>

namespace streamrun {
namespace {

constexpr std::size_t kRangeRows = 4096;
// Of each run one row in so many is a sample. A range may have as many more rows as there are runs, times this.
constexpr std::size_t kMostBetween = 64;
constexpr std::size_t kLeastBetween = 16;

}  // namespace

MergedRuns::MergedRuns(const RowOrder& order, std::vector<ColumnPtr> columns, std::vector<std::vector<OrderedRow>> runs)
    : order_(&order), columns_(std::move(columns)), runs_(std::move(runs)) {
  std::erase_if(runs_, [](const std::vector<OrderedRow>& run) { return run.empty(); });
  const std::size_t between =
      std::clamp(kRangeRows / std::max<std::size_t>(1, runs_.size()), kLeastBetween, kMostBetween);
  std::vector<OrderedRow> samples;
  for (const auto& run : runs_) {
    for (std::size_t i = between; i < run.size(); i += between) samples.push_back(run[i]);
  }
  std::ranges::sort(samples, [this](const OrderedRow& a, const OrderedRow& b) { return earlier(a, b); });
  const std::size_t step = kRangeRows / between;
  for (std::size_t i = step - 1; i < samples.size(); i += step) bounds_.push_back(samples[i]);
}

bool MergedRuns::earlier(const OrderedRow& a, const OrderedRow& b) const {
  if (a.prefix != b.prefix) return a.prefix < b.prefix;
  const std::size_t count = order_->keys();
  const auto keys = std::span(columns_).last(count);
  const int compared = order_->compare(keys, a.row, keys, b.row, count);
  return compared != 0 ? compared < 0 : a.row < b.row;
}

std::uint32_t MergedRuns::ranges() const {
  return static_cast<std::uint32_t>(runs_.empty() ? 0 : bounds_.size() + 1);
}

std::size_t MergedRuns::begin_of(std::uint32_t index, const std::vector<OrderedRow>& run) const {
  if (index == 0) return 0;
  if (index > bounds_.size()) return run.size();
  const auto found = std::ranges::lower_bound(
      run, bounds_[index - 1], [this](const OrderedRow& a, const OrderedRow& b) { return earlier(a, b); });
  return static_cast<std::size_t>(found - run.begin());
}

std::vector<OrderedRow> MergedRuns::rows(std::uint32_t index) const {
  std::vector<OrderedRow> rows;
  std::vector<std::size_t> ends;
  for (const auto& run : runs_) {
    const auto part = std::span(run).subspan(begin_of(index, run));
    const auto count = begin_of(index + 1, run) - (run.size() - part.size());
    if (count == 0) continue;
    rows.insert(rows.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(count));
    ends.push_back(rows.size());
  }
  merge(rows, std::move(ends));
  return rows;
}

// Two neighbours at a time, until there is one run.
void MergedRuns::merge(std::vector<OrderedRow>& rows, std::vector<std::size_t> ends) const {
  std::vector<OrderedRow> other(rows.size());
  while (ends.size() > 1) {
    std::vector<std::size_t> merged;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < ends.size(); i += 2) {
      const std::size_t middle = ends[i];
      const std::size_t end = i + 1 < ends.size() ? ends[i + 1] : middle;
      const auto at = [&](std::size_t place) { return rows.begin() + static_cast<std::ptrdiff_t>(place); };
      std::merge(at(begin), at(middle), at(middle), at(end), other.begin() + static_cast<std::ptrdiff_t>(begin),
                 [this](const OrderedRow& a, const OrderedRow& b) { return earlier(a, b); });
      merged.push_back(end);
      begin = end;
    }
    std::swap(rows, other);
    ends = std::move(merged);
  }
}

}  // namespace streamrun
