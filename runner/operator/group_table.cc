#include "runner/operator/group_table.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace streamrun {
namespace {

constexpr std::size_t kFirstSlots = 256;
constexpr std::uint32_t kChunk = 1024;  // rows whose hashes are computed together
constexpr std::uint32_t kAhead = 16;    // slots are fetched this many rows before they are looked at
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

template <class T>
void append_bytes(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Equal values have equal bytes, and no encoding begins another's.
void encode_value(const Column& column, std::uint32_t row, std::string& out) {
  if (column.type().kind() == TypeKind::null || column.is_null(row)) {
    out.push_back('\0');
    return;
  }
  out.push_back('\1');
  switch (column.type().kind()) {
    case TypeKind::float32: {
      float value = column.value<float>(row);
      if (std::isnan(value)) value = std::numeric_limits<float>::quiet_NaN();
      append_bytes(out, value + 0.0F);  // -0.0 + 0.0 is 0.0
      return;
    }
    case TypeKind::float64: {
      double value = column.value<double>(row);
      if (std::isnan(value)) value = std::numeric_limits<double>::quiet_NaN();
      append_bytes(out, value + 0.0);
      return;
    }
    case TypeKind::string:
    case TypeKind::binary:
    case TypeKind::variant: {
      const StringRef& text = column.value<StringRef>(row);
      append_bytes(out, text.size());
      out.append(text.data(), text.size());
      return;
    }
    case TypeKind::array:
    case TypeKind::map: {
      const ListRef list = column.value<ListRef>(row);
      append_bytes(out, list.length);
      for (const ColumnPtr& child : column.children) {
        for (std::uint32_t i = 0; i < list.length; ++i) encode_value(*child, list.offset + i, out);
      }
      return;
    }
    case TypeKind::structure:
      for (const ColumnPtr& child : column.children) encode_value(*child, column.slot(row), out);
      return;
    default:
      with_storage(column.type().kind(), [&]<class T>() {
        if constexpr (!std::is_void_v<T>) append_bytes(out, column.value<T>(row));
      });
  }
}

}  // namespace

GroupTable::GroupTable(std::vector<Type> types, std::uint32_t expected)
    : types_(std::move(types)), path_(Path::encoded) {
  if (types_.size() == 1 && is_text_key(types_[0].kind())) path_ = Path::text;
  if (types_.size() == 1 && is_integer_key(types_[0].kind())) path_ = Path::integer;
  if (path_ == Path::encoded) {
    for (const Type& type : types_) builders_.emplace_back(type);
  }
  arena_ = std::make_shared<StringArena>();
  hashes_.reserve(expected);
  (path_ == Path::integer ? integers_.reserve(expected) : texts_.reserve(expected));
  resize(std::max(kFirstSlots, std::bit_ceil(std::size_t{expected} * 2 + 1)));
}

void GroupTable::resize(std::size_t slots) {
  mask_ = slots - 1;
  if (path_ == Path::integer) {
    integer_slots_.assign(slots, {});
  } else {
    text_slots_.assign(slots, {});
  }
  for (std::uint32_t group = 0; group < size(); ++group) {
    if (group == null_group_) continue;
    std::size_t at = hashes_[group] & mask_;
    const auto short_hash = static_cast<std::uint32_t>(hashes_[group]);
    if (path_ == Path::integer) {
      while (integer_slots_[at].group != kNone) at = (at + 1) & mask_;
      integer_slots_[at] = {integers_[group], short_hash, group};
    } else {
      while (text_slots_[at].group != kNone) at = (at + 1) & mask_;
      const Words words = words_of(texts_[group]);
      text_slots_[at] = {words.low, words.high, short_hash, group};
    }
  }
}

std::uint32_t GroupTable::new_group(std::uint64_t hash) {
  hashes_.push_back(hash);
  return size() - 1;
}

inline std::size_t GroupTable::text_slot(const StringRef& key, std::uint64_t hash) const {
  const Words words = words_of(key);
  for (std::size_t at = hash & mask_;; at = (at + 1) & mask_) {
    const TextSlot& slot = text_slots_[at];
    // An empty slot looks like an empty text: either way the search ends.
    if (slot.low == words.low && slot.high == words.high) [[likely]]
      return at;
    if (slot.group == kNone) return at;
    if (slot.low == words.low && !is_inline(words) && slot.hash == static_cast<std::uint32_t>(hash) &&
        texts_[slot.group] == key) {
      return at;
    }
  }
}

std::uint32_t GroupTable::add_text(std::size_t at, StringRef key, std::uint64_t hash) {
  if (!key.is_inline()) key = arena_->copy({key.data(), key.size()});
  const std::uint32_t group = new_group(hash);
  texts_.push_back(key);
  const Words kept = words_of(key);
  text_slots_[at] = {kept.low, kept.high, static_cast<std::uint32_t>(hash), group};
  if (std::size_t{size()} * 2 > mask_) resize((mask_ + 1) * 2);
  return group;
}

std::size_t GroupTable::integer_slot(std::int64_t key, std::uint64_t hash) const {
  for (std::size_t at = hash & mask_;; at = (at + 1) & mask_) {
    const IntegerSlot& slot = integer_slots_[at];
    if (slot.group == kNone || slot.key == key) return at;
  }
}

std::uint32_t GroupTable::add_integer(std::size_t at, std::int64_t key, std::uint64_t hash) {
  const std::uint32_t group = new_group(hash);
  integers_.push_back(key);
  integer_slots_[at] = {key, static_cast<std::uint32_t>(hash), group};
  if (std::size_t{size()} * 2 > mask_) resize((mask_ + 1) * 2);
  return group;
}

std::uint32_t GroupTable::insert_null() {
  if (null_group_ != kNone) return null_group_;
  null_group_ = new_group(kNullHash);
  if (path_ == Path::text) texts_.emplace_back();
  if (path_ == Path::integer) integers_.push_back(0);
  return null_group_;
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

// Chunk by chunk: `known(row, key, hash)` gives the group of a key, `absent(row)` that of a row without one. Slots are
// fetched before they are looked at; hashes behind the chunk's end are any.
template <class Slots, class Key, class Known, class Absent>
void GroupTable::for_each_key(const Slots& slots, const Key* Scratch::* chunk, std::span<const ColumnPtr> keys,
                              const Selection& selection, Nulls nulls, Scratch& scratch,
                              std::vector<std::uint32_t>& groups, const Known& known, const Absent& absent) const {
  groups.resize(selection.count());
  std::uint32_t* const out = groups.data();
  for (std::uint32_t begin = 0; begin < selection.count(); begin += kChunk) {
    const std::uint32_t end = begin + std::min(kChunk, selection.count() - begin);
    prepare(keys, selection, begin, end, nulls, scratch);
    const std::uint64_t* hash = scratch.hashes.data();
    const Key* key = scratch.*chunk;
    if (scratch.absent.empty()) {
      for (std::uint32_t row = begin; row < end; ++row, ++key, ++hash) {
        __builtin_prefetch(&slots[hash[kAhead] & mask_]);
        out[row] = known(row, *key, *hash);
      }
    } else {
      for (std::uint32_t row = begin; row < end; ++row, ++key, ++hash) {
        out[row] = scratch.absent[row - begin] == 0 ? known(row, *key, *hash) : absent(row);
      }
    }
  }
}

void GroupTable::insert(std::span<const ColumnPtr> keys, const Selection& selection, Nulls nulls,
                        std::vector<std::uint32_t>& groups, std::vector<std::uint32_t>& firsts) {
  firsts.clear();
  const auto absent = [&](std::uint32_t row) {
    if (nulls == Nulls::none) return kNone;
    if (null_group_ == kNone) firsts.push_back(selection[row]);
    return insert_null();
  };
  if (path_ == Path::integer) {
    const auto known = [&](std::uint32_t row, std::int64_t key, std::uint64_t hash) {
      const std::size_t slot = integer_slot(key, hash);
      if (integer_slots_[slot].group != kNone) [[likely]]
        return integer_slots_[slot].group;
      firsts.push_back(selection[row]);
      return add_integer(slot, key, hash);
    };
    for_each_key(integer_slots_, &Scratch::integer_keys, keys, selection, nulls, scratch_, groups, known, absent);
  } else {
    const auto known = [&](std::uint32_t row, const StringRef& key, std::uint64_t hash) {
      const std::size_t slot = text_slot(key, hash);
      if (text_slots_[slot].group != kNone) [[likely]]
        return text_slots_[slot].group;
      firsts.push_back(selection[row]);
      return add_text(slot, key, hash);
    };
    for_each_key(text_slots_, &Scratch::text_keys, keys, selection, nulls, scratch_, groups, known, absent);
  }
  for (std::size_t i = 0; i < builders_.size(); ++i) builders_[i].append(*keys[i], firsts);
}

void GroupTable::find(std::span<const ColumnPtr> keys, const Selection& selection, Nulls nulls,
                      std::vector<std::uint32_t>& groups, Scratch& scratch) const {
  if (size() == 0) {
    groups.assign(selection.count(), kNone);
    return;
  }
  const auto absent = [&](std::uint32_t) { return nulls == Nulls::none ? kNone : null_group_; };
  if (path_ == Path::integer) {
    const auto known = [&](std::uint32_t, std::int64_t key, std::uint64_t hash) {
      return integer_slots_[integer_slot(key, hash)].group;
    };
    for_each_key(integer_slots_, &Scratch::integer_keys, keys, selection, nulls, scratch, groups, known, absent);
  } else {
    const auto known = [&](std::uint32_t, const StringRef& key, std::uint64_t hash) {
      return text_slots_[text_slot(key, hash)].group;
    };
    for_each_key(text_slots_, &Scratch::text_keys, keys, selection, nulls, scratch, groups, known, absent);
  }
}

std::vector<ColumnPtr> GroupTable::take_keys() {
  std::vector<ColumnPtr> columns;
  if (path_ == Path::encoded) {
    for (ColumnBuilder& builder : builders_) columns.push_back(builder.finish());
    return columns;
  }
  const MutableColumn column = Column::make(types_[0], size());
  if (path_ == Path::text) {
    std::copy(texts_.begin(), texts_.end(), column->values<StringRef>());
    column->keep(arena_);
  } else {
    with_storage(types_[0].kind(), [&]<class T>() {
      if constexpr (std::is_integral_v<T>) {
        std::transform(integers_.begin(), integers_.end(), column->values<T>(),
                       [](std::int64_t value) { return static_cast<T>(value); });
      }
    });
  }
  if (null_group_ != kNone) column->set_null(null_group_);
  columns.push_back(column);
  return columns;
}

std::size_t GroupTable::bytes() const {
  std::size_t total = text_slots_.capacity() * sizeof(TextSlot) + integer_slots_.capacity() * sizeof(IntegerSlot) +
                      hashes_.capacity() * sizeof(std::uint64_t) + texts_.capacity() * sizeof(StringRef) +
                      integers_.capacity() * sizeof(std::int64_t) + arena_->bytes();
  for (const ColumnBuilder& builder : builders_) total += builder.bytes();
  return total;
}

}  // namespace streamrun
