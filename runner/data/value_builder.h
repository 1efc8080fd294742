// Fills a column value by value, nested ones too, where the number of rows is not known before.
//
//   structure: child(i) gets the value of field i (none: null, see end_struct), then end_struct()
//   array:     child(0) gets the elements, then end_list()
//   map:       child(0) gets the keys and child(1) as many values, then end_list()
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "runner/data/column.h"

namespace streamrun {

// One thread.
class ValueBuilder {
 public:
  explicit ValueBuilder(Type type);

  const Type& type() const { return type_; }
  std::uint32_t rows() const { return rows_; }

  void append_null();
  // T is the storage type of the column's type (std::uint8_t for booleans, StringRef for texts that `keep` holds).
  template <class T>
  void append(T value) {
    assert(sizeof(T) == width_);
    if (rows_ == capacity_) grow();
    std::memcpy(storage_.get() + std::size_t{rows_} * sizeof(T), &value, sizeof(T));
    ++rows_;
  }
  // string, binary, variant: copies the bytes.
  void append_string(std::string_view text) { append(arena().copy(text)); }

  std::size_t child_count() const { return children_.size(); }
  ValueBuilder& child(std::size_t i) { return children_[i]; }
  // The elements since the last list's end are a list.
  void end_list();
  // Children that got nothing for this row get a null.
  void end_struct();

  // Forgets the rows from `rows` on, and what children got for a row that has not ended: for records that turn
  // out bad and for duplicate names. Bytes of strings stay.
  void truncate(std::uint32_t rows);

  // Holds the bytes of StringRefs that were appended as they are.
  void keep(std::shared_ptr<const void> heap) { heaps_.push_back(std::move(heap)); }
  // Bytes held, strings and children included.
  std::size_t bytes() const;

  // The column so far; the builder is empty afterwards.
  MutableColumn finish();

 private:
  void grow();
  StringArena& arena() {
    if (arena_ == nullptr) arena_ = std::make_shared<StringArena>();
    return *arena_;
  }

  Type type_;
  std::uint32_t width_ = 0;
  std::uint32_t rows_ = 0;
  std::uint32_t capacity_ = 0;
  std::uint32_t list_end_ = 0;  // children's rows that belong to lists
  std::unique_ptr<std::byte[]> storage_;
  std::vector<std::uint32_t> nulls_;  // ascending
  std::vector<ValueBuilder> children_;
  std::shared_ptr<StringArena> arena_;
  std::vector<std::shared_ptr<const void>> heaps_;
};

// Appends the value of a simple type (no nested one, no variant) that `text` writes in the forms of JSON (a
// string's content, a number's digits): false, and nothing appended, where it is none.
bool append_from_text(ValueBuilder& builder, std::string_view text);

}  // namespace streamrun
