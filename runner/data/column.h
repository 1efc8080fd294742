// Typed vectors. A column is filled by one thread, then shared and never changed again.
//
// Row i of a column belongs to row i of its batch: filters make selections and move nothing, and a
// kernel writes only the rows that are selected, so the other rows hold anything (never a dangling
// string). One layout per storage class:
//
//   boolean                      std::uint8_t, 0 or 1
//   int32, date, month_interval  std::int32_t
//   int64, timestamp, day_interval  std::int64_t
//   float32, float64             float, double
//   decimal                      Int128, the unscaled value
//   string, binary, variant      StringRef (a variant is its JSON text, compact)
//   array, map                   ListRef into children[0] (elements, or keys) and children[1] (values)
//   structure                    a child a field, rows alike
//   null                         nothing
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "runner/data/type.h"

namespace streamrun {

__extension__ using Int128 = __int128;
__extension__ using UInt128 = unsigned __int128;

// A text of up to 4 GiB: short ones inline, long ones by pointer and a prefix. The bytes of long ones
// belong to a heap that the column keeps alive.
class StringRef {
 public:
  static constexpr std::uint32_t kInline = 12;

  StringRef() { std::memset(static_cast<void*>(this), 0, sizeof *this); }
  explicit StringRef(std::string_view text) : StringRef(text.data(), static_cast<std::uint32_t>(text.size())) {}
  StringRef(const char* data, std::uint32_t size) {
    // Loads that overlap instead of a copy of unknown length, put together in registers.
    std::uint64_t head = 0;  // bytes 0 to 7
    std::uint64_t tail = 0;  // bytes 8 to 11
    if (size > kInline) {
      std::uint64_t pointer;
      std::memcpy(&pointer, &data, sizeof pointer);
      head = load<std::uint32_t>(data) | pointer << 32;
      tail = pointer >> 32;
    } else if (size >= 8) {
      head = load<std::uint64_t>(data);
      tail = load<std::uint64_t>(data + size - 8) >> (8 * (15 - size)) >> 8;
    } else if (size >= 4) {
      head = load<std::uint32_t>(data) | std::uint64_t{load<std::uint32_t>(data + size - 4)} << (8 * (size - 4));
    } else if (size != 0) {
      head = byte(data, 0) | byte(data, size / 2) | byte(data, size - 1);
    }
    const std::uint64_t words[2] = {size | head << 32, head >> 32 | tail << 32};
    std::memcpy(static_cast<void*>(this), words, sizeof words);
  }

  std::uint32_t size() const { return size_; }
  bool is_inline() const { return size_ <= kInline; }
  const char* data() const {
    if (is_inline()) return inline_;
    const char* pointer;
    std::memcpy(&pointer, inline_ + 4, sizeof pointer);
    return pointer;
  }
  // Points into this object where the text is short: keep the StringRef while the view lives.
  std::string_view view() const& { return {data(), size_}; }
  std::string_view view() && = delete;

  friend bool operator==(const StringRef& a, const StringRef& b) {
    if (std::memcmp(&a, &b, 8) != 0) return false;  // size and prefix
    if (a.is_inline()) return std::memcmp(a.inline_ + 4, b.inline_ + 4, 8) == 0;
    return std::memcmp(a.data(), b.data(), a.size_) == 0;
  }

 private:
  template <class T>
  static T load(const char* from) {
    T word;
    std::memcpy(&word, from, sizeof word);
    return word;
  }
  static std::uint64_t byte(const char* data, std::uint32_t at) {
    return std::uint64_t{static_cast<unsigned char>(data[at])} << (8 * at);
  }

  std::uint32_t size_;
  char inline_[kInline];
};
static_assert(sizeof(StringRef) == 16 && std::is_trivially_copyable_v<StringRef>);

struct ListRef {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
};

// Bytes for strings that are made while a column is filled. Becomes a heap of the column.
class StringArena {
 public:
  // Room for n bytes that stays where it is.
  char* allocate(std::size_t n);
  StringRef copy(std::string_view text);
  std::size_t bytes() const { return bytes_; }

 private:
  std::vector<std::unique_ptr<char[]>> chunks_;
  char* next_ = nullptr;
  std::size_t left_ = 0;
  std::size_t bytes_ = 0;
};

// One bit a row; no words at all means that every bit is set.
class Bitmap {
 public:
  bool all_set() const { return words_.empty(); }
  bool test(std::uint32_t i) const { return words_.empty() || ((words_[i >> 6] >> (i & 63)) & 1U) != 0; }
  // `size`: rows of the column. Makes the words on the first call.
  void clear(std::uint32_t i, std::uint32_t size);
  void set(std::uint32_t i) {
    if (!words_.empty()) words_[i >> 6] |= std::uint64_t{1} << (i & 63);
  }
  void clear_all(std::uint32_t size) { words_.assign((size + 63) / 64, 0); }
  // Set where both are.
  void intersect(const Bitmap& other);
  std::span<const std::uint64_t> words() const { return words_; }

 private:
  std::vector<std::uint64_t> words_;
};

class Column;
using ColumnPtr = std::shared_ptr<const Column>;
using MutableColumn = std::shared_ptr<Column>;

class Column {
 public:
  // `rows` uninitialised values, all valid; children are set by the caller.
  static MutableColumn make(Type type, std::uint32_t rows);
  // One value that stands for every row; `rows` says of how many.
  static MutableColumn make_constant(Type type, std::uint32_t rows);
  static ColumnPtr make_null(Type type, std::uint32_t rows);  // constant null
  // No rows, with children down to the innermost type: what is said of a list's elements holds of none too.
  static ColumnPtr make_empty(const Type& type);
  // The same constant over another number of rows.
  static ColumnPtr resized_constant(const ColumnPtr& constant, std::uint32_t rows);

  const Type& type() const { return type_; }
  std::uint32_t rows() const { return rows_; }
  bool constant() const { return constant_; }
  // Where row i's value is stored: i, or 0 in a constant column.
  std::uint32_t slot(std::uint32_t row) const { return constant_ ? 0 : row; }
  bool is_null(std::uint32_t row) const { return !validity.test(slot(row)); }
  bool no_nulls() const { return validity.all_set(); }

  // The values by slot. T is the storage of the type.
  template <class T>
  const T* values() const {
    return reinterpret_cast<const T*>(storage_.get());
  }
  template <class T>
  T* values() {
    return reinterpret_cast<T*>(storage_.get());
  }
  template <class T>
  const T& value(std::uint32_t row) const {
    return values<T>()[slot(row)];
  }

  void set_null(std::uint32_t slot) { validity.clear(slot, slots()); }
  std::uint32_t slots() const { return constant_ ? 1 : rows_; }
  void keep(std::shared_ptr<const void> heap) { heaps.push_back(std::move(heap)); }
  // Keeps what another column keeps: for results that point into its strings.
  void keep_heaps_of(const Column& other);

  Bitmap validity;
  std::vector<ColumnPtr> children;
  std::vector<std::shared_ptr<const void>> heaps;

 private:
  struct Free {
    void operator()(std::byte* p) const;
  };
  Column(Type type, std::uint32_t rows, bool constant);

  Type type_;
  std::uint32_t rows_ = 0;
  bool constant_ = false;
  std::unique_ptr<std::byte, Free> storage_;
};

// Bytes of a value in its column; 0 for null and structure.
std::size_t storage_size(TypeKind kind);
// All of a value stands in its column: neither a text nor nested.
bool fixed_size(const Type& type);

// Calls f.template operator()<T>() with the storage type of `kind`: the one switch over kinds.
template <class F>
decltype(auto) with_storage(TypeKind kind, F&& f) {
  switch (kind) {
    case TypeKind::boolean: return f.template operator()<std::uint8_t>();
    case TypeKind::int32:
    case TypeKind::date:
    case TypeKind::month_interval: return f.template operator()<std::int32_t>();
    case TypeKind::int64:
    case TypeKind::timestamp:
    case TypeKind::day_interval: return f.template operator()<std::int64_t>();
    case TypeKind::float32: return f.template operator()<float>();
    case TypeKind::float64: return f.template operator()<double>();
    case TypeKind::decimal: return f.template operator()<Int128>();
    case TypeKind::string:
    case TypeKind::binary:
    case TypeKind::variant: return f.template operator()<StringRef>();
    case TypeKind::array:
    case TypeKind::map: return f.template operator()<ListRef>();
    case TypeKind::structure:
    case TypeKind::null: break;
  }
  return f.template operator()<void>();
}

// Appends rows of other columns of one type, copying their strings: for what outlives its morsel, for
// gathers and for joins of batches. Nested types included.
class ColumnBuilder {
 public:
  explicit ColumnBuilder(Type type);
  ~ColumnBuilder();
  ColumnBuilder(ColumnBuilder&&) noexcept;
  ColumnBuilder& operator=(ColumnBuilder&&) noexcept;

  void append(const Column& from, std::uint32_t row);
  void append(const Column& from, std::span<const std::uint32_t> rows);
  void append_null();
  std::uint32_t rows() const;
  // Bytes held, strings included: what a memory budget counts.
  std::size_t bytes() const;
  // The column so far; the builder is empty afterwards.
  MutableColumn finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Rows of `from` at `rows`, in that order, sharing strings and nested values: no copy of their bytes.
ColumnPtr gather(const ColumnPtr& from, std::span<const std::uint32_t> rows);
// Rows [first, first + count), shared likewise.
ColumnPtr slice(const ColumnPtr& from, std::uint32_t first, std::uint32_t count);

// Roughly the bytes of a value, each part of it counted as often as it occurs, shared or not. Counts no further than
// `most`: a result above it only says that there are more.
std::size_t value_bytes(const Column& column, std::uint32_t row, std::size_t most);

// Order of two values of one type, as Spark's: null first, NaN greatest and equal to itself, -0.0 = 0.0,
// strings by bytes, nested ones in turn. Negative, zero, positive. Maps have no order: asserted.
int compare_values(const Column& a, std::uint32_t row_a, const Column& b, std::uint32_t row_b);
// Equal as a grouping key: nulls are equal.
bool equal_values(const Column& a, std::uint32_t row_a, const Column& b, std::uint32_t row_b);

}  // namespace streamrun
