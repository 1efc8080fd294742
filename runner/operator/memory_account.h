// Bytes that steps and spools hold, counted as they change: what `memory` bounds.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace streamrun {

// The whole of a run, or a part of it: what a part holds counts in the whole. Thread-safe.
class MemoryAccount {
 public:
  explicit MemoryAccount(std::uint64_t budget = ~std::uint64_t{0}) : budget_(budget) {}
  // Null: a whole of its own, without a bound.
  explicit MemoryAccount(std::shared_ptr<MemoryAccount> whole) : whole_(std::move(whole)) {}

  std::uint64_t held() const { return held_.load(std::memory_order_relaxed); }
  std::uint64_t keys() const { return keys_.load(std::memory_order_relaxed); }
  std::uint64_t budget() const { return whole_ ? whole_->budget() : budget_; }
  // The whole may hold so many bytes more.
  bool has_room(std::uint64_t more = 0) const;
  void change(std::int64_t bytes, std::int64_t keys);
  // Why a part may not hold more, and what to do.
  std::string refusal() const;

 private:
  const std::shared_ptr<MemoryAccount> whole_;
  const std::uint64_t budget_ = ~std::uint64_t{0};
  std::atomic<std::uint64_t> held_ = 0;
  std::atomic<std::uint64_t> keys_ = 0;
};

// What one holder has, until its end. One thread at a time.
class HeldMemory {
 public:
  explicit HeldMemory(std::shared_ptr<MemoryAccount> account) : account_(std::move(account)) {}
  ~HeldMemory() { set(0); }
  HeldMemory(const HeldMemory&) = delete;
  HeldMemory& operator=(const HeldMemory&) = delete;

  // `keys`: distinct ones that they are for, where there are any.
  void set(std::size_t bytes, std::uint64_t keys = 0);

 private:
  const std::shared_ptr<MemoryAccount> account_;
  std::size_t bytes_ = 0;
  std::uint64_t keys_ = 0;
};

}  // namespace streamrun
