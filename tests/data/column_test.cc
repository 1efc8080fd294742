#include "runner/data/column.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <thread>

#include "runner/data/raw_records.h"
#include "runner/data/selection.h"
#include "runner/data/text_value.h"
#include "runner/data/value_builder.h"

using namespace streamrun;

namespace {

const Type kNested = Type::structure({{"n", TypeKind::int32},
                                      {"names", Type::array(TypeKind::string)},
                                      {"m", Type::map(TypeKind::string, TypeKind::float64)}});

ColumnPtr nested_rows() {
  ValueBuilder rows(kNested);
  for (std::int32_t i = 0; i < 4; ++i) {
    if (i == 2) {
      rows.append_null();
      continue;
    }
    rows.child(0).append(i);
    for (std::int32_t k = 0; k < i; ++k)
      rows.child(1).child(0).append_string("a long enough name " + std::to_string(k));
    rows.child(1).end_list();
    rows.child(2).child(0).append_string("k");
    rows.child(2).child(1).append(0.5 * i);
    rows.child(2).end_list();
    rows.end_struct();
  }
  return rows.finish();
}

std::string row_text(const Column& column, std::uint32_t row) {
  std::string out;
  append_text(column, row, out);
  return out;
}

template <class T>
ColumnPtr column_of(TypeKind kind, std::initializer_list<T> values) {
  ValueBuilder builder(kind);
  for (const T value : values) builder.append(value);
  return builder.finish();
}

}  // namespace

TEST_CASE("columns are aligned and their memory is used again by the thread") {
  const void* first = nullptr;
  {
    const MutableColumn column = Column::make(TypeKind::int64, 1000);
    first = column->values<std::int64_t>();
    CHECK(reinterpret_cast<std::uintptr_t>(first) % 64 == 0);
    CHECK(column->no_nulls());
  }
  const MutableColumn again = Column::make(TypeKind::float64, 1000);
  CHECK(static_cast<const void*>(again->values<double>()) == first);
  MutableColumn large = Column::make(TypeKind::decimal, 100'000);
  CHECK(reinterpret_cast<std::uintptr_t>(large->values<Int128>()) % 64 == 0);
  std::thread([moved = std::move(large)]() mutable { moved.reset(); }).join();
  CHECK(Column::make(TypeKind::null, 5)->rows() == 5);
  CHECK(Column::make(TypeKind::int32, 0)->rows() == 0);
}

TEST_CASE("a constant stands for all rows") {
  const MutableColumn made = Column::make_constant(TypeKind::int32, 3);
  made->values<std::int32_t>()[0] = 7;
  const ColumnPtr wider = Column::resized_constant(made, 100);
  CHECK(wider->rows() == 100);
  CHECK(wider->value<std::int32_t>(99) == 7);
  CHECK(gather(wider, std::vector<std::uint32_t>{5, 6})->rows() == 2);
  const ColumnPtr null = Column::make_null(kNested, 4);
  CHECK(null->is_null(3));
  CHECK(null->children.size() == 3);
  CHECK(Column::resized_constant(null, 9)->children[0]->rows() == 9);
}

TEST_CASE("bitmaps") {
  Bitmap a;
  CHECK(a.all_set());
  a.clear(70, 100);
  CHECK_FALSE(a.test(70));
  CHECK(a.test(71));
  Bitmap b;
  b.intersect(a);
  CHECK_FALSE(b.test(70));
  b.set(70);
  b.clear(1, 100);
  a.intersect(b);
  CHECK_FALSE(a.test(70));
  CHECK_FALSE(a.test(1));
  CHECK(a.test(2));
}

TEST_CASE("strings of all lengths in an arena") {
  StringArena arena;
  std::vector<StringRef> refs;
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < 300; ++i) texts.emplace_back(i * i % 9001, static_cast<char>('a' + i % 26));
  for (const std::string& text : texts) refs.push_back(arena.copy(text));
  for (std::size_t i = 0; i < texts.size(); ++i) REQUIRE(refs[i].view() == texts[i]);
}

TEST_CASE("nested rows survive builders and gathers") {
  const ColumnPtr rows = nested_rows();
  CHECK(row_text(*rows, 0) == "{0, [], {k -> 0.0}}");
  CHECK(row_text(*rows, 2) == "null");
  CHECK(row_text(*rows, 3) == "{3, [a long enough name 0, a long enough name 1, a long enough name 2], {k -> 1.5}}");

  const std::vector<std::uint32_t> order = {3, 2, 0, 3};
  const ColumnPtr gathered = gather(rows, order);
  ColumnBuilder builder(kNested);
  builder.append(*rows, order);
  CHECK(builder.rows() == 4);
  CHECK(builder.bytes() > 100);
  const ColumnPtr copied = builder.finish();
  CHECK(builder.rows() == 0);
  for (std::uint32_t i = 0; i < order.size(); ++i) {
    CHECK(row_text(*gathered, i) == row_text(*rows, order[i]));
    CHECK(row_text(*copied, i) == row_text(*rows, order[i]));
    CHECK(equal_values(*gathered, i, *copied, i));
  }
}

TEST_CASE("a builder forgets rows, finished or not") {
  ValueBuilder rows(Type::array(kNested));
  rows.child(0).append_null();
  rows.end_list();
  rows.append_null();
  rows.end_list();
  ValueBuilder& element = rows.child(0);
  element.child(0).append(std::int32_t{5});
  element.child(1).child(0).append_string("half done");
  rows.truncate(3);
  CHECK(rows.child(0).rows() == 1);
  CHECK(rows.child(0).child(0).rows() == 1);
  CHECK(rows.child(0).child(1).child(0).rows() == 0);
  element.child(0).append(std::int32_t{6});
  element.end_struct();
  rows.end_list();
  const ColumnPtr column = rows.finish();
  CHECK(row_text(*column, 0) == "[null]");
  CHECK(row_text(*column, 1) == "null");
  CHECK(row_text(*column, 2) == "[]");
  CHECK(row_text(*column, 3) == "[{6, null, null}]");
}

TEST_CASE("values compare as Spark's do") {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const ColumnPtr doubles =
      column_of<double>(TypeKind::float64, {kNan, -0.0, 0.0, std::numeric_limits<double>::infinity(), -kNan});
  CHECK(compare_values(*doubles, 0, *doubles, 3) > 0);
  CHECK(compare_values(*doubles, 0, *doubles, 4) == 0);
  CHECK(equal_values(*doubles, 0, *doubles, 4));
  CHECK(equal_values(*doubles, 1, *doubles, 2));
  CHECK(compare_values(*doubles, 1, *doubles, 2) == 0);

  ValueBuilder strings(TypeKind::string);
  for (const char* text :
       {"b", "ba", "é", "a long text, longer than a prefix 1", "a long text, longer than a prefix 2"}) {
    strings.append_string(text);
  }
  strings.append_null();
  const ColumnPtr texts = strings.finish();
  CHECK(compare_values(*texts, 0, *texts, 1) < 0);
  CHECK(compare_values(*texts, 1, *texts, 2) < 0);
  CHECK(compare_values(*texts, 3, *texts, 4) < 0);
  CHECK(compare_values(*texts, 5, *texts, 0) < 0);
  CHECK(compare_values(*texts, 5, *texts, 5) == 0);
  CHECK(equal_values(*texts, 5, *texts, 5));
  CHECK_FALSE(equal_values(*texts, 3, *texts, 4));

  ValueBuilder lists(Type::array(TypeKind::int32));
  for (const std::initializer_list<std::int32_t> list : {std::initializer_list<std::int32_t>{1, 2}, {1, 2, 3}, {2}}) {
    for (const std::int32_t element : list) lists.child(0).append(element);
    lists.end_list();
  }
  const ColumnPtr arrays = lists.finish();
  CHECK(compare_values(*arrays, 0, *arrays, 1) < 0);
  CHECK(compare_values(*arrays, 1, *arrays, 2) < 0);

  ValueBuilder maps(Type::map(TypeKind::int32, TypeKind::int32));
  for (const std::initializer_list<std::int32_t> keys : {std::initializer_list<std::int32_t>{1, 2}, {2, 1}, {1, 3}}) {
    for (const std::int32_t key : keys) {
      maps.child(0).append(key);
      maps.child(1).append(key * 10);
    }
    maps.end_list();
  }
  const ColumnPtr dictionaries = maps.finish();
  CHECK(equal_values(*dictionaries, 0, *dictionaries, 1));
  CHECK_FALSE(equal_values(*dictionaries, 0, *dictionaries, 2));
}

TEST_CASE("selections without rows") {
  CHECK(without(Selection::all(3), {}).dense());
  const Selection left = without(Selection::all(5), std::vector<std::uint32_t>{1, 4});
  REQUIRE(left.count() == 3);
  CHECK(left[1] == 2);
  const Selection less = without(left, std::vector<std::uint32_t>{0, 1, 3});
  REQUIRE(less.count() == 1);
  CHECK(less[0] == 2);
}

TEST_CASE("the first error of a row counts") {
  RowErrors errors;
  errors.add(4, "a");
  errors.add(1, "b");
  errors.add(4, "c");
  const std::vector<RowError> taken = errors.take();
  REQUIRE(taken.size() == 2);
  CHECK(taken[0].message == "b");
  CHECK(taken[1].message == "a");
  CHECK(errors.empty());
}
