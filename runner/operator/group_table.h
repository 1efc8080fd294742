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
    std::vector<std::uint8_t> absent;      // the row has no key; empty: all have one
    const StringRef* text_keys = nullptr;  // of the chunk: `texts`, or the column's own values
    const std::int64_t* integer_keys = nullptr;
    std::vector<std::uint32_t> ends;
    std::string encoded;
  };

  // `expected` groups have room from the start.
  explicit GroupTable(std::vector<Type> types, std::uint32_t expected = 0);

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
  struct alignas(32) TextSlot {  // never in two cache lines
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
  template <class Slots, class Key, class Known, class Absent>
  void for_each_key(const Slots& slots, const Key* Scratch::* chunk, std::span<const ColumnPtr> keys,
                    const Selection& selection, Nulls nulls, Scratch& scratch, std::vector<std::uint32_t>& groups,
                    const Known& known, const Absent& absent) const;
  // Where the key is, or where it would be.
  std::size_t text_slot(const StringRef& key, std::uint64_t hash) const;
  std::size_t integer_slot(std::int64_t key, std::uint64_t hash) const;
  std::uint32_t add_text(std::size_t slot, StringRef key, std::uint64_t hash);
  std::uint32_t add_integer(std::size_t slot, std::int64_t key, std::uint64_t hash);
  std::uint32_t insert_null();
  std::uint32_t new_group(std::uint64_t hash);
  void resize(std::size_t slots);

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
