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
#include "runner/operator/key_index.h"
#include "runner/operator/segments.h"

namespace streamrun {

// Which of so many partitions a key of that hash goes to.
inline std::uint32_t partition_of(std::uint64_t hash, std::uint32_t partitions) {
  return static_cast<std::uint32_t>(((hash >> 32) * partitions) >> 32);
}

// One thread at a time; what is const may be called by many, `find` each with its own scratch.
// A single string or integer is compared in registers; any other key is encoded as a string of bytes. The table copies
// what it keeps: a short string costs it 16 bytes and a place of the index, of 8 bytes at a load of 3/8 to 3/4.
class GroupTable {
 public:
  static constexpr std::uint32_t kNone = KeyIndex::kNone;
  enum class Nulls : std::uint8_t {
    group,  // null is a key like any other
    none,   // a key with a null has no group (joins)
  };
  // Room that calls use; it keeps its capacity between them.
  struct Scratch {
    std::vector<StringRef> texts;
    std::vector<std::int64_t> integers;
    std::vector<std::uint64_t> hashes;
    std::vector<std::uint32_t> candidates;
    std::vector<std::uint8_t> absent;      // the row has no key; empty: all have one
    const StringRef* text_keys = nullptr;  // of the chunk: `texts`, or the column's own values
    const std::int64_t* integer_keys = nullptr;
    std::vector<std::uint32_t> ends;
    std::string encoded;
  };

  enum class Keys : std::uint8_t { kept, told_apart };  // `keys` and another table may ask for them, or nobody
  // `expected` groups have room from the start.
  explicit GroupTable(std::vector<Type> types, std::uint32_t expected = 0, Keys keys = Keys::kept);

  // Keys of these types are compared as they are, without being encoded.
  static bool compares_values(std::span<const Type> types);

  // Sets `groups[i]` for selected row i, and `firsts` to the rows that made new groups, in order.
  // `keys`: a column a type, no more than the types given.
  void insert(std::span<const ColumnPtr> keys, const Selection& selection, Nulls nulls,
              std::vector<std::uint32_t>& groups, std::vector<std::uint32_t>& firsts);
  // As `insert`, of the keys of groups [begin, end) of a sealed table of the same types.
  void insert(const GroupTable& from, std::uint32_t begin, std::uint32_t end, std::vector<std::uint32_t>& groups);
  // As `insert`, but kNone where the key is not known.
  void find(std::span<const ColumnPtr> keys, const Selection& selection, Nulls nulls,
            std::vector<std::uint32_t>& groups, Scratch& scratch) const;

  // Of each selected row's key.
  void hash(std::span<const ColumnPtr> keys, const Selection& selection, std::vector<std::uint64_t>& hashes,
            Scratch& scratch) const;

  std::uint32_t size() const { return size_; }
  // Of a group's key; the same in every run and for every table of these types.
  std::uint64_t hash(std::uint32_t group) const;
  // Ends insertions and searches, and gives back what only they need.
  void seal();
  // The keys of these groups, a row each. Of a sealed table.
  std::vector<ColumnPtr> keys(std::span<const std::uint32_t> groups) const;
  std::size_t bytes() const;

 private:
  enum class Path : std::uint8_t { text, integer, encoded };

  static Path path_of(std::span<const Type> types);
  void prepare(std::span<const ColumnPtr> keys, const Selection& selection, std::uint32_t begin, std::uint32_t end,
               Nulls nulls, Scratch& scratch) const;
  void prepare(const GroupTable& from, std::uint32_t begin, std::uint32_t end, Scratch& scratch) const;
  void encode_rows(std::span<const ColumnPtr> keys, const Selection& selection, std::uint32_t begin, std::uint32_t end,
                   Nulls nulls, Scratch& scratch) const;
  template <class Key, class Prepare, class Missing, class Absent>
  void for_each_key(const Segments<Key>& kept, const Key* Scratch::* chunk, std::uint32_t rows, const Prepare& prepare,
                    Scratch& scratch, std::vector<std::uint32_t>& groups, const Missing& missing,
                    const Absent& absent) const;
  template <class Prepare, class New>
  void insert_rows(std::uint32_t rows, Nulls nulls, const Prepare& prepare, std::vector<std::uint32_t>& groups,
                   const New& is_new);
  std::uint32_t add_group(std::uint64_t hash);

  std::vector<Type> types_;
  Path path_;
  std::uint32_t size_ = 0;
  std::uint32_t null_group_ = kNone;  // of a single key, not in the index; others encode their nulls
  KeyIndex index_;
  Segments<StringRef> texts_;            // by group
  Segments<std::int64_t> integers_;      // by group
  std::vector<ColumnBuilder> builders_;  // of encoded keys
  std::vector<ColumnPtr> columns_;       // of encoded keys, when sealed
  std::size_t column_bytes_ = 0;
  std::shared_ptr<StringArena> arena_;
  Scratch scratch_;
};

}  // namespace streamrun
