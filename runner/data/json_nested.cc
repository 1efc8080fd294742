#include "runner/data/json_nested.h"

#include <algorithm>
#include <unordered_map>

namespace streamrun {
namespace {

// Reads `[value, value…]` or `{"key": value…}` by their commas; `each` reads from a token to behind its value.
template <class Each>
JsonRead read_list(JsonCursor& cursor, char close, Each&& each) {
  ++cursor.at;
  if (cursor.token() == close) {
    ++cursor.at;
    return JsonRead::ok;
  }
  while (true) {
    if (cursor.done()) return cursor.broken("it ends too early");
    const JsonRead read = each();
    if (read == JsonRead::mismatch || read == JsonRead::broken) return read;
    const char next = cursor.token();
    if (next != ',' && next != close) return cursor.broken("a comma or a closing bracket is missing");
    ++cursor.at;
    if (next == close) return JsonRead::ok;
  }
}

constexpr const char* kTooDeep = "it is nested deeper than 100 levels";

}  // namespace

GrowingColumn::GrowingColumn(Type type, StringArena& arena)
    : type_(std::move(type)), arena_(&arena), width_(storage_size(type_.kind())) {
  for (const Field& field : type_.fields()) children_.emplace_back(field.type, arena);
}

std::byte* GrowingColumn::add_row() {
  values_.resize(values_.size() + width_);
  ++rows_;
  return values_.data() + (values_.size() - width_);
}

void GrowingColumn::append_null() {
  nulls_.push_back(rows_);
  add_row();
  if (type_.kind() == TypeKind::structure) {
    for (GrowingColumn& child : children_) child.append_null();
  }
}

void GrowingColumn::truncate(std::uint32_t rows) {
  if (rows >= rows_) return;
  rows_ = rows;
  values_.resize(rows * width_);
  while (!nulls_.empty() && nulls_.back() >= rows) nulls_.pop_back();
  if (type_.kind() == TypeKind::structure) {
    for (GrowingColumn& child : children_) child.truncate(rows);
  }
}

JsonRead GrowingColumn::append(JsonCursor& cursor, JsonContext& context, int depth) {
  if (cursor.done()) return cursor.broken("it ends too early");
  JsonRead read = JsonRead::mismatch;
  switch (type_.kind()) {
    case TypeKind::array: read = append_array(cursor, context, depth); break;
    case TypeKind::map: read = append_map(cursor, context, depth); break;
    case TypeKind::structure: read = append_structure(cursor, context, depth); break;
    default: {
      alignas(16) std::byte value[16] = {};
      context.depth = depth;
      read = read_json_simple(type_, cursor, context, *arena_, value);
      if (read == JsonRead::ok) std::memcpy(add_row(), value, width_);
      if (read == JsonRead::null) append_null();
      return read;
    }
  }
  if (read == JsonRead::mismatch && !cursor.done() && json_null(cursor)) {
    ++cursor.at;
    append_null();
    return JsonRead::null;
  }
  return read;
}

JsonRead GrowingColumn::append_array(JsonCursor& cursor, JsonContext& context, int depth) {
  if (*cursor.here() != '[') return JsonRead::mismatch;
  if (depth + 1 > kJsonDepth) return cursor.broken(kTooDeep);
  GrowingColumn& elements = children_[0];
  ListRef list{elements.rows_, 0};
  const JsonRead read = read_list(cursor, ']', [&] { return elements.append(cursor, context, depth + 1); });
  if (read != JsonRead::ok) return read;
  list.length = elements.rows_ - list.offset;
  std::memcpy(add_row(), &list, sizeof list);
  return JsonRead::ok;
}

JsonRead GrowingColumn::append_map(JsonCursor& cursor, JsonContext& context, int depth) {
  if (*cursor.here() != '{') return JsonRead::mismatch;
  if (depth + 1 > kJsonDepth) return cursor.broken(kTooDeep);
  GrowingColumn& keys = children_[0];
  GrowingColumn& values = children_[1];
  const std::uint32_t offset = keys.rows_;
  // Of a name that comes twice the last value wins: where each name's entry is.
  std::unordered_map<std::string, std::uint32_t> places;
  bool twice = false;
  std::vector<std::uint32_t> dropped;
  const JsonRead read = read_list(cursor, '}', [&] {
    std::string_view key;
    std::string spare;
    if (!read_json_key(cursor, spare, key)) return JsonRead::broken;
    const auto [place, fresh] = places.try_emplace(std::string(key), keys.rows_);
    if (!fresh) {
      twice = true;
      dropped.push_back(place->second);
      place->second = keys.rows_;
    }
    alignas(16) std::byte value[16] = {};
    if (!parse_cell(keys.type_, key, context.time, *keys.arena_, value)) return JsonRead::mismatch;
    const JsonRead entry = values.append(cursor, context, depth + 1);
    if (entry == JsonRead::ok || entry == JsonRead::null) std::memcpy(keys.add_row(), value, keys.width_);
    return entry;
  });
  if (read != JsonRead::ok) {
    keys.truncate(offset);
    values.truncate(offset);
    return read;
  }
  if (twice) {
    // Moves the entries that stay to the front.
    std::sort(dropped.begin(), dropped.end());
    std::uint32_t to = offset;
    for (std::uint32_t from = offset; from < keys.rows_; ++from) {
      if (std::binary_search(dropped.begin(), dropped.end(), from)) continue;
      if (to != from) {
        std::memcpy(keys.values_.data() + to * keys.width_, keys.values_.data() + from * keys.width_, keys.width_);
        values.move_row(from, to);
      }
      ++to;
    }
    keys.truncate(to);
    values.truncate(to);
  }
  const ListRef list{offset, keys.rows_ - offset};
  std::memcpy(add_row(), &list, sizeof list);
  return JsonRead::ok;
}

void GrowingColumn::move_row(std::uint32_t from, std::uint32_t to) {
  if (width_ != 0) std::memcpy(values_.data() + to * width_, values_.data() + from * width_, width_);
  const auto is_null = std::binary_search(nulls_.begin(), nulls_.end(), from);
  const auto place = std::lower_bound(nulls_.begin(), nulls_.end(), to);
  const bool was_null = place != nulls_.end() && *place == to;
  if (was_null && !is_null) nulls_.erase(place);
  if (!was_null && is_null) nulls_.insert(place, to);
  if (type_.kind() == TypeKind::structure) {
    for (GrowingColumn& child : children_) child.move_row(from, to);
  }
}

JsonRead GrowingColumn::append_structure(JsonCursor& cursor, JsonContext& context, int depth) {
  if (*cursor.here() != '{') return JsonRead::mismatch;
  if (depth + 1 > kJsonDepth) return cursor.broken(kTooDeep);
  const std::vector<Field>& fields = type_.fields();
  const JsonRead read = read_list(cursor, '}', [&] {
    std::string_view key;
    std::string spare;
    if (!read_json_key(cursor, spare, key)) return JsonRead::broken;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (fields[i].name != key) continue;
      children_[i].truncate(rows_);
      return children_[i].append(cursor, context, depth + 1);
    }
    if (cursor.done()) return cursor.broken("it ends too early");
    return skip_json(cursor) ? JsonRead::ok : JsonRead::broken;
  });
  if (read != JsonRead::ok) {
    for (GrowingColumn& child : children_) child.truncate(rows_);
    return read;
  }
  for (GrowingColumn& child : children_) {
    if (child.rows_ == rows_) child.append_null();
  }
  ++rows_;
  return JsonRead::ok;
}

MutableColumn GrowingColumn::finish(const std::vector<std::shared_ptr<const void>>& heaps) const {
  MutableColumn column = Column::make(type_, rows_);
  if (!values_.empty()) std::memcpy(column->values<std::byte>(), values_.data(), values_.size());
  for (const std::uint32_t row : nulls_) column->set_null(row);
  column->children.clear();
  for (const GrowingColumn& child : children_) column->children.push_back(child.finish(heaps));
  for (const auto& heap : heaps) column->keep(heap);
  return column;
}

}  // namespace streamrun
