#include "runner/operator/byte_spool.h"

#include <catch2/catch.hpp>

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

}  // namespace
}  // namespace streamrun
