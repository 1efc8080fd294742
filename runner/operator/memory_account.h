// Bytes that steps and spools hold, counted as they change: what `memory` bounds.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

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
  // What can go to disk holds no more than this in memory, and leaves as much to others: a quarter, for all of them.
  std::uint64_t spill_share() const { return budget() / 4 / std::max<std::uint32_t>(1, whole().spilling_); }
  // Of a part that holds `held` already.
  bool has_spill_room(std::uint64_t held, std::uint64_t more) const {
    return held + more <= spill_share() && has_room(more + spill_share());
  }
  void change(std::int64_t bytes, std::int64_t keys);
  // One more of those that can go to disk, or (-1) one less.
  void change_spilling(int by) const { whole().spilling_ += static_cast<std::uint32_t>(by); }
  // Why a part may not hold more, and what to do.
  std::string refusal() const;

 private:
  const MemoryAccount& whole() const { return whole_ ? whole_->whole() : *this; }

  const std::shared_ptr<MemoryAccount> whole_;
  const std::uint64_t budget_ = ~std::uint64_t{0};
  std::atomic<std::uint64_t> held_ = 0;
  std::atomic<std::uint64_t> keys_ = 0;
  mutable std::atomic<std::uint32_t> spilling_ = 0;  // of the whole
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

// One of those that can go to disk, until its end.
class SpillingMember {
 public:
  explicit SpillingMember(std::shared_ptr<MemoryAccount> account) : account_(std::move(account)) {
    account_->change_spilling(1);
  }
  ~SpillingMember() { account_->change_spilling(-1); }
  SpillingMember(const SpillingMember&) = delete;
  SpillingMember& operator=(const SpillingMember&) = delete;

 private:
  const std::shared_ptr<MemoryAccount> account_;
};

}  // namespace streamrun
