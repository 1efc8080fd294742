// A column that grows value by value, nested to any depth: what arrays, maps and structs of JSON are read into.
#pragma once

#include <memory>
#include <vector>

#include "runner/data/column.h"
#include "runner/data/json_cursor.h"

namespace streamrun {

class GrowingColumn {
 public:
  // The arena keeps the strings of all levels.
  GrowingColumn(Type type, StringArena& arena);

  std::uint32_t rows() const { return rows_; }
  void append_null();
  // Forgets the rows from `rows` on.
  void truncate(std::uint32_t rows);
  // The value at hand as one more row. Where it is neither ok nor null there is no new row.
  JsonRead append(JsonCursor& cursor, JsonContext& context, int depth);
  // The column so far; `heaps` are given to it and to its children.
  MutableColumn finish(const std::vector<std::shared_ptr<const void>>& heaps) const;

 private:
  JsonRead append_array(JsonCursor& cursor, JsonContext& context, int depth);
  JsonRead append_map(JsonCursor& cursor, JsonContext& context, int depth);
  JsonRead append_structure(JsonCursor& cursor, JsonContext& context, int depth);
  std::byte* add_row();
  void move_row(std::uint32_t from, std::uint32_t to);

  Type type_;
  StringArena* arena_;
  std::size_t width_;
  std::uint32_t rows_ = 0;
  std::vector<std::byte> values_;
  std::vector<std::uint32_t> nulls_;  // ascending
  std::vector<GrowingColumn> children_;
};

}  // namespace streamrun
