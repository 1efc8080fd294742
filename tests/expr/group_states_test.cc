// What states hold is counted as it changes: never group by group.
#include "runner/expr/group_states.h"

#include <catch2/catch.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "runner/expr/aggregate.h"

namespace streamrun {
namespace {

std::shared_ptr<const Aggregator> aggregate(const std::string& text) {
  static const Schema schema{{{"s", TypeKind::string}, {"n", TypeKind::int64}}, {}};
  Scope scope;
  scope.inputs.push_back({"", &schema, false});
  Diagnostics diagnostics;
  const auto compiled =
      compile_aggregate(LocatedText(text, {0, static_cast<std::uint32_t>(text.size())}), scope, {}, 0, diagnostics);
  REQUIRE(compiled);
  return compiled->calls.at(0).aggregator;
}

ColumnPtr texts(std::uint32_t rows, std::size_t size) {
  const MutableColumn column = Column::make(TypeKind::string, rows);
  const auto arena = std::make_shared<StringArena>();
  column->keep(arena);
  for (std::uint32_t i = 0; i < rows; ++i) {
    column->values<StringRef>()[i] = arena->copy(std::to_string(i) + std::string(size, 'x'));
  }
  return column;
}

TEST_CASE("texts that states keep are counted, and are let go with them") {
  constexpr std::uint32_t kGroups = 5000;
  for (const std::string call : {"max(s)", "min(s)", "first(s)", "max_by(s, s)", "collect_list(s)", "collect_set(s)",
                                 "count(distinct s)", "approx_count_distinct(s)", "mode(s)"}) {
    CAPTURE(call);
    const std::vector aggregators{aggregate(call)};
    GroupStates states(aggregators);
    states.reach(kGroups);
    const std::size_t empty = states.bytes();
    std::vector<std::uint32_t> groups(kGroups);
    std::iota(groups.begin(), groups.end(), 0U);
    const ColumnPtr column = texts(kGroups, 1000);
    const std::vector<ColumnPtr> arguments(call == "max_by(s, s)" ? 2 : 1, column);
    aggregators[0]->update(states.states(0), groups, arguments, Selection::all(kGroups));
    const std::size_t full = states.bytes();
    CHECK(full - empty >= kGroups * std::size_t{1000});
    CHECK(full - empty < kGroups * std::size_t{4000});
    GroupStates all(aggregators);
    all.reach(kGroups);
    all.merge(groups, states, 0);
    CHECK(all.bytes() - empty >= kGroups * std::size_t{1000});
    CHECK(all.bytes() - empty < kGroups * std::size_t{4000});
  }
}

TEST_CASE("a group of short texts or numbers costs little") {
  constexpr std::uint32_t kGroups = 10'000;
  const auto bytes_of = [](const std::vector<std::string>& calls) {
    std::vector<std::shared_ptr<const Aggregator>> aggregators;
    for (const std::string& call : calls) aggregators.push_back(aggregate(call));
    GroupStates states(aggregators);
    states.reach(kGroups);
    return states.bytes() / kGroups;
  };
  CHECK(bytes_of({"count(*)"}) == 8);
  CHECK(bytes_of({"count(*)", "avg(cast(n as double))"}) <= 24);
  CHECK(bytes_of({"sum(n)"}) == 32);
  CHECK(bytes_of({"collect_list(s)"}) == 8);
}

}  // namespace
}  // namespace streamrun
