// Aggregates with the values that Spark gives them: tests/cases/aggregates/*.json. Every case is added up in one go,
// and again in two parts that are merged.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>

#include "runner/expr/aggregate.h"
#include "runner/expr/group_states.h"
#include "tests/expr/case_values.h"

namespace streamrun {
namespace {

// Adds rows up to the states of their groups.
void update(GroupStates& states, const AggregateCall& call, const EvalInput& input,
            const std::vector<std::uint32_t>& group_of, Selection rows, EvalContext& context) {
  if (call.filter) rows = select(*call.filter, input, rows, context);
  std::vector<ColumnPtr> arguments;
  for (const Expression& argument : call.arguments) arguments.push_back(evaluate(argument, input, rows, context));
  std::vector<std::uint32_t> groups;
  rows.for_each([&](std::uint32_t row) { groups.push_back(group_of[row]); });
  call.aggregator->update(states.states(0), groups, arguments, rows);
}

struct Grouping {
  std::vector<Json> keys;
  std::vector<std::uint32_t> group_of;
};
Grouping grouping_of(const Json& one, const std::vector<Json>& rows) {
  Grouping out;
  for (const Json& row : rows) {
    const Json key = one.contains("by") ? row[one["by"].get<std::string>()] : Json();
    const auto found = std::ranges::find(out.keys, key);
    out.group_of.push_back(static_cast<std::uint32_t>(found - out.keys.begin()));
    if (found == out.keys.end()) out.keys.push_back(key);
  }
  return out;
}

Selection rows_between(std::uint32_t begin, std::uint32_t end) {
  std::vector<std::uint32_t> rows;
  for (std::uint32_t row = begin; row < end; ++row) rows.push_back(row);
  return Selection::of(std::move(rows));
}

bool same_value(const Json& one, const Column& column, std::uint32_t row, const Json& expected) {
  const double tolerance = one.value("rel_tol", 0.0);
  if (!one.value("unordered", false)) return matches(column, row, expected, tolerance);
  std::vector<Json> order(expected.begin(), expected.end());
  std::sort(order.begin(), order.end());
  do {
    if (matches(column, row, Json(order), tolerance)) return true;
  } while (std::next_permutation(order.begin(), order.end()));
  return false;
}

// What is wrong with the case; `split`: rows up to there are one part, the others are merged to it.
std::string run(const Json& one, std::uint32_t split) {
  const std::vector<Json> rows = one["rows"];
  Schema schema;
  std::vector<ColumnPtr> columns;
  if (auto fault = read_rows(one["schema"], rows, schema, columns)) return *fault;
  Scope scope;
  scope.inputs.push_back({"", &schema, false});
  const std::string expr = one["expr"];
  const std::string wanted = one.value("error", "");
  Diagnostics diagnostics;
  const auto compiled =
      compile_aggregate(LocatedText(expr, {0, static_cast<std::uint32_t>(expr.size())}), scope, {}, 0, diagnostics);
  if (!compiled) {
    const Diagnostic said = diagnostics.sorted()[0];
    const bool early = wanted == "record" && said.code == "constant-error";
    return wanted == "compile" || early ? "" : fmt::format("[{}] {}", said.code, said.message);
  }
  if (wanted == "compile") return "not refused";

  const auto count = static_cast<std::uint32_t>(rows.size());
  const Grouping grouping = grouping_of(one, rows);
  const auto groups = static_cast<std::uint32_t>(grouping.keys.size());
  EvalContext context;
  std::vector<ColumnPtr> results;
  for (const AggregateCall& call : compiled->calls) {
    GroupStates states(std::span(&call.aggregator, 1));
    GroupStates later(std::span(&call.aggregator, 1));
    states.reach(groups);
    later.reach(groups);
    update(states, call, {columns, count}, grouping.group_of, rows_between(0, split), context);
    update(later, call, {columns, count}, grouping.group_of, rows_between(split, count), context);
    std::vector<std::uint32_t> all(groups);
    std::iota(all.begin(), all.end(), 0U);
    states.merge(all, later, 0);
    results.push_back(states.finish(0, all, context.errors));
  }
  ColumnPtr made;
  if (context.errors.empty()) {
    made = evaluate(compiled->finish, {results, groups}, Selection::all(groups), context);
  }
  if (!context.errors.empty()) return wanted == "record" ? "" : context.errors.all()[0].message;
  if (wanted == "record") return "no error";
  if (compiled->finish.type().name() != one["type"].get<std::string>()) {
    return fmt::format("type {}, not {}", compiled->finish.type().name(), one["type"].dump());
  }
  for (std::uint32_t g = 0; g < groups; ++g) {
    Json expected = one.contains("value") ? one["value"] : Json();
    for (const Json& group : one.value("groups", Json::array())) {
      if (group[0] == grouping.keys[g]) expected = group[1];
    }
    if (!same_value(one, *made, g, expected)) return fmt::format("group {} is not {}", g, expected.dump());
  }
  return "";
}

TEST_CASE("aggregates have the values that Spark gives them") {
  const std::vector<Json> cases = read_cases("tests/cases/aggregates", "STREAMRUN_AGGREGATE_CASES");
  for (const Json& one : cases) {
    const auto rows = static_cast<std::uint32_t>(one["rows"].size());
    for (const std::uint32_t split : {rows, rows / 2}) {
      INFO(one["id"].get<std::string>() << ": " << one["expr"].get<std::string>() << ", parts at " << split);
      const std::string fault = run(one, split);
      INFO(fault);
      CHECK(fault.empty());
    }
  }
  CHECK_FALSE(cases.empty());
}

}  // namespace
}  // namespace streamrun
