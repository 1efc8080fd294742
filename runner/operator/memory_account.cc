#include "runner/operator/memory_account.h"

#include <fmt/format.h>

#include "runner/base/units.h"

namespace streamrun {

bool MemoryAccount::has_room(std::uint64_t more) const {
  if (whole_) return whole_->has_room(more);
  const std::uint64_t now = held();
  return now <= budget_ && more <= budget_ - now;
}

void MemoryAccount::change(std::int64_t bytes, std::int64_t keys) {
  held_.fetch_add(static_cast<std::uint64_t>(bytes), std::memory_order_relaxed);
  keys_.fetch_add(static_cast<std::uint64_t>(keys), std::memory_order_relaxed);
  if (whole_) whole_->change(bytes, keys);
}

std::string MemoryAccount::refusal() const {
  const std::uint64_t of = keys();
  // Threads count their own, so that a key may be among those of several.
  const std::string for_keys = of == 0 ? "" : fmt::format(" for up to {} key{}", of, of == 1 ? "" : "s");
  return fmt::format(
      "it holds {} bytes{}, and all steps together may hold {}; raise `memory`, make batches smaller with "
      "`max_batch_bytes` or `max_batch_records`{}",
      held(), for_keys, format_byte_size({budget()}), of == 0 ? "" : ", or use fewer keys");
}

void HeldMemory::set(std::size_t bytes, std::uint64_t keys) {
  if (!account_ || (bytes == bytes_ && keys == keys_)) return;
  account_->change(static_cast<std::int64_t>(bytes - bytes_), static_cast<std::int64_t>(keys - keys_));
  bytes_ = bytes;
  keys_ = keys;
}

}  // namespace streamrun
