// Expressions with the values that Spark gives them: tests/cases/expressions/*.json.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "runner/data/text_value.h"
#include "runner/expr/expression.h"
#include "tests/expr/case_values.h"

namespace streamrun {
namespace {

std::string run(const Json& one) {
  Schema schema;
  std::vector<ColumnPtr> columns;
  if (auto fault = read_rows(one["schema"], {one["row"]}, schema, columns)) return *fault;
  Scope scope;
  scope.inputs.push_back({"", &schema, false});
  scope.owner = "stream 's'";
  const std::string wanted = one.value("error", "");
  const std::string expr = one["expr"];
  const LocatedText text(expr, {0, static_cast<std::uint32_t>(expr.size())});
  Diagnostics diagnostics;
  const auto expression = compile_expression(text, scope, diagnostics);
  if (!expression) {
    if (!diagnostics.has_errors()) return "refused without a diagnostic";
    const Diagnostic said = diagnostics.sorted()[0];
    const bool early = wanted == "record" && said.code == "constant-error";
    return wanted == "compile" || early ? "" : fmt::format("[{}] {}", said.code, said.message);
  }
  if (wanted == "compile") return "not refused";
  EvalContext context;
  context.batch = BatchTime(1'700'000'000'000);
  const ColumnPtr result = evaluate(*expression, {columns, 1}, Selection::all(1), context);
  if (!context.errors.empty()) return wanted == "record" ? "" : context.errors.all()[0].message;
  std::string got;
  if (result->type().kind() != TypeKind::null) append_text(*result, 0, got);
  if (wanted == "record") return fmt::format("no error but {}", got);
  if (expression->type().name() != one["type"].get<std::string>()) {
    return fmt::format("type {}, not {}", expression->type().name(), one["type"].dump());
  }
  if (matches(*result, 0, one["value"], one.value("rel_tol", 0.0))) return "";
  return fmt::format("{}, not {}", got, one["value"].dump());
}

TEST_CASE("expressions have the values that Spark gives them") {
  const std::vector<Json> cases = read_cases("tests/cases/expressions", "STREAMRUN_EXPRESSION_CASES");
  for (const Json& one : cases) {
    INFO(one["id"].get<std::string>() << ": " << one["expr"].get<std::string>() << "  " << one["row"].dump());
    const std::string fault = run(one);
    INFO(fault);
    CHECK(fault.empty());
  }
  CHECK_FALSE(cases.empty());
}

}  // namespace
}  // namespace streamrun
