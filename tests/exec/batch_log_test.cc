#include "runner/exec/batch_log.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "tests/exec/forgetful_vfs.h"
#include "tests/exec/log_folder.h"

using namespace streamrun;

namespace {

BatchIntent intent(std::int64_t batch) {
  BatchIntent made;
  made.batch = BatchTime(batch);
  made.ranges["s"] = {std::to_string(batch - 1), std::to_string(batch), false};
  return made;
}

BatchCommit commit(std::int64_t batch) {
  BatchCommit made;
  made.batch = BatchTime(batch);
  made.records["s"] = 1;
  made.rows["o"] = 2;
  made.marks["o"] = {{"file", std::to_string(batch)}};
  return made;
}

void commit_one(const LogFolder& folder) {
  const auto log = folder.opened();
  const BatchIntent first = intent(1);
  REQUIRE(log->write({}, &first));
  const BatchCommit commits[] = {commit(1)};
  REQUIRE(log->write(commits, nullptr));
}

std::string refusal(const LogFolder& folder, const std::string& pipeline = "p") {
  const auto log = BatchLog::open(folder.log(), pipeline, {100}, false);
  return log ? std::string() : log.error().message;
}

}  // namespace

TEST_CASE("a log gives back what was written") {
  const LogFolder folder;
  {
    const auto log = folder.opened();
    CHECK(log->former().batches.empty());
    const BatchIntent first = intent(1);
    const BatchIntent second = intent(2);
    REQUIRE(log->write({}, &first));
    const BatchCommit commits[] = {commit(1)};
    REQUIRE(log->write(commits, &second));
    REQUIRE(log->announce(BatchTime(2), "o", {{"other", "before"}}));
  }
  const auto log = folder.opened();
  const LogContent& former = log->former();
  REQUIRE(former.batches.size() == 2);
  CHECK(former.batches[0].commit);
  CHECK(former.batches[0].commit->rows.at("o") == 2);
  CHECK_FALSE(former.batches[1].commit);
  CHECK(former.batches[1].intent.ranges.at("s").from == "1");
  CHECK(former.batches[1].intent.ranges.at("s").until == "2");
  REQUIRE(former.marks.at("o").size() == 1);
  CHECK(former.marks.at("o")[0].value == "1");
  REQUIRE(former.announced.at("o").size() == 1);
  CHECK(former.announced.at("o")[0].value == "before");
  // Its commit makes what was announced of no account.
  const BatchCommit commits[] = {commit(2)};
  REQUIRE(log->write(commits, nullptr));
  const auto content = BatchLog::read(folder.log());
  REQUIRE(content);
  CHECK(content->announced.empty());
  CHECK(content->marks.at("o")[0].value == "2");
}

TEST_CASE("a log keeps so many batches, and does not grow for ever") {
  const LogFolder folder;
  const auto log = folder.opened(10);
  const auto size = [&] { return std::filesystem::file_size(folder.log() + "/batches.db"); };
  BatchIntent next = intent(1);
  REQUIRE(log->write({}, &next));
  std::uintmax_t early = 0;
  for (std::int64_t batch = 1; batch <= 4000; ++batch) {
    const BatchCommit commits[] = {commit(batch)};
    next = intent(batch + 1);
    REQUIRE(log->write(commits, &next));
    if (batch == 1500) early = size();
  }
  CHECK(size() <= early + 65536);
  const auto content = BatchLog::read(folder.log());
  REQUIRE(content);
  CHECK(content->batches.size() == 11);
  CHECK(content->batches.front().intent.batch == BatchTime(3991));
}

TEST_CASE("a folder that is not this pipeline's own is refused") {
  const LogFolder folder;
  {
    const auto log = folder.opened();
    CHECK(refusal(folder).find("another instance runs with the checkpoint") != std::string::npos);
    CHECK(refusal(folder).find("process " + std::to_string(::getpid()) + " on ") != std::string::npos);
  }
  CHECK(refusal(folder, "q").find("is the checkpoint of the pipeline 'p', and this one is 'q'") != std::string::npos);
  const LogFolder other;
  std::filesystem::create_directory(other.log());
  std::ofstream(other.log() + "/notes.txt") << "mine";
  CHECK(refusal(other).find("holds 'notes.txt' and no checkpoint") != std::string::npos);
  CHECK(std::filesystem::exists(other.log() + "/notes.txt"));
  const LogFolder file;
  std::ofstream(file.log()) << "mine";
  CHECK(refusal(file).find("is no folder") != std::string::npos);
  CHECK_FALSE(BatchLog::read(other.path));
}

TEST_CASE("a byte that has flipped is found") {
  const LogFolder folder;
  commit_one(folder);
  std::string bytes;
  {
    std::ifstream in(folder.log() + "/batches.db", std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  for (const std::string_view text : {R"("until":"1")", R"({"records")", "streamrun-none"}) {
    const std::size_t at = bytes.find(text);
    if (at == std::string::npos) continue;
    std::string changed = bytes;
    changed[at + 2] = static_cast<char>(changed[at + 2] ^ 1);
    std::ofstream(folder.log() + "/batches.db", std::ios::binary | std::ios::trunc) << changed;
    CHECK(refusal(folder).find("is damaged") != std::string::npos);
  }
  CHECK(bytes.find(R"("until":"1")") != std::string::npos);
  std::ofstream(folder.log() + "/batches.db", std::ios::binary | std::ios::trunc) << bytes.substr(0, bytes.size() / 2);
  CHECK_FALSE(refusal(folder).empty());
  std::ofstream(folder.log() + "/batches.db", std::ios::binary | std::ios::trunc) << bytes;
  CHECK(refusal(folder).empty());
}

TEST_CASE("what is reset is forgotten") {
  const LogFolder folder;
  commit_one(folder);
  {
    const auto log = folder.opened();
    const auto unknown = log->reset("nobody");
    REQUIRE(unknown);
    CHECK_FALSE(*unknown);
    const auto source = log->reset("s");
    REQUIRE(source);
    CHECK(*source);
    CHECK(log->former().batches[0].intent.ranges.empty());
    const auto output = log->reset("o");
    REQUIRE(output);
    CHECK(*output);
    CHECK(log->former().marks.empty());
  }
  const auto afresh = BatchLog::open(folder.log(), "q", {100}, true);
  REQUIRE(afresh);
  CHECK((*afresh)->former().batches.empty());
}

TEST_CASE("a power cut at any write or sync of the log loses nothing that it said it has") {
  ForgetfulVfs disk;
  std::uint64_t cuts = 0;
  for (std::uint64_t call = 1;; ++call) {
    CAPTURE(call);
    const LogFolder folder;
    std::int64_t intended = 0;
    std::int64_t committed = 0;
    {
      const auto made = folder.opened(5);
      REQUIRE(made->reads().add("t", BatchTime(1), 0, "part"));
    }
    disk.forget();
    disk.fail_at(call);
    if (const auto log = BatchLog::open(folder.log(), "p", {5}, false)) {
      for (std::int64_t batch = 1; batch <= 12; ++batch) {
        const BatchIntent next = intent(batch);
        const BatchCommit before = commit(batch - 1);
        const bool first = batch == 1;
        if (!(*log)->write({&before, first ? 0U : 1U}, &next)) break;
        intended = batch;
        committed = batch - 1;
        if (!(*log)->announce(BatchTime(batch), "o", {{"other", "before"}})) break;
        if (!(*log)->reads().add("t", BatchTime(batch), 0, std::to_string(batch))) break;
        if (!(*log)->reads().finish("t", BatchTime(batch))) break;
      }
    }
    const bool cut = disk.gone();
    disk.forget();
    disk.fail_at(0);
    const auto log = folder.opened(5);
    const LogContent& former = log->former();
    // One more than was told may be there.
    const std::int64_t known = former.batches.empty() ? 0 : former.batches.back().intent.batch.value;
    CHECK(known >= intended);
    CHECK(known <= intended + 1);
    const std::int64_t done = former.committed().empty() ? 0 : former.committed().back().intent.batch.value;
    CHECK(done >= committed);
    CHECK(done <= committed + 1);
    if (committed > 1) CHECK(former.marks.at("o")[0].value == std::to_string(done));
    ++cuts;
    if (!cut) break;
  }
  CHECK(cuts > 50);
}
