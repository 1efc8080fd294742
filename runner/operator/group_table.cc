#include "runner/operator/group_table.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <memory>

#include "runner/operator/key_values.h"

namespace streamrun {
namespace {

constexpr std::uint32_t kChunk = 1024;  // rows whose hashes are computed together
constexpr std::uint32_t kAhead = 32;    // places are fetched this many rows before they are looked at
constexpr std::uint64_t kNullHash = 0x9e3779b97f4a7c15U;

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  const UInt128 product = static_cast<UInt128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

struct Words {
  std::uint64_t low;
  std::uint64_t high;
};
static_assert(sizeof(Words) == sizeof(StringRef));

Words words_of(const StringRef& text) {
  return std::bit_cast<Words>(text);
}

bool is_inline(const Words& words) {
  return static_cast<std::uint32_t>(words.low) <= StringRef::kInline;
}

std::uint64_t hash_text(const StringRef& text) {
  const Words words = words_of(text);
  if (is_inline(words)) return mix(words.low ^ 0xa0761d6478bd642fU, words.high ^ 0xe7037ed1a0b428dbU);
  return XXH3_64bits(text.data(), text.size());
}

std::uint64_t hash_integer(std::int64_t value) {
  return mix(static_cast<std::uint64_t>(value) ^ 0x8ebc6af09c88c6e3U, 0x589965cc75374cc3U);
}

std::uint32_t tag_of(std::uint64_t hash) {
  return static_cast<std::uint32_t>(hash >> 32);
}

bool is_integer_key(TypeKind kind) {
  switch (kind) {
    case TypeKind::boolean:
    case TypeKind::int32:
    case TypeKind::int64:
    case TypeKind::date:
    case TypeKind::timestamp: return true;
    default: return false;
  }
}

bool is_text_key(TypeKind kind) {
  return kind == TypeKind::string || kind == TypeKind::binary;
}

}  // namespace

GroupTable::Path GroupTable::path_of(std::span<const Type> types) {
  if (types.size() == 1 && is_text_key(types[0].kind())) return Path::text;
  if (types.size() == 1 && is_integer_key(types[0].kind())) return Path::integer;
  return Path::encoded;
}

bool GroupTable::compares_values(std::span<const Type> types) {
  return path_of(types) != Path::encoded;
}

GroupTable::GroupTable(std::vector<Type> types, std::uint32_t expected, Keys keys)
    : types_(std::move(types)), path_(path_of(types_)), index_(expected) {
  if (path_ == Path::encoded && keys == Keys::kept) {
    for (const Type& type : types_) builders_.emplace_back(type);
  }
  arena_ = std::make_shared<StringArena>();
}

void GroupTable::encode_rows(std::span<const ColumnPtr> keys, const Selection& selection, std::uint32_t begin,
                             std::uint32_t end, Nulls nulls, Scratch& scratch) const {
  scratch.encoded.clear();
  scratch.ends.clear();
  for (std::uint32_t i = begin; i < end; ++i) {
    const std::uint32_t row = selection[i];
    for (const ColumnPtr& key : keys) {
      if (nulls == Nulls::none && key->is_null(row)) scratch.absent[i - begin] = 1;
      encode_value(*key, row, scratch.encoded);
    }
    scratch.ends.push_back(static_cast<std::uint32_t>(scratch.encoded.size()));
  }
  // Only now does the buffer stay where it is.
  std::uint32_t from = 0;
  for (std::uint32_t i = 0; i < end - begin; ++i) {
    scratch.texts[i] = StringRef(scratch.encoded.data() + from, scratch.ends[i] - from);
    scratch.hashes[i] = hash_text(scratch.texts[i]);
    from = scratch.ends[i];
  }
}

// The keys of rows [begin, end) side by side, and their hashes.
void GroupTable::prepare(std::span<const ColumnPtr> keys, const Selection& selection, std::uint32_t begin,
                         std::uint32_t end, Nulls nulls, Scratch& scratch) const {
  const std::uint32_t count = end - begin;
  scratch.hashes.resize(kChunk + kAhead);
  scratch.absent.clear();
  if (path_ == Path::encoded) {
    scratch.absent.assign(nulls == Nulls::none ? count : 0, 0);
    scratch.texts.resize(kChunk);
    scratch.text_keys = scratch.texts.data();
    encode_rows(keys, selection, begin, end, nulls, scratch);
    return;
  }
  const Column& column = *keys[0];
  if (!column.no_nulls()) {
    scratch.absent.resize(count);
    for (std::uint32_t i = 0; i < count; ++i) scratch.absent[i] = column.is_null(selection[begin + i]) ? 1 : 0;
  }
  if (path_ == Path::text) {
    const StringRef* values = column.values<StringRef>();
    if (selection.dense() && !column.constant() && scratch.absent.empty()) {
      scratch.text_keys = values + begin;
    } else {
      scratch.texts.resize(kChunk);
      scratch.text_keys = scratch.texts.data();
      for (std::uint32_t i = 0; i < count; ++i) {
        const bool absent = !scratch.absent.empty() && scratch.absent[i] != 0;
        scratch.texts[i] = absent ? StringRef() : values[column.slot(selection[begin + i])];
      }
    }
    for (std::uint32_t i = 0; i < count; ++i) scratch.hashes[i] = hash_text(scratch.text_keys[i]);
    return;
  }
  scratch.integers.resize(kChunk);
  scratch.integer_keys = scratch.integers.data();
  with_storage(types_[0].kind(), [&]<class T>() {
    if constexpr (std::is_integral_v<T>) {
      const T* values = column.values<T>();
      for (std::uint32_t i = 0; i < count; ++i) {
        scratch.integers[i] = static_cast<std::int64_t>(values[column.slot(selection[begin + i])]);
        scratch.hashes[i] = hash_integer(scratch.integers[i]);
      }
    }
  });
}

// The keys of groups [begin, end) of another table.
void GroupTable::prepare(const GroupTable& from, std::uint32_t begin, std::uint32_t end, Scratch& scratch) const {
  scratch.hashes.resize(kChunk + kAhead);
  scratch.absent.clear();
  if (from.null_group_ >= begin && from.null_group_ < end) {
    scratch.absent.assign(end - begin, 0);
    scratch.absent[from.null_group_ - begin] = 1;
  }
  if (path_ == Path::integer) {
    scratch.integers.resize(kChunk);
    scratch.integer_keys = scratch.integers.data();
    for (std::uint32_t group = begin; group < end; ++group) {
      scratch.integers[group - begin] = from.integers_[group];
      scratch.hashes[group - begin] = hash_integer(from.integers_[group]);
    }
    return;
  }
  scratch.texts.resize(kChunk);
  scratch.text_keys = scratch.texts.data();
  for (std::uint32_t group = begin; group < end; ++group) {
    scratch.texts[group - begin] = from.texts_[group];
    scratch.hashes[group - begin] = hash_text(from.texts_[group]);
  }
}

// Chunk by chunk, in two rounds: places and keys are fetched from memory in the first, for all rows at once, and
// compared in the second. `missing(row, key, tag)` gives the group of a key that the first round did not find,
// `absent(row)` that of a row without one. Hashes behind the chunk's end are any.
template <class Key, class Prepare, class Missing, class Absent>
void GroupTable::for_each_key(const Segments<Key>& kept, const Key* Scratch::* chunk, std::uint32_t rows,
                              const Prepare& prepare_rows, Scratch& scratch, std::vector<std::uint32_t>& groups,
                              const Missing& missing, const Absent& absent) const {
  groups.resize(rows);
  scratch.candidates.resize(kChunk);
  for (std::uint32_t begin = 0; begin < rows; begin += kChunk) {
    const std::uint32_t count = std::min(kChunk, rows - begin);
    prepare_rows(begin, begin + count, scratch);
    const std::uint64_t* const hashes = scratch.hashes.data();
    std::uint32_t* const candidates = scratch.candidates.data();
    for (std::uint32_t i = 0; i < count; ++i) {
      index_.prefetch(tag_of(hashes[i + kAhead]));
      candidates[i] = index_.candidate(tag_of(hashes[i]));
      if (candidates[i] != kNone) __builtin_prefetch(&kept[candidates[i]]);
    }
    const Key* const keys = scratch.*chunk;
    std::uint32_t* const out = groups.data() + begin;
    for (std::uint32_t i = 0; i < count; ++i) {
      if (!scratch.absent.empty() && scratch.absent[i] != 0) {
        out[i] = absent(begin + i);
      } else if (candidates[i] != kNone && kept[candidates[i]] == keys[i]) [[likely]] {
        out[i] = candidates[i];
      } else {
        out[i] = missing(begin + i, keys[i], hashes[i]);
      }
    }
  }
}

std::uint32_t GroupTable::add_group(std::uint64_t hash) {
  index_.add(tag_of(hash), size_);
  return size_++;
}

// `is_new(row)` is told of each row that makes a group.
template <class Prepare, class New>
void GroupTable::insert_rows(std::uint32_t rows, Nulls nulls, const Prepare& prepare_rows,
                             std::vector<std::uint32_t>& groups, const New& is_new) {
  const auto absent = [&](std::uint32_t row) {
    if (nulls == Nulls::none) return kNone;
    if (null_group_ == kNone) {
      null_group_ = size_++;
      (path_ == Path::integer ? integers_.push_back(0) : texts_.push_back({}));
      is_new(row);
    }
    return null_group_;
  };
  if (path_ == Path::integer) {
    const auto missing = [&](std::uint32_t row, std::int64_t key, std::uint64_t hash) {
      const std::uint32_t found =
          index_.find(tag_of(hash), [&](std::uint32_t group) { return integers_[group] == key; });
      if (found != kNone) return found;
      is_new(row);
      integers_.push_back(key);
      return add_group(hash);
    };
    for_each_key(integers_, &Scratch::integer_keys, rows, prepare_rows, scratch_, groups, missing, absent);
  } else {
    const auto missing = [&](std::uint32_t row, const StringRef& key, std::uint64_t hash) {
      const std::uint32_t found = index_.find(tag_of(hash), [&](std::uint32_t group) { return texts_[group] == key; });
      if (found != kNone) return found;
      is_new(row);
      texts_.push_back(key.is_inline() ? key : arena_->copy({key.data(), key.size()}));
      return add_group(hash);
    };
    for_each_key(texts_, &Scratch::text_keys, rows, prepare_rows, scratch_, groups, missing, absent);
  }
}

void GroupTable::insert(std::span<const ColumnPtr> keys, const Selection& selection, Nulls nulls,
                        std::vector<std::uint32_t>& groups, std::vector<std::uint32_t>& firsts) {
  firsts.clear();
  insert_rows(
      selection.count(), nulls,
      [&](std::uint32_t begin, std::uint32_t end, Scratch& scratch) {
        prepare(keys, selection, begin, end, nulls, scratch);
      },
      groups, [&](std::uint32_t row) { firsts.push_back(selection[row]); });
  for (std::size_t i = 0; i < builders_.size(); ++i) append_keys(keys[i], firsts, builders_[i]);
}

void GroupTable::insert(const GroupTable& from, std::uint32_t begin, std::uint32_t end,
                        std::vector<std::uint32_t>& groups) {
  std::vector<std::uint32_t> firsts;
  insert_rows(
      end - begin, Nulls::group,
      [&](std::uint32_t first, std::uint32_t last, Scratch& scratch) {
        prepare(from, begin + first, begin + last, scratch);
      },
      groups, [&](std::uint32_t row) { firsts.push_back(begin + row); });
  for (std::size_t i = 0; i < builders_.size(); ++i) builders_[i].append(*from.columns_[i], firsts);
}

void GroupTable::find(std::span<const ColumnPtr> keys, const Selection& selection, Nulls nulls,
                      std::vector<std::uint32_t>& groups, Scratch& scratch) const {
  const auto prepare_rows = [&](std::uint32_t begin, std::uint32_t end, Scratch& room) {
    prepare(keys, selection, begin, end, nulls, room);
  };
  const auto absent = [&](std::uint32_t) { return nulls == Nulls::none ? kNone : null_group_; };
  if (path_ == Path::integer) {
    const auto missing = [&](std::uint32_t, std::int64_t key, std::uint64_t hash) {
      return index_.find(tag_of(hash), [&](std::uint32_t group) { return integers_[group] == key; });
    };
    for_each_key(integers_, &Scratch::integer_keys, selection.count(), prepare_rows, scratch, groups, missing, absent);
  } else {
    const auto missing = [&](std::uint32_t, const StringRef& key, std::uint64_t hash) {
      return index_.find(tag_of(hash), [&](std::uint32_t group) { return texts_[group] == key; });
    };
    for_each_key(texts_, &Scratch::text_keys, selection.count(), prepare_rows, scratch, groups, missing, absent);
  }
}

void GroupTable::hash(std::span<const ColumnPtr> keys, const Selection& selection, std::vector<std::uint64_t>& hashes,
                      Scratch& scratch) const {
  hashes.resize(selection.count());
  for (std::uint32_t begin = 0; begin < selection.count(); begin += kChunk) {
    const std::uint32_t count = std::min(kChunk, selection.count() - begin);
    prepare(keys, selection, begin, begin + count, Nulls::group, scratch);
    for (std::uint32_t i = 0; i < count; ++i) {
      const bool null = !scratch.absent.empty() && scratch.absent[i] != 0;
      hashes[begin + i] = null ? kNullHash : scratch.hashes[i];
    }
  }
}

std::uint64_t GroupTable::hash(std::uint32_t group) const {
  if (group == null_group_) return kNullHash;
  return path_ == Path::integer ? hash_integer(integers_[group]) : hash_text(texts_[group]);
}

void GroupTable::seal() {
  index_ = KeyIndex();
  scratch_ = {};
  for (ColumnBuilder& builder : builders_) {
    column_bytes_ += builder.bytes();
    columns_.push_back(builder.finish());
  }
  builders_.clear();
}

std::vector<ColumnPtr> GroupTable::keys(std::span<const std::uint32_t> groups) const {
  std::vector<ColumnPtr> columns;
  for (const ColumnPtr& column : columns_) columns.push_back(gather(column, groups));
  if (path_ == Path::encoded) return columns;
  const MutableColumn column = Column::make(types_[0], static_cast<std::uint32_t>(groups.size()));
  with_storage(types_[0].kind(), [&]<class T>() {
    for (std::uint32_t i = 0; i < groups.size(); ++i) {
      if constexpr (std::is_same_v<T, StringRef>) {
        column->values<T>()[i] = texts_[groups[i]];
      } else if constexpr (std::is_integral_v<T>) {
        column->values<T>()[i] = static_cast<T>(integers_[groups[i]]);
      }
      if (groups[i] == null_group_) column->set_null(i);
    }
  });
  if (path_ == Path::text) column->keep(arena_);
  columns.push_back(column);
  return columns;
}

std::size_t GroupTable::bytes() const {
  std::size_t total = index_.bytes() + texts_.bytes() + integers_.bytes() + arena_->bytes() + column_bytes_;
  for (const ColumnBuilder& builder : builders_) total += builder.bytes();
  return total;
}

}  // namespace streamrun
