// Keys to numbers: what keyed steps and joins hash with. Groups are numbered from 0 in order of first
// occurrence. Keys are equal as Spark's are: null = null, NaN = NaN, -0.0 = 0.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runner/data/column.h"
#include "runner/data/selection.h"

namespace streamrun {

// One thread at a time; `find` is const and may be called by many, each with its own scratch.
// Open addressing with the hashes kept. A single string or integer is compared in registers; any other key is
// encoded as a string of bytes. The table copies what it keeps.
class GroupTable {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  enum class Nulls : std::uint8_t {
    group,  // null is a key like any other
    none,   // a key with a null has no group (joins)
  };
  // Room that calls use; it keeps its capacity between them.
  struct Scratch {
    std::vector<StringRef> texts;
    std::vector<std::int64_t> integers;
    std::vector<std::uint64_t> hashes;
    std::vector<std::uint8_t> absent;  // the row has no group
    std::vector<std::uint32_t> ends;
    std::string encoded;
  };

  explicit GroupTable(std::vector<Type> types);

  // Sets `groups[i]` for selected row i, and `firsts` to the rows that made new groups, in order.
  // `keys`: a column a type, no more than the types given.
  void insert(std::span<const ColumnPtr> keys, const Selection& selection, Nulls nulls,
              std::vector<std::uint32_t>& groups, std::vector<std::uint32_t>& firsts);
  // As `insert`, but kNone where the key is not known.
  void find(std::span<const ColumnPtr> keys, const Selection& selection, Nulls nulls,
            std::vector<std::uint32_t>& groups, Scratch& scratch) const;

  std::uint32_t size() const { return static_cast<std::uint32_t>(hashes_.size()); }
  // Of a group's key; the same in every run and for every table of these types.
  std::uint64_t hash(std::uint32_t group) const { return hashes_[group]; }
  // The keys, a row a group. Ends the table's life: nothing may be inserted afterwards.
  std::vector<ColumnPtr> take_keys();
  std::size_t bytes() const;

 private:
  enum class Path : std::uint8_t { text, integer, encoded };
  struct TextSlot {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    std::uint32_t hash = 0;
    std::uint32_t group = kNone;
  };
  struct IntegerSlot {
    std::int64_t key = 0;
    std::uint32_t hash = 0;
    std::uint32_t group = kNone;
  };

  void prepare(std::span<const ColumnPtr> keys, const Selection& selection, std::uint32_t begin, std::uint32_t end,
               Nulls nulls, Scratch& scratch) const;
  void encode_rows(std::span<const ColumnPtr> keys, const Selection& selection, std::uint32_t begin, std::uint32_t end,
                   Nulls nulls, Scratch& scratch) const;
  std::uint32_t find_text(StringRef key, std::uint64_t hash) const;
  std::uint32_t find_integer(std::int64_t key, std::uint64_t hash) const;
  std::uint32_t insert_text(StringRef key, std::uint64_t hash);
  std::uint32_t insert_integer(std::int64_t key, std::uint64_t hash);
  std::uint32_t insert_null();
  std::uint32_t new_group(std::uint64_t hash);
  void grow();

  std::vector<Type> types_;
  Path path_;
  std::size_t mask_ = 0;
  std::vector<TextSlot> text_slots_;
  std::vector<IntegerSlot> integer_slots_;
  std::vector<std::uint64_t> hashes_;
  std::uint32_t null_group_ = kNone;     // of a single key; others encode their nulls
  std::vector<StringRef> texts_;         // by group
  std::vector<std::int64_t> integers_;   // by group
  std::vector<ColumnBuilder> builders_;  // of encoded keys
  std::shared_ptr<StringArena> arena_;
  Scratch scratch_;
};

}  // namespace streamrun
