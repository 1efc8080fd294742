// Groups by a tag of their key's hash: open addressing in segments, each of which splits in two when it is full, so
// that growing copies and clears no more than one of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace streamrun {

// One thread at a time while groups are added; the const members may be called by many.
class KeyIndex {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  // `expected` groups have room from the start.
  explicit KeyIndex(std::uint32_t expected = 0);

  // The first group of this tag, or kNone: its key may be another one.
  std::uint32_t candidate(std::uint32_t tag) const {
    const Segment& segment = at(tag);
    for (std::uint32_t place = tag & segment.mask;; place = (place + 1) & segment.mask) {
      const Slot slot = segment.slots[place];
      // An empty place may bear any tag: either way the search ends.
      if (slot.tag == tag || slot.group == kNone) [[likely]]
        return slot.group;
    }
  }
  // The group of this tag whose key is the one that is looked for.
  template <class Same>
  std::uint32_t find(std::uint32_t tag, const Same& same) const {
    const Segment& segment = at(tag);
    for (std::uint32_t place = tag & segment.mask;; place = (place + 1) & segment.mask) {
      const Slot slot = segment.slots[place];
      if (slot.group == kNone) return kNone;
      if (slot.tag == tag && same(slot.group)) return slot.group;
    }
  }
  void prefetch(std::uint32_t tag) const {
    const Segment& segment = at(tag);
    __builtin_prefetch(&segment.slots[tag & segment.mask]);
  }
  // `group`, whose key is not there yet.
  void add(std::uint32_t tag, std::uint32_t group);
  std::size_t bytes() const { return bytes_; }

 private:
  struct Slot {
    std::uint32_t tag = 0;
    std::uint32_t group = kNone;
  };
  // Of tags that begin with the same bits.
  struct Segment {
    Slot* slots = nullptr;
    std::uint32_t mask = 0;
    std::uint32_t owner = 0;
  };
  struct Owner {
    std::unique_ptr<Slot[]> slots;
    std::uint32_t used = 0;
    std::uint32_t depth = 0;  // bits that its tags begin with
  };

  const Segment& at(std::uint32_t tag) const { return directory_[std::uint64_t{tag} >> shift_]; }
  Owner make(std::uint32_t slots, std::uint32_t depth);
  static void place(const Segment& segment, Slot slot);
  void show(std::uint32_t owner, std::uint32_t tag, std::uint32_t slots);
  void grow(std::uint32_t tag);
  void enlarge(std::uint32_t tag);
  void split(std::uint32_t tag);

  std::uint32_t shift_ = 32;        // of a tag, to its place in the directory
  std::vector<Segment> directory_;  // several places may share a segment
  std::vector<Owner> owners_;
  std::size_t bytes_ = 0;
};

}  // namespace streamrun
