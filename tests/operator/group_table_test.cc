#include "runner/operator/group_table.h"

#include <catch2/catch.hpp>
#include <map>
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
    const ColumnPtr keys = table.take_keys()[0];
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

}  // namespace
}  // namespace streamrun
