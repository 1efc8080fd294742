// Each transform: rows in, rows out, written as JSON.
#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "operators/builtin_catalog.h"
#include "runner/data/codec.h"
#include "runner/operator/kernel.h"
#include "runner/operator/portions.h"

namespace streamrun {
namespace {

SyntaxNode text(const std::string& value) {
  SyntaxNode node;
  node.kind = SyntaxNode::Kind::scalar;
  node.text = LocatedText(value, {});
  return node;
}
SyntaxNode map_of(std::vector<std::pair<std::string, SyntaxNode>> entries) {
  SyntaxNode node;
  node.kind = SyntaxNode::Kind::mapping;
  for (auto& [key, value] : entries) node.entries.push_back({LocatedText(key, {}), std::move(value)});
  return node;
}
SyntaxNode list_of(const std::vector<std::string>& items) {
  SyntaxNode node;
  node.kind = SyntaxNode::Kind::sequence;
  for (const std::string& item : items) node.items.push_back(text(item));
  return node;
}

struct Row {
  const char* s;  // null: a null
  std::int64_t n;
};

const Schema kRows{{{"s", TypeKind::string}, {"n", TypeKind::int64}}, {}};

RecordBatch batch_of(const std::vector<Row>& rows) {
  const auto count = static_cast<std::uint32_t>(rows.size());
  const MutableColumn s = Column::make(TypeKind::string, count);
  const MutableColumn n = Column::make(TypeKind::int64, count);
  const auto arena = std::make_shared<StringArena>();
  for (std::uint32_t i = 0; i < count; ++i) {
    s->values<StringRef>()[i] = rows[i].s != nullptr ? arena->copy(rows[i].s) : StringRef();
    if (rows[i].s == nullptr) s->set_null(i);
    n->values<std::int64_t>()[i] = rows[i].n;
  }
  s->keep(arena);
  RecordBatch batch;
  batch.rows = count;
  batch.selection = Selection::all(count);
  batch.columns = {s, n};
  return batch;
}

class Context final : public KernelContext {
 public:
  void reject(const RecordBatch&, std::vector<RowError> errors) override { rejected += errors.size(); }
  std::size_t rejected = 0;
};

struct Outcome {
  std::string rows;
  std::size_t rejected = 0;
  std::size_t faults = 0;
  std::vector<std::uint32_t> batches;  // rows of each that was emitted
};

std::string json_of(const RecordBatch& batch) {
  std::string out;
  batch.selection.for_each([&](std::uint32_t row) {
    for (std::size_t i = 0; i < batch.columns.size(); ++i) {
      if (i != 0) out += ',';
      append_json(*batch.columns[i], row, out);
    }
    out += ';';
  });
  return out;
}

// Each of `morsels` is a morsel of its own; with two threads they take turns.
Outcome run(const TransformDescriptor& transform, const SyntaxNode& node, const std::vector<std::vector<Row>>& morsels,
            const std::vector<Row>& other = {}, const Schema& other_schema = kRows, std::size_t threads = 1) {
  Diagnostics diagnostics;
  DecodeContext decoding{diagnostics};
  Outcome outcome;
  const OptionsPtr options = transform.decode(node, "step", decoding);
  outcome.faults = diagnostics.error_count();
  if (!options) return outcome;
  BindContext binding{
      {&kRows, &other_schema}, {"in", "other"}, nullptr, {}, "stream 'in'", 0, 1, 1, false, diagnostics, {}};
  if (!transform.streams) binding.inputs.pop_back();
  auto bound = transform.bind(options.get(), binding);
  outcome.faults = diagnostics.error_count();
  if (outcome.faults != 0) return outcome;
  REQUIRE(bound);
  Context context;
  const Emit emit = [&](RecordBatch&& batch) {
    outcome.rows += json_of(batch);
    outcome.batches.push_back(batch.selection.count());
  };
  const auto collect = [&](BreakerRun& breaker, const std::vector<std::vector<Row>>& all) {
    std::vector<std::unique_ptr<BreakerLocal>> locals;
    for (std::size_t i = 0; i < threads; ++i) locals.push_back(breaker.local());
    for (std::size_t m = 0; m < all.size(); ++m) {
      BreakerLocal& local = *locals[m % threads];
      breaker.add(local, batch_of(all[m]), MorselIndex{m}, context);
      if (auto partial = breaker.end_morsel(local)) REQUIRE(breaker.merge(std::move(partial)));
    }
    REQUIRE(breaker.finish(std::move(locals)));
  };
  const MadeStep made = bound->step.make(std::vector<bool>(bound->output.size(), true));
  if (made.breaker) {
    const auto breaker = made.breaker->start({});
    collect(*breaker, morsels);
    for (std::uint32_t i = 0; i < breaker->chunks(); ++i) outcome.rows += json_of(breaker->chunk(i, context).value());
  } else {
    std::vector<std::unique_ptr<BreakerRun>> runs;
    std::vector<BreakerRun*> sides;
    for (const auto& side : made.sides) {
      runs.push_back(side->start({}));
      collect(*runs.back(), {other});
      sides.push_back(runs.back().get());
    }
    const auto state = made.kernel->start(sides);
    for (const auto& rows : morsels) made.kernel->apply(batch_of(rows), 0, state.get(), context, emit);
    if (transform.streams && sides.empty()) made.kernel->apply(batch_of(other), 1, state.get(), context, emit);
    made.kernel->finish(state.get(), context, emit);
  }
  outcome.rejected = context.rejected;
  return outcome;
}

const std::vector<std::vector<Row>> kMorsels = {{{"a", 1}, {"b", 2}, {"a", 3}},
                                                {{"a longer key than twelve", 4}, {nullptr, 5}, {"b", 6}}};

TEST_CASE("per-record transforms") {
  CHECK(run(describe_filter(), text("n > 4"), kMorsels).rows == "null,5;\"b\",6;");
  CHECK(run(describe_filter(), text("n"), kMorsels).faults == 1);
  CHECK(run(describe_map(), map_of({{"m", text("n * 2")}}), kMorsels).rows == "2;4;6;8;10;12;");
  CHECK(run(describe_map(), map_of({{"m", text("100 / (n - 3)")}}), kMorsels).rejected == 1);
  CHECK(run(describe_with(), map_of({{"n", text("n + 1")}}), {{{"a", 1}}}).rows == "\"a\",2;");
  CHECK(run(describe_drop(), list_of({"s"}), {{{"a", 1}}}).rows == "1;");
  CHECK(run(describe_drop(), list_of({"t"}), {{{"a", 1}}}).faults == 1);
  CHECK(run(describe_rename(), map_of({{"s", text("n")}, {"n", text("s")}}), {{{"a", 1}}}).rows == "\"a\",1;");
  CHECK(run(describe_flat_map(), map_of({{"each", text("split(s, ' ')")}, {"as", text("word")}}),
            {{{"x y", 1}, {nullptr, 2}, {"z", 3}}})
            .rows == "\"x\";\"y\";\"z\";");
  CHECK(run(describe_union(), list_of({"other"}), {{{"a", 1}}}, {{"b", 2}}).rows == "\"a\",1;\"b\",2;");
}

TEST_CASE("aggregating transforms do not depend on the number of threads") {
  for (const std::size_t threads : {1U, 2U}) {
    CAPTURE(threads);
    const auto rows = [&](const TransformDescriptor& transform, const SyntaxNode& node) {
      return run(transform, node, kMorsels, {}, kRows, threads).rows;
    };
    CHECK(rows(describe_count(), map_of({{"as", text("c")}})) == "6;");
    CHECK(rows(describe_count_by_value(), list_of({"s"})) == "\"a\",2;\"b\",2;\"a longer key than twelve\",1;null,1;");
    CHECK(rows(describe_reduce(), map_of({{"value", text("n")}, {"merge", text("a + b")}})) == "21;");
    CHECK(rows(describe_reduce(), map_of({{"value", text("n")}, {"merge", text("a * b")}})) == "720;");
    CHECK(rows(describe_reduce_by_key(),
               map_of({{"key", text("s")}, {"to", map_of({{"total", text("sum(n)")}, {"m", text("first(n)")}})}})) ==
          "\"a\",4,1;\"b\",8,2;\"a longer key than twelve\",4,4;null,5,5;");
    CHECK(rows(describe_reduce_by_key(), map_of({{"key", text("s")},
                                                 {"value", text("n")},
                                                 {"start", text("array(v)")},
                                                 {"add", text("concat(acc, array(v))")},
                                                 {"merge", text("concat(a, b)")}})) ==
          "\"a\",[1,3];\"b\",[2,6];\"a longer key than twelve\",[4];null,[5];");
  }
  CHECK(run(describe_count(), map_of({{"as", text("c")}}), {}).rows == "0;");
  CHECK(run(describe_reduce(), map_of({{"value", text("n")}, {"merge", text("a + b")}}), {}).rows.empty());
}

TEST_CASE("rows that a step makes of fewer ones come in portions") {
  const auto largest = [](const Outcome& outcome) { return *std::ranges::max_element(outcome.batches); };
  const auto total = [](const Outcome& outcome) {
    return std::accumulate(outcome.batches.begin(), outcome.batches.end(), std::uint64_t{0});
  };
  const std::string large(1 << 20, 'x');
  const auto flat = [&](const std::string& each, const char* s) {
    return run(describe_flat_map(), map_of({{"each", text(each)}, {"as", text("v")}, {"keep", list_of({"s"})}}),
               {{{s, 1}, {"b", 2}}});
  };
  const Outcome many = flat("sequence(1, if(s = 'b', 200000, 70000))", "a");
  CHECK(total(many) == 270000);
  CHECK(largest(many) == kPortionRows);
  const Outcome wide = flat("sequence(1, 40)", large.c_str());
  CHECK(total(wide) == 80);
  CHECK(largest(wide) <= 15 + 40);
  CHECK(wide.batches.front() == 15);
  // A single list has a bound of its own.
  const Outcome lists = flat("sequence(n, 10000000 + n)", "a");
  CHECK(lists.rejected == 2);

  const Schema other{{{"t", TypeKind::string}, {"m", TypeKind::int64}}, {}};
  const auto cross = [&](const char* left, const char* right) {
    std::vector<Row> rows(50, {right, 1});
    return run(describe_join(), map_of({{"with", text("other")}, {"how", text("cross")}}), {{{left, 1}, {"b", 2}}},
               rows, other);
  };
  CHECK(cross("a", "r").batches == std::vector<std::uint32_t>{100});
  for (const Outcome& joined : {cross(large.c_str(), "r"), cross("a", large.c_str())}) {
    CHECK(total(joined) == 100);
    CHECK(joined.batches.front() == 15);
  }
}

TEST_CASE("joins") {
  const Schema other{{{"s", TypeKind::string}, {"m", TypeKind::int64}}, {}};
  const auto join = [&](const std::string& on, const std::string& how) {
    return run(describe_join(), map_of({{"with", text("other")}, {"on", text(on)}, {"how", text(how)}}),
               {{{"a", 1}, {"b", 2}, {nullptr, 3}}}, {{"a", 10}, {"c", 20}, {"a", 30}, {nullptr, 40}}, other);
  };
  CHECK(join("s", "inner").rows == "\"a\",1,10;\"a\",1,30;");
  CHECK(join("s", "left_outer").rows == "\"a\",1,10;\"a\",1,30;\"b\",2,null;null,3,null;");
  CHECK(join("s", "right_outer").rows == "\"a\",1,10;\"a\",1,30;\"c\",null,20;null,null,40;");
  CHECK(join("s", "full_outer").rows == "\"a\",1,10;\"a\",1,30;\"b\",2,null;null,3,null;\"c\",null,20;null,null,40;");
  CHECK(join("s", "left_semi").rows == "\"a\",1;");
  CHECK(join("s", "left_anti").rows == "\"b\",2;null,3;");
  CHECK(join("left.s = right.s", "inner").faults == 1);
  CHECK(join("left.s = right.s and left.n * 20 < right.m", "left_semi").rows == "\"a\",1;");
  CHECK(join("left.n * 20 = right.m", "left_anti").rows == "null,3;");
}

}  // namespace
}  // namespace streamrun
