// Expressions that are nearly right: each is compiled and computed, or refused at characters of its own.
#include "tests/mutation.h"

#include <catch2/catch.hpp>

#include "runner/expr/expression.h"

namespace streamrun {
namespace {

TEST_CASE("expressions that are nearly right") {
  const Schema schema{{{"a", TypeKind::int32},
                       {"b", TypeKind::string},
                       {"d", TypeKind::float64},
                       {"l", Type::array(TypeKind::int32)},
                       {"t", TypeKind::timestamp}},
                      {}};
  Scope scope;
  scope.inputs.push_back({"", &schema, false});
  scope.owner = "stream 's'";
  std::vector<ColumnPtr> row;
  for (const Field& field : schema.columns) row.push_back(Column::make_null(field.type, 1));
  Mutator mutator(
      {"a + 1 > 2 and not b like 'x%' or d is null", "case when a in (1, 2, 3) then b || 'x' else upper(b) end",
       "transform(filter(l, x -> x > 1), (x, i) -> x * i)", "cast(d as decimal(10,2)) between 1.5 and 2e3",
       "date_trunc('day', t) + interval 1 day", "coalesce(element_at(l, -1), l[0], `a`)::string",
       "regexp_replace(b, '(a+)', '$1') <=> concat_ws(',', b, r'\\d')", "struct(a, b).a % -a & ~1 ^ 2 | 3"},
      {"(",    ")",  "[",    "]",    "'",        "\"", "`",
       "--",   "/*", "->",   "::",   ":",        "1e", "9223372036854775808",
       ".",    ",",  "null", "case", "end",      "as", "not",
       "sum(", "x",  " ",    "\xFF", "\xC3\xA9", "\\"});
  std::size_t good = 0;
  std::size_t refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = mutator.next();
    INFO(text);
    Diagnostics diagnostics;
    const auto size = static_cast<std::uint32_t>(text.size());
    const auto compiled = compile_expression(LocatedText(text, {0, size}), scope, diagnostics);
    if (compiled) {
      ++good;
      EvalContext context;
      const ColumnPtr value = evaluate(*compiled, {row, 1}, Selection::all(1), context);
      CHECK((value != nullptr || !context.errors.empty()));
    } else {
      ++refused;
      REQUIRE(diagnostics.error_count() > 0);
      for (const Diagnostic& one : diagnostics.sorted()) {
        CHECK(one.span.begin <= one.span.end);
        CHECK(one.span.end <= size);
      }
    }
  }
  CHECK(good > 500);
  CHECK(refused > 500);
}

}  // namespace
}  // namespace streamrun
