#include "runner/operator/group_table.h"

#include <catch2/catch.hpp>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

namespace streamrun {
namespace {

using Texts = std::vector<std::optional<std::string>>;

ColumnPtr column_of(const Texts& texts) {
  const MutableColumn column = Column::make(TypeKind::string, static_cast<std::uint32_t>(texts.size()));
  const auto arena = std::make_shared<StringArena>();
  column->keep(arena);
  for (std::uint32_t i = 0; i < texts.size(); ++i) {
    column->values<StringRef>()[i] = texts[i] ? arena->copy(*texts[i]) : StringRef();
    if (!texts[i]) column->set_null(i);
  }
  return column;
}

// More keys than the first slots hold, each met twice; empty, short, long ones, and those that begin alike.
Texts many_texts() {
  Texts texts;
  for (int i = 0; i < 4000; ++i) {
    const std::string number = std::to_string(i % 2000);
    texts.push_back(i % 3 == 0 ? number : i % 3 == 1 ? "a long text that ends in " + number : "twelve" + number);
  }
  texts.insert(texts.begin() + 10, std::string());
  return texts;
}

TEST_CASE("groups of texts come in order of first occurrence, whatever room was expected") {
  const Texts texts = many_texts();
  std::map<std::string, std::uint32_t> known;
  std::vector<std::uint32_t> expected;
  for (const auto& text : texts) {
    expected.push_back(known.try_emplace(*text, static_cast<std::uint32_t>(known.size())).first->second);
  }
  const ColumnPtr column = column_of(texts);
  for (const std::uint32_t room : {0U, 100U, 100'000U}) {
    GroupTable table({TypeKind::string}, room);
    std::vector<std::uint32_t> groups;
    std::vector<std::uint32_t> firsts;
    table.insert(std::vector{column}, Selection::all(column->rows()), GroupTable::Nulls::group, groups, firsts);
    CHECK(groups == expected);
    CHECK(firsts.size() == known.size());
    CHECK(table.size() == known.size());
    GroupTable::Scratch scratch;
    std::vector<std::uint32_t> found;
    table.find(std::vector{column}, Selection::all(column->rows()), GroupTable::Nulls::group, found, scratch);
    CHECK(found == expected);
    table.seal();
    std::vector<std::uint32_t> all(table.size());
    std::iota(all.begin(), all.end(), 0U);
    const ColumnPtr keys = table.keys(all)[0];
    for (std::uint32_t i = 0; i < firsts.size(); ++i) REQUIRE(equal_values(*keys, i, *column, firsts[i]));
  }
}

TEST_CASE("a null is a group of its own, or none") {
  const ColumnPtr column = column_of({"a", std::nullopt, "", std::nullopt, "a"});
  std::vector<std::uint32_t> groups;
  std::vector<std::uint32_t> firsts;
  GroupTable grouped({TypeKind::string});
  grouped.insert(std::vector{column}, Selection::all(5), GroupTable::Nulls::group, groups, firsts);
  CHECK(groups == std::vector<std::uint32_t>{0, 1, 2, 1, 0});
  CHECK(firsts == std::vector<std::uint32_t>{0, 1, 2});
  GroupTable left_out({TypeKind::string});
  left_out.insert(std::vector{column}, Selection::of({1, 2, 4}), GroupTable::Nulls::none, groups, firsts);
  CHECK(groups == std::vector<std::uint32_t>{GroupTable::kNone, 0, 1});
  CHECK(firsts == std::vector<std::uint32_t>{2, 4});
  GroupTable::Scratch scratch;
  left_out.find(std::vector{column_of({"b", "a", std::nullopt})}, Selection::all(3), GroupTable::Nulls::none, groups,
                scratch);
  CHECK(groups == std::vector<std::uint32_t>{GroupTable::kNone, 1, GroupTable::kNone});
}

TEST_CASE("whole numbers and keys of several columns group alike") {
  const MutableColumn numbers = Column::make(TypeKind::int64, 3000);
  for (std::uint32_t i = 0; i < 3000; ++i) numbers->values<std::int64_t>()[i] = (i % 1000) * 7919 - 500;
  std::vector<std::uint32_t> groups;
  std::vector<std::uint32_t> firsts;
  GroupTable one({TypeKind::int64});
  one.insert(std::vector<ColumnPtr>{numbers}, Selection::all(3000), GroupTable::Nulls::group, groups, firsts);
  GroupTable two({TypeKind::int64, TypeKind::int64});
  std::vector<std::uint32_t> groups_of_two;
  two.insert(std::vector<ColumnPtr>{numbers, numbers}, Selection::all(3000), GroupTable::Nulls::group, groups_of_two,
             firsts);
  CHECK(one.size() == 1000);
  CHECK(groups == groups_of_two);
  CHECK(groups[1001] == 1);
}

// Whole numbers from `first` on.
ColumnPtr numbers_from(std::int64_t first, std::uint32_t count) {
  const MutableColumn numbers = Column::make(TypeKind::int64, count);
  for (std::uint32_t i = 0; i < count; ++i) numbers->values<std::int64_t>()[i] = first + i;
  return numbers;
}

// The same as texts of up to 12 bytes.
ColumnPtr texts_from(std::int64_t first, std::uint32_t count) {
  const MutableColumn texts = Column::make(TypeKind::string, count);
  for (std::uint32_t i = 0; i < count; ++i) texts->values<StringRef>()[i] = StringRef(std::to_string(first + i));
  return texts;
}

TEST_CASE("a short key costs 40 bytes at the most, and a table grows by steps") {
  constexpr std::uint32_t kRows = 10'000;
  for (const TypeKind kind : {TypeKind::int64, TypeKind::string}) {
    GroupTable table({kind});
    std::vector<std::uint32_t> groups;
    std::vector<std::uint32_t> firsts;
    for (std::uint32_t part = 0; part < 100; ++part) {
      const std::size_t before = table.bytes();
      const std::int64_t first = std::int64_t{part} * kRows;
      const ColumnPtr keys = kind == TypeKind::int64 ? numbers_from(first, kRows) : texts_from(first, kRows);
      table.insert(std::vector{keys}, Selection::all(kRows), GroupTable::Nulls::group, groups, firsts);
      REQUIRE(groups[0] == first);
      REQUIRE(groups[kRows - 1] == first + kRows - 1);
      REQUIRE(firsts.size() == kRows);
      if (part < 10) continue;
      REQUIRE(table.bytes() < before * 2);
      REQUIRE(table.bytes() < std::size_t{table.size()} * (kind == TypeKind::int64 ? 32 : 40));
    }
    // All are found again, in any order.
    const ColumnPtr keys = kind == TypeKind::int64 ? numbers_from(499'000, kRows) : texts_from(499'000, kRows);
    table.insert(std::vector{keys}, Selection::all(kRows), GroupTable::Nulls::group, groups, firsts);
    CHECK(firsts.empty());
    CHECK(groups[5] == 499'005);
  }
}

TEST_CASE("groups of another table come in its order, the null among them") {
  const ColumnPtr first = column_of({"b", std::nullopt, "a longer key than twelve"});
  const ColumnPtr second = column_of({"c", "a longer key than twelve", std::nullopt, "b", "d"});
  std::vector<std::uint32_t> groups;
  std::vector<std::uint32_t> firsts;
  GroupTable one({TypeKind::string});
  one.insert(std::vector{first}, Selection::all(3), GroupTable::Nulls::group, groups, firsts);
  GroupTable other({TypeKind::string});
  other.insert(std::vector{second}, Selection::all(5), GroupTable::Nulls::group, groups, firsts);
  other.seal();
  one.insert(other, 0, 5, groups);
  CHECK(groups == std::vector<std::uint32_t>{3, 2, 1, 0, 4});
  one.insert(other, 3, 5, groups);
  CHECK(groups == std::vector<std::uint32_t>{0, 4});
  CHECK(one.hash(1) == other.hash(2));
  one.seal();
  const ColumnPtr keys = one.keys(std::vector<std::uint32_t>{4, 1})[0];
  CHECK(equal_values(*keys, 0, *second, 4));
  CHECK(keys->is_null(1));
}

TEST_CASE("keys of several columns go from table to table") {
  const ColumnPtr numbers = numbers_from(0, 5000);
  const ColumnPtr texts = texts_from(7, 5000);
  std::vector<std::uint32_t> groups;
  std::vector<std::uint32_t> firsts;
  GroupTable other({TypeKind::int64, TypeKind::string});
  other.insert(std::vector{numbers, texts}, Selection::all(5000), GroupTable::Nulls::group, groups, firsts);
  other.seal();
  GroupTable one({TypeKind::int64, TypeKind::string});
  one.insert(other, 4000, 5000, groups);
  one.insert(other, 0, 5000, groups);
  CHECK(one.size() == 5000);
  CHECK(groups[4000] == 0);
  CHECK(groups[0] == 1000);
  one.seal();
  const std::vector<ColumnPtr> keys = one.keys(std::vector<std::uint32_t>{1000, 0});
  CHECK(equal_values(*keys[0], 0, *numbers, 0));
  CHECK(equal_values(*keys[1], 1, *texts, 4000));
}

TEST_CASE("an index keeps groups whose tags are alike") {
  KeyIndex index;
  for (std::uint32_t group = 0; group < 40'000; ++group) index.add(group < 20'000 ? 7 : group << 12U, group);
  CHECK(index.candidate(7) == 0);
  CHECK(index.find(7, [](std::uint32_t group) { return group == 19'999; }) == 19'999);
  CHECK(index.find(7, [](std::uint32_t group) { return group == 20'000; }) == KeyIndex::kNone);
  CHECK(index.candidate(8) == KeyIndex::kNone);
  for (std::uint32_t group = 20'000; group < 40'000; ++group) REQUIRE(index.candidate(group << 12U) == group);
}

}  // namespace
}  // namespace streamrun
