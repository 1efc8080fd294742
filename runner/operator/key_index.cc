#include "runner/operator/key_index.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace streamrun {
namespace {

constexpr std::uint32_t kFirstSlots = 256;
constexpr std::uint32_t kSegmentSlots = 1U << 14;
// Past so many bits a segment grows: that many keys in it have tags alike.
constexpr std::uint32_t kMostBits = 16;

// In tables of up to a MiB places are cheaper than searches.
constexpr std::uint32_t kSparseBits = 3;

bool is_full(std::uint32_t used, std::uint32_t mask, std::uint32_t depth) {
  return depth <= kSparseBits ? std::uint64_t{used} * 2 > mask : std::uint64_t{used} * 4 > std::uint64_t{mask} * 3;
}

}  // namespace

KeyIndex::KeyIndex(std::uint32_t expected) {
  const std::uint64_t slots = std::bit_ceil(std::max<std::uint64_t>(kFirstSlots, std::uint64_t{expected} * 2));
  const std::uint64_t segments = std::clamp<std::uint64_t>(slots / kSegmentSlots, 1, 1U << kMostBits);
  const auto bits = static_cast<std::uint32_t>(std::bit_width(segments) - 1);
  shift_ = 32 - bits;
  directory_.resize(segments);
  for (std::uint64_t i = 0; i < segments; ++i) {
    const auto each = static_cast<std::uint32_t>(std::min<std::uint64_t>(slots, kSegmentSlots));
    owners_.push_back(make(each, bits));
    directory_[i] = {owners_.back().slots.get(), each - 1, static_cast<std::uint32_t>(i)};
  }
}

KeyIndex::Owner KeyIndex::make(std::uint32_t slots, std::uint32_t depth) {
  Owner made;
  made.slots = std::make_unique<Slot[]>(slots);
  made.depth = depth;
  bytes_ += slots * sizeof(Slot);
  return made;
}

void KeyIndex::place(const Segment& segment, Slot slot) {
  std::uint32_t place = slot.tag & segment.mask;
  while (segment.slots[place].group != kNone) place = (place + 1) & segment.mask;
  segment.slots[place] = slot;
}

void KeyIndex::add(std::uint32_t tag, std::uint32_t group) {
  while (is_full(owners_[at(tag).owner].used, at(tag).mask, owners_[at(tag).owner].depth)) grow(tag);
  const Segment& segment = at(tag);
  place(segment, {tag, group});
  ++owners_[segment.owner].used;
}

void KeyIndex::grow(std::uint32_t tag) {
  const Segment& segment = at(tag);
  if (segment.mask + 1 < kSegmentSlots || owners_[segment.owner].depth == kMostBits) return enlarge(tag);
  split(tag);
}

// The places of the directory that are of `owner`, whose tags begin as `tag` does.
void KeyIndex::show(std::uint32_t owner, std::uint32_t tag, std::uint32_t slots) {
  const std::uint32_t depth = owners_[owner].depth;
  const std::uint64_t count = std::uint64_t{1} << (32 - shift_ - depth);
  const std::uint64_t first = (std::uint64_t{tag} >> shift_) / count * count;
  std::fill_n(directory_.begin() + static_cast<std::ptrdiff_t>(first), count,
              Segment{owners_[owner].slots.get(), slots - 1, owner});
}

void KeyIndex::enlarge(std::uint32_t tag) {
  const Segment old = at(tag);
  Owner larger = make((old.mask + 1) * 2, owners_[old.owner].depth);
  larger.used = owners_[old.owner].used;
  const Owner before = std::exchange(owners_[old.owner], std::move(larger));
  show(old.owner, tag, (old.mask + 1) * 2);
  for (std::uint32_t i = 0; i <= old.mask; ++i) {
    if (old.slots[i].group != kNone) place(at(tag), old.slots[i]);
  }
  bytes_ -= (std::size_t{old.mask} + 1) * sizeof(Slot);
}

void KeyIndex::split(std::uint32_t tag) {
  const Segment old = at(tag);
  const std::uint32_t depth = owners_[old.owner].depth + 1;
  if (32 - shift_ < depth) {
    std::vector<Segment> larger;
    larger.reserve(directory_.size() * 2);
    for (const Segment& segment : directory_) larger.insert(larger.end(), 2, segment);
    directory_ = std::move(larger);
    --shift_;
  }
  const std::uint32_t slots = old.mask + 1;
  const std::uint32_t bit = 1U << (32 - depth);
  const Owner before = std::exchange(owners_[old.owner], make(slots, depth));
  owners_.push_back(make(slots, depth));
  const auto other = static_cast<std::uint32_t>(owners_.size() - 1);
  show(old.owner, tag & ~bit, slots);
  show(other, tag | bit, slots);
  for (std::uint32_t i = 0; i < slots; ++i) {
    const Slot slot = old.slots[i];
    if (slot.group == kNone) continue;
    const Segment& half = at(slot.tag);
    place(half, slot);
    ++owners_[half.owner].used;
  }
  bytes_ -= slots * sizeof(Slot);
}

}  // namespace streamrun
