#include "runner/exec/reorder_window.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

namespace streamrun {
namespace {

MorselOutcome outcome(std::uint64_t number) {
  MorselOutcome made;
  made.records = number;
  return made;
}

TEST_CASE("outcomes are applied in order of their index") {
  std::vector<std::uint64_t> applied;
  ReorderWindow window(4, [&](MorselOutcome&& one) {
    applied.push_back(one.records);
    return true;
  });
  for (const std::uint64_t index : {2U, 1U, 3U}) window.complete(MorselIndex(index), outcome(index));
  CHECK(applied.empty());
  window.complete(MorselIndex(0), outcome(0));
  CHECK(applied == std::vector<std::uint64_t>{0, 1, 2, 3});
}

TEST_CASE("after a refusal nothing is applied and nobody waits") {
  std::vector<std::uint64_t> applied;
  ReorderWindow window(2, [&](MorselOutcome&& one) {
    applied.push_back(one.records);
    return false;
  });
  window.complete(MorselIndex(1), outcome(1));
  window.complete(MorselIndex(0), outcome(0));
  CHECK(applied == std::vector<std::uint64_t>{0});
  CHECK_FALSE(window.wait_for_room(MorselIndex(1000)));
}

TEST_CASE("nobody reads on while what is in flight takes too much, but the next in order may") {
  ReorderWindow window(8, [](MorselOutcome&&) { return true; }, 3 * kMorselWork);
  for (const std::uint64_t index : {0U, 1U, 2U}) REQUIRE(window.wait_for_room(MorselIndex(index)));
  std::atomic<bool> entered = false;
  std::jthread reader([&] { entered = window.wait_for_room(MorselIndex(3)); });
  MorselOutcome large;
  large.rows.emplace_back().rows.bytes.resize(2 * kMorselWork);
  window.complete(MorselIndex(1), std::move(large));
  CHECK_FALSE(entered);
  window.complete(MorselIndex(0), outcome(0));
  reader.join();
  CHECK(entered);

  ReorderWindow narrow(8, [](MorselOutcome&&) { return true; }, kMorselWork);
  REQUIRE(narrow.wait_for_room(MorselIndex(0)));
  narrow.weigh(MorselIndex(0), 100 * kMorselWork);
  narrow.complete(MorselIndex(0), outcome(0));
  REQUIRE(narrow.wait_for_room(MorselIndex(1)));
}

TEST_CASE("a part of a morsel goes ahead of the rest, but behind the morsels before it") {
  std::vector<std::uint64_t> applied;
  ReorderWindow window(4, [&](MorselOutcome&& one) {
    applied.push_back(one.records);
    return one.records != 11;
  });
  std::jthread second([&] {
    CHECK(window.hand_over(MorselIndex(1), outcome(10)));
    CHECK_FALSE(window.hand_over(MorselIndex(1), outcome(11)));
    window.complete(MorselIndex(1), outcome(12));
  });
  CHECK(window.hand_over(MorselIndex(0), outcome(1)));
  CHECK(window.hand_over(MorselIndex(0), outcome(2)));
  window.complete(MorselIndex(0), outcome(3));
  second.join();
  CHECK(applied == std::vector<std::uint64_t>{1, 2, 3, 10, 11});
  CHECK_FALSE(window.wait_for_room(MorselIndex(2)));
}

TEST_CASE("nobody reads on while the window is full") {
  ReorderWindow window(2, [](MorselOutcome&&) { return true; });
  std::atomic<bool> entered = false;
  REQUIRE(window.wait_for_room(MorselIndex(1)));
  std::jthread reader([&] { entered = window.wait_for_room(MorselIndex(2)); });
  window.complete(MorselIndex(1), outcome(1));
  CHECK_FALSE(entered);
  window.complete(MorselIndex(0), outcome(0));
  reader.join();
  CHECK(entered);
}

TEST_CASE("many threads, one order") {
  std::vector<std::uint64_t> applied;
  ReorderWindow window(8, [&](MorselOutcome&& one) {
    applied.push_back(one.records);
    return true;
  });
  std::mutex reading;
  std::uint64_t next = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (true) {
        MorselIndex mine;
        {
          const std::scoped_lock lock(reading);
          if (next == 500) return;
          mine = MorselIndex(next);
          if (!window.wait_for_room(mine)) return;
          ++next;
        }
        window.complete(mine, outcome(mine.value));
      }
    });
  }
  threads.clear();
  REQUIRE(applied.size() == 500);
  CHECK(std::is_sorted(applied.begin(), applied.end()));
}

}  // namespace
}  // namespace streamrun
