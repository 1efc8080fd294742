#include "runner/operator/sorted_runs.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <utility>
#include <vector>

namespace streamrun {
namespace {

using Rows = std::vector<std::pair<std::int64_t, std::int64_t>>;  // key, place

constexpr std::uint32_t kRunRows = 100;

// The place, then the key.
RunLayout layout_of(std::optional<std::uint64_t> limit) {
  RunLayout layout;
  layout.stored.columns = {{"place", TypeKind::int64}, {"key", TypeKind::int64}};
  layout.begin = 1;
  layout.order = RowOrder(std::vector<Direction>(1));
  layout.group = limit ? 1 : 0;
  layout.limit = limit;
  return layout;
}

std::vector<ColumnPtr> columns_of(std::span<const std::pair<std::int64_t, std::int64_t>> rows) {
  const auto count = static_cast<std::uint32_t>(rows.size());
  const MutableColumn places = Column::make(TypeKind::int64, count);
  const MutableColumn keys = Column::make(TypeKind::int64, count);
  for (std::uint32_t i = 0; i < count; ++i) {
    keys->values<std::int64_t>()[i] = rows[i].first;
    places->values<std::int64_t>()[i] = rows[i].second;
  }
  return {places, keys};
}

SpoolLimits small_spools(std::optional<std::uint64_t> disk) {
  SpoolLimits limits;
  limits.memory = 1 << 14;
  limits.disk = disk;
  return limits;
}

void take(Rows& rows, const std::vector<ColumnPtr>& columns, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) {
    rows.emplace_back(columns[1]->value<std::int64_t>(i), columns[0]->value<std::int64_t>(i));
  }
}

Rows many_rows() {
  Rows rows;
  for (std::int64_t i = 0; i < 100'000; ++i) rows.emplace_back(i * 7919 % 30'011, i);
  return rows;
}

// As `limit` has it, sorted by hand.
Rows expected_of(Rows rows, std::optional<std::uint64_t> limit) {
  std::ranges::stable_sort(rows, {}, &Rows::value_type::first);
  if (!limit) return rows;
  Rows kept;
  std::uint64_t count = 0;
  for (const auto& row : rows) {
    count = kept.empty() || kept.back().first != row.first ? 0 : count;
    if (count++ < *limit) kept.push_back(row);
  }
  return kept;
}

// With 64 KiB for a run there are so many that they are merged on two levels.
TEST_CASE("sorted runs are merged in order, whatever memory there is") {
  const Rows rows = many_rows();
  for (const auto limit :
       {std::optional<std::uint64_t>(), std::optional<std::uint64_t>(1), std::optional<std::uint64_t>(3)}) {
    const RunLayout layout = layout_of(limit);
    const Rows expected = expected_of(rows, limit);
    for (const std::uint64_t budget : {std::uint64_t{1} << 16, std::uint64_t{1} << 18, std::uint64_t{1} << 30}) {
      for (const bool draining : {false, true}) {
        const auto memory = std::make_shared<MemoryAccount>(budget);
        const auto spools = std::make_shared<SpoolPool>(small_spools({}));
        SortedRuns runs(layout, memory, spools);
        for (std::size_t begin = 0; begin < rows.size(); begin += kRunRows) {
          SortedRun run = sorted_run(layout, columns_of(std::span(rows).subspan(begin, kRunRows)), kRunRows);
          if (limit) cut(layout, run);
          REQUIRE(runs.add(std::move(run)));
          REQUIRE(memory->held() <= budget);
        }
        Rows got;
        if (draining) {
          REQUIRE(runs.drain([&](std::vector<ColumnPtr>&& columns, std::uint32_t count) -> Result<> {
            take(got, columns, count);
            return {};
          }));
          CHECK(memory->held() == 0);
          CHECK(spools->on_disk() + spools->in_memory() == 0);
        } else {
          REQUIRE(runs.finish());
          for (std::uint32_t i = 0; i < runs.chunks(); ++i) {
            const auto chunk = runs.chunk(i);
            REQUIRE(chunk);
            take(got, chunk->columns, chunk->rows);
          }
        }
        CHECK(got == expected);
      }
    }
  }
}

TEST_CASE("sorted runs past the disk that they may have say so") {
  const Rows rows = many_rows();
  const RunLayout layout = layout_of({});
  const auto spools = std::make_shared<SpoolPool>(small_spools(1 << 20));
  SortedRuns runs(layout, std::make_shared<MemoryAccount>(1 << 18), spools);
  Result<> done;
  for (std::size_t begin = 0; done && begin < rows.size(); begin += kRunRows) {
    done = runs.add(sorted_run(layout, columns_of(std::span(rows).subspan(begin, kRunRows)), kRunRows));
  }
  REQUIRE_FALSE(done);
  CHECK(done.error().message.find("`spool: {size: 1MiB}` allows no more") != std::string::npos);
}

}  // namespace
}  // namespace streamrun
