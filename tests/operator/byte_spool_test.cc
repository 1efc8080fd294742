#include "runner/operator/byte_spool.h"

#include <catch2/catch.hpp>

#include "tests/operators/faulty_disk.h"

namespace streamrun {
namespace {

std::string all_of(const ByteSpool& spool) {
  std::string all;
  REQUIRE(spool.read([&](std::string_view bytes) -> Result<> {
    all += bytes;
    return {};
  }));
  return all;
}

TEST_CASE("spools share their memory, and the largest goes to disk first") {
  const auto pool = std::make_shared<SpoolPool>(SpoolLimits{9500, {}, {}, {}});
  ByteSpool small(pool);
  ByteSpool large(pool);
  const std::string a(1000, 'a');
  const std::string b(4000, 'b');
  REQUIRE(small.append(std::string(a)));
  REQUIRE(large.append(std::string(b)));
  CHECK(pool->on_disk() == 0);
  REQUIRE(large.append(std::string(b)));
  REQUIRE(small.append(std::string(a)));
  CHECK(pool->on_disk() == 8000);
  CHECK(pool->in_memory() <= 9500);
  REQUIRE(large.append("c"));
  CHECK(all_of(large) == b + b + "c");
  CHECK(all_of(small) == a + a);
  const auto part = large.read_at(4000, 3);
  REQUIRE(part);
  CHECK(part->bytes == "bbb");
  large.clear();
  CHECK(pool->on_disk() == 0);
  CHECK(large.size() == 0);
  REQUIRE(large.append("d"));
  CHECK(all_of(large) == "d");
}

TEST_CASE("many spools need no more than one file") {
  const auto pool = std::make_shared<SpoolPool>(SpoolLimits{1000, {}, {}, {}});
  std::deque<ByteSpool> spools;
  for (int i = 0; i < 3000; ++i) REQUIRE(spools.emplace_back(pool).append(std::to_string(i) + std::string(90, ' ')));
  CHECK(pool->in_memory() <= 1000);
  CHECK(all_of(spools[17]).starts_with("17 "));
  CHECK(all_of(spools[2999]).starts_with("2999 "));
  spools.clear();
  CHECK(pool->on_disk() == 0);
  CHECK(pool->in_memory() == 0);
}

TEST_CASE("without a bound spools leave half of the disk to others") {
  FaultyDisk disk;
  disk.leave_room(10000);
  SpoolLimits limits{100, {}, {}, {}};
  limits.file_system = &disk;
  const auto pool = std::make_shared<SpoolPool>(limits);
  ByteSpool spool(pool);
  REQUIRE(spool.append(std::string(3000, 'a')));
  const Result<> more = spool.append(std::string(3000, 'b'));
  REQUIRE_FALSE(more);
  CHECK(more.error().message.find("6000 bytes have to wait on disk, more than half of what was free in '") == 0);
  CHECK(all_of(spool) == std::string(3000, 'a'));
}

TEST_CASE("the disk has its bound, and a folder that is not there is an error") {
  const auto pool = std::make_shared<SpoolPool>(SpoolLimits{100, {}, 1500, {}});
  ByteSpool spool(pool);
  REQUIRE(spool.append(std::string(1000, 'a')));
  const auto done = spool.append(std::string(1000, 'a'));
  REQUIRE(!done);
  CHECK(done.error().message.find("max_batch_bytes") != std::string::npos);

  ByteSpool nowhere(std::make_shared<SpoolPool>(SpoolLimits{100, "/no/such/folder", {}, {}}));
  CHECK(!nowhere.append(std::string(1000, 'a')));
}

// Each failure of the disk in turn, in the midst of a write too: a rows' owner has them still, or the spool has all.
TEST_CASE("what a spool could not take is the caller's still") {
  using Call = FaultyDisk::Call;
  for (const FaultyDisk::Fault kind : {FaultyDisk::Fault{Call::open, ENOSPC, 0, 2, 0},
                                       {Call::write, ENOSPC, 0, 1, 0},
                                       {Call::write, EIO, 1, 1, 7},
                                       {Call::write, ENOSPC, 3, 2, 1}}) {
    for (int before = 0; before != 20; ++before) {
      FaultyDisk disk;
      const auto pool = std::make_shared<SpoolPool>(SpoolLimits{100, {}, {}, {}, &disk});
      std::deque<ByteSpool> spools;
      for (int i = 0; i != 3; ++i) spools.emplace_back(pool);
      std::string expected[3];
      int failed = 0;
      for (int i = 0; i != 60; ++i) {
        if (i == before) disk.fail(kind);
        const int which = i % 7 % 3;
        // Some are more than all of the memory.
        const std::string text = std::to_string(i) + std::string(i % 9 == 8 ? 130 : i % 11, 'x') + ";";
        std::string rows = text;
        for (int attempt = 0; attempt != 3; ++attempt) {
          const auto done = spools[static_cast<std::size_t>(which)].append(std::move(rows));
          if (done) break;
          ++failed;
          CHECK(rows == text);
          CHECK(done.error().kind == ErrorKind::transient);
        }
        expected[which] += text;
      }
      CAPTURE(static_cast<int>(kind.call), kind.passes, before);
      if (kind.call == Call::write) CHECK(failed == kind.times);
      for (std::size_t i = 0; i != 3; ++i) CHECK(all_of(spools[i]) == expected[i]);
      spools.clear();
      CHECK(pool->on_disk() == 0);
      CHECK(pool->in_memory() == 0);
    }
  }
}

TEST_CASE("a full disk names the folder, the bytes that wait and the remedy") {
  FaultyDisk disk;
  const auto pool = std::make_shared<SpoolPool>(SpoolLimits{100, "/tmp", {}, {}, &disk});
  ByteSpool spool(pool);
  REQUIRE(spool.append(std::string(150, 'a')));
  disk.leave_room(20);
  const auto done = spool.append(std::string(150, 'b'));
  REQUIRE(!done);
  CHECK(done.error().message ==
        "cannot write a temporary file in '/tmp' for 300 bytes that wait: No space left on device; give it room "
        "elsewhere with `spool: {path: …}`, or make batches smaller with `max_batch_bytes` or `max_batch_records`");
}

}  // namespace
}  // namespace streamrun
