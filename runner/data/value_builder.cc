#include "runner/data/value_builder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "runner/data/text_value.h"

namespace streamrun {

ValueBuilder::ValueBuilder(Type type) : type_(std::move(type)) {
  width_ = static_cast<std::uint32_t>(storage_size(type_.kind()));
  children_.reserve(type_.fields().size());
  for (const Field& field : type_.fields()) children_.emplace_back(field.type);
}

void ValueBuilder::grow() {
  const std::uint32_t capacity = std::max<std::uint32_t>(16, capacity_ * 2);
  auto storage = std::make_unique_for_overwrite<std::byte[]>(std::size_t{capacity} * width_);
  if (rows_ != 0) std::memcpy(storage.get(), storage_.get(), std::size_t{rows_} * width_);
  storage_ = std::move(storage);
  capacity_ = capacity;
}

void ValueBuilder::append_null() {
  nulls_.push_back(rows_);
  if (width_ != 0) {
    if (rows_ == capacity_) grow();
    std::memset(storage_.get() + std::size_t{rows_} * width_, 0, width_);
  } else {
    for (ValueBuilder& field : children_) field.append_null();
  }
  ++rows_;
}

void ValueBuilder::end_list() {
  const std::uint32_t end = children_[0].rows();
  assert(children_.size() == 1 || children_[1].rows() == end);
  append(ListRef{list_end_, end - list_end_});
  list_end_ = end;
}

void ValueBuilder::end_struct() {
  ++rows_;
  for (ValueBuilder& field : children_) {
    if (field.rows() < rows_) field.append_null();
    assert(field.rows() == rows_);
  }
}

void ValueBuilder::truncate(std::uint32_t rows) {
  rows_ = std::min(rows_, rows);
  while (!nulls_.empty() && nulls_.back() >= rows_) nulls_.pop_back();
  if (type_.kind() == TypeKind::structure) {
    for (ValueBuilder& field : children_) field.truncate(rows_);
  } else if (!children_.empty()) {
    list_end_ = 0;
    // A null list is {0, 0} wherever it stands, so the last end is looked for.
    for (std::uint32_t i = rows_; i-- > 0 && list_end_ == 0;) {
      ListRef list;
      std::memcpy(&list, storage_.get() + std::size_t{i} * sizeof list, sizeof list);
      list_end_ = list.offset + list.length;
    }
    for (ValueBuilder& elements : children_) elements.truncate(list_end_);
  }
}

std::size_t ValueBuilder::bytes() const {
  std::size_t sum = std::size_t{capacity_} * width_ + nulls_.capacity() * sizeof(std::uint32_t);
  if (arena_ != nullptr) sum += arena_->bytes();
  for (const ValueBuilder& child : children_) sum += child.bytes();
  return sum;
}

MutableColumn ValueBuilder::finish() {
  MutableColumn column = Column::make(type_, rows_);
  if (width_ != 0 && rows_ != 0) {
    std::memcpy(column->values<std::byte>(), storage_.get(), std::size_t{rows_} * width_);
  }
  for (const std::uint32_t row : nulls_) column->set_null(row);
  for (ValueBuilder& child : children_) column->children.push_back(child.finish());
  column->heaps = std::exchange(heaps_, {});
  if (arena_ != nullptr) column->keep(std::exchange(arena_, nullptr));
  rows_ = 0;
  list_end_ = 0;
  nulls_.clear();
  return column;
}

namespace {

template <class T>
bool parse_json_float(std::string_view text, T& out) {
  if constexpr (std::is_same_v<T, float>) {
    return parse_float(text, out);
  } else {
    return parse_double(text, out);
  }
}

}  // namespace

bool append_from_text(ValueBuilder& builder, std::string_view text) {
  const Type& type = builder.type();
  switch (type.kind()) {
    case TypeKind::boolean: {
      if (text != "true" && text != "false") return false;
      builder.append(static_cast<std::uint8_t>(text == "true"));
      return true;
    }
    case TypeKind::int32: {
      std::int32_t value = 0;
      if (!parse_int(text, value)) return false;
      builder.append(value);
      return true;
    }
    case TypeKind::int64: {
      std::int64_t value = 0;
      if (!parse_bigint(text, value)) return false;
      builder.append(value);
      return true;
    }
    case TypeKind::float32: {
      float value = 0;
      if (!parse_json_float(text, value)) return false;
      builder.append(value);
      return true;
    }
    case TypeKind::float64: {
      double value = 0;
      if (!parse_json_float(text, value)) return false;
      builder.append(value);
      return true;
    }
    case TypeKind::decimal: {
      Int128 value = 0;
      if (parse_decimal(text, type.precision(), type.scale(), value) != DecimalParse::ok) return false;
      builder.append(value);
      return true;
    }
    case TypeKind::string: {
      builder.append_string(text);
      return true;
    }
    case TypeKind::binary: {
      std::string bytes;
      if (!decode_base64(text, bytes)) return false;
      builder.append_string(bytes);
      return true;
    }
    case TypeKind::date: {
      std::int32_t days = 0;
      if (!parse_date(text, days)) return false;
      builder.append(days);
      return true;
    }
    case TypeKind::timestamp: {
      // A time alone is no moment here: there is no day that it could be of.
      constexpr std::int32_t kNoDay = std::numeric_limits<std::int32_t>::min();
      std::int64_t micros = 0;
      if (!parse_timestamp(text, kNoDay, micros)) return false;
      builder.append(micros);
      return true;
    }
    default: return false;
  }
}

}  // namespace streamrun
