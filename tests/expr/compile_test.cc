// What the compiler of expressions refuses, where, and in which words.
#include <catch2/catch.hpp>
#include <vector>

#include "runner/expr/aggregate.h"
#include "runner/expr/expression.h"

namespace streamrun {
namespace {

const Schema& schema() {
  static const Schema kSchema{
      {{"amount", Type(TypeKind::float64)}, {"n", Type(TypeKind::int32)}, {"name", Type(TypeKind::string)}}, {}};
  return kSchema;
}

struct Refusal {
  std::string text;
  std::string code;
  std::string at;
  std::string message;
};

TEST_CASE("a mistake is told at its own characters") {
  const std::vector<Refusal> refusals = {
      {"amuont > 0", "unknown-column", "amuont", "stream 's' has no column 'amuont'; did you mean 'amount'?"},
      {"n + Amount", "unknown-column", "Amount",
       "stream 's' has no column 'Amount'; names are case-sensitive: did you mean 'amount'?"},
      {"1 + uper(name)", "unknown-function", "uper", "there is no function 'uper'; did you mean 'upper'?"},
      {"n > :limt", "unknown-param", ":limt", "there is no param 'limt'; did you mean 'limit'?"},
      {"n = 1 / 0", "constant-error", "1 / 0", "division by zero in '1 / 0'"},
      {"n +", "syntax", "", "the expression ends too early; expected a value"},
      {"sum(n) > 1", "aggregate-not-allowed", "sum(n)",
       "the aggregate sum cannot stand here; only the `to` of a keyed step takes aggregates: `reduce_by_key: {key: …, "
       "to: {x: \"sum(n)\"}}`, and the steps behind it use x"},
  };
  Params params;
  const MutableColumn limit = Column::make_constant(TypeKind::int32, 1);
  limit->values<std::int32_t>()[0] = 7;
  params["limit"] = Param{TypeKind::int32, limit};
  Scope scope;
  scope.inputs.push_back({"", &schema(), false});
  scope.params = &params;
  scope.owner = "stream 's'";
  for (const Refusal& refusal : refusals) {
    INFO(refusal.text);
    Diagnostics diagnostics;
    const auto size = static_cast<std::uint32_t>(refusal.text.size());
    CHECK_FALSE(compile_expression(LocatedText(refusal.text, {0, size}), scope, diagnostics));
    REQUIRE(diagnostics.error_count() == 1);
    const Diagnostic said = diagnostics.sorted()[0];
    CHECK(said.code == refusal.code);
    CHECK(said.message == refusal.message);
    CHECK(refusal.text.substr(said.span.begin, said.span.end - said.span.begin) == refusal.at);
  }
}

TEST_CASE("deep and long expressions are refused, not followed") {
  for (const std::string& text : {std::string(5000, '(') + "1" + std::string(5000, ')'), std::string(3000, '~') + "1",
                                  std::string(100'000, '1')}) {
    Diagnostics diagnostics;
    CHECK_FALSE(compile_expression(LocatedText(text, {0, static_cast<std::uint32_t>(text.size())}), {}, diagnostics));
    CHECK(diagnostics.error_count() == 1);
  }
}

TEST_CASE("aggregates are split from what is computed of them") {
  Scope scope;
  scope.inputs.push_back({"", &schema(), false});
  const Schema keys{{{"name", Type(TypeKind::string)}}, {}};
  Diagnostics diagnostics;
  const std::string text = "sum(amount) filter (where n > 1) / count(*)";
  const auto made = compile_aggregate(LocatedText(text, {0, 43}), scope, keys, 2, diagnostics);
  REQUIRE(made);
  REQUIRE(made->calls.size() == 2);
  CHECK(made->calls[0].filter);
  CHECK(made->calls[1].arguments.empty());
  CHECK(made->finish.columns_read() == std::vector<std::uint32_t>{3, 4});
  CHECK_FALSE(compile_aggregate(LocatedText("amount", {0, 6}), scope, keys, 0, diagnostics));
  CHECK(diagnostics.sorted()[0].code == "aggregate-required");
}

}  // namespace
}  // namespace streamrun
