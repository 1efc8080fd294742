#include "runner/exec/read_log.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "runner/exec/batch_log.h"
#include "runner/exec/morsel_bytes.h"
#include "runner/operator/line_origin.h"
#include "tests/exec/log_folder.h"

using namespace streamrun;

namespace {

void commit(BatchLog& log, std::int64_t batch) {
  BatchIntent intent;
  intent.batch = BatchTime(batch);
  REQUIRE(log.write({}, &intent));
  BatchCommit made;
  made.batch = BatchTime(batch);
  REQUIRE(log.write({&made, 1}, nullptr));
}

void keep(ReadLog& reads, std::int64_t batch, const std::vector<std::string>& parts) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    REQUIRE(reads.add("t", BatchTime(batch), static_cast<std::int64_t>(i), parts[i]));
  }
  REQUIRE(reads.finish("t", BatchTime(batch)));
}

std::vector<std::string> parts(ReadLog& reads, std::int64_t batch) {
  std::vector<std::string> found;
  for (std::int64_t i = 0;; ++i) {
    const auto part = reads.part("t", BatchTime(batch), i);
    REQUIRE(part);
    if (!*part) return found;
    found.push_back(**part);
  }
}

std::int64_t serving(ReadLog& reads, std::int64_t batch) {
  const auto found = reads.serving("t", BatchTime(batch));
  REQUIRE(found);
  return *found ? (*found)->value : -1;
}

}  // namespace

TEST_CASE("a read serves its batch and those behind it, until there is another") {
  const LogFolder folder;
  const auto log = folder.opened(2);
  ReadLog& reads = log->reads();
  CHECK(serving(reads, 1) == -1);
  commit(*log, 1);
  keep(reads, 1, {"a", std::string("b\0c", 3)});
  commit(*log, 2);
  commit(*log, 3);
  keep(reads, 3, {"a", "d"});
  // One that is not whole serves nothing.
  REQUIRE(reads.add("t", BatchTime(4), 0, "e"));
  CHECK(serving(reads, 0) == -1);
  CHECK(serving(reads, 2) == 1);
  CHECK(serving(reads, 5) == 3);
  CHECK(parts(reads, 1) == std::vector<std::string>{"a", std::string("b\0c", 3)});
  CHECK(parts(reads, 3) == std::vector<std::string>{"a", "d"});
  REQUIRE(reads.forget("t", BatchTime(4)));
  CHECK(parts(reads, 4).empty());
}

TEST_CASE("reads that serve no batch of the log go, and the last one stays") {
  const LogFolder folder;
  const auto log = folder.opened(2);
  ReadLog& reads = log->reads();
  const std::string large(100'000, 'x');
  std::uintmax_t early = 0;
  for (std::int64_t batch = 1; batch <= 300; ++batch) {
    keep(reads, batch, {large + std::to_string(batch), "same"});
    commit(*log, batch);
    if (batch == 100) early = std::filesystem::file_size(folder.log() + "/batches.db");
  }
  CHECK(std::filesystem::file_size(folder.log() + "/batches.db") <= 2 * early);
  CHECK(serving(reads, 298) == -1);
  CHECK(serving(reads, 299) == 299);
  // Of those between two batches the last one counts.
  for (std::int64_t batch = 301; batch <= 310; ++batch) keep(reads, batch, {"later"});
  CHECK(serving(reads, 309) == 300);
  CHECK(serving(reads, 310) == 310);
}

TEST_CASE("a read that has changed on the disk is no read") {
  const LogFolder folder;
  {
    const auto log = folder.opened();
    commit(*log, 1);
    keep(log->reads(), 1, {"what was read"});
  }
  auto database = Database::open(folder.log() + "/batches.db", Database::Access::write);
  REQUIRE(database);
  REQUIRE((*database)->run("UPDATE parts SET bytes = CAST('what was reaD' AS BLOB)"));
  database->reset();
  const auto log = folder.opened();
  const auto part = log->reads().part("t", BatchTime(1), 0);
  REQUIRE_FALSE(part);
  CHECK(part.error().message.find("what was read of 't' for batch 1970-01-01T00:00:00.001Z is damaged") !=
        std::string::npos);
}

TEST_CASE("a morsel comes back from its bytes as it was") {
  const auto bytes = std::make_shared<std::string>("one\ntwo,\n\nthree\xff" + std::string(kPadding, ' '));
  const std::string_view all = *bytes;
  Morsel morsel;
  morsel.partition = PartitionIndex(3);
  morsel.raw.keep = bytes;
  morsel.raw.records = {all.substr(0, 3), all.substr(4, 5), all.substr(10, 6)};
  morsel.raw.at_start = true;
  morsel.context.framed = true;
  morsel.context.header = std::make_shared<std::string>("a\xfe,b");
  morsel.context.header_at = 1;
  morsel.faults = {{2, "no \xff", 7}};
  morsel.origin = std::make_shared<LineOrigin>(std::make_shared<std::string>("in.csv"), 5, morsel.raw,
                                               std::vector<LineShift>{{1, 2}});
  Morsel back;
  REQUIRE(morsel_from_bytes(morsel_to_bytes(morsel), back));
  CHECK(back.partition == morsel.partition);
  CHECK(back.raw.records == morsel.raw.records);
  CHECK(back.raw.at_start);
  CHECK(back.context.framed);
  CHECK(*back.context.header == *morsel.context.header);
  CHECK(back.context.header_at == 1);
  REQUIRE(back.faults.size() == 1);
  CHECK(back.faults[0].row == 2);
  CHECK(back.faults[0].message == "no \xff");
  CHECK(back.faults[0].place == 7);
  for (std::uint32_t i = 0; i < 3; ++i) CHECK(back.origin->place(i) == morsel.origin->place(i));
  const std::string whole = morsel_to_bytes(morsel);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    Morsel none;
    CHECK_FALSE(morsel_from_bytes(whole.substr(0, size), none));
  }
}
