// What each source does of its own; source_contract_test.cc has what all of them do.
#include <fcntl.h>
#include <unistd.h>

#include "runner/operator/byte_input.h"
#include "tests/operators/source_fixture.h"

namespace streamrun {
namespace {

SyntaxNode file_options(const std::string& path) {
  return mapping({{"path", text(path)}});
}

TEST_CASE("file: line ends, places and a last line without an end") {
  const Folder folder;
  folder.write("in.txt", "a\r\n\nb\nlast");
  Input input(describe_file_source(), file_options("in.txt"), folder.environment());
  const auto batches = input.batches({});
  CHECK(texts(batches) == std::vector<std::string>{"a", "", "b", "last"});
  CHECK(batches[0][3].place == "in.txt:4");
}

TEST_CASE("file: limits cut batches at lines, across files in byte order") {
  const Folder folder;
  folder.write("b.txt", "4\n5");
  folder.write("a.txt", "1\n2\n3\n");
  folder.write("c.txt", "");
  for (const std::uint64_t records : {1U, 2U, 3U, 4U, 100U}) {
    Input input(describe_file_source(), file_options("*.txt"), folder.environment());
    const auto batches = input.batches({records, {}, false});
    CHECK(texts(batches) == std::vector<std::string>{"1", "2", "3", "4", "5"});
    CHECK(batches.size() == (5 + records - 1) / records);
    CHECK(batches.back().back().place == "b.txt:2");
  }
  Input input(describe_file_source(), file_options("*.txt"), folder.environment());
  const auto batches = input.batches({{}, 4, false});
  CHECK(texts(batches) == std::vector<std::string>{"1", "2", "3", "4", "5"});
  CHECK(batches.size() == 3);
}

TEST_CASE("file: slices depend on bytes alone, large files come in morsels") {
  const Folder folder;
  const int count = 400000;
  folder.write("in.txt", numbered_lines(count));
  Input input(describe_file_source(), file_options("in.txt"), folder.environment(), 4);
  const auto batches = input.batches({});
  REQUIRE(batches.size() == 1);
  REQUIRE(batches[0].size() == count);
  std::uint32_t last = 0;
  for (int i = 0; i < count; i += 997) {
    const Record& record = batches[0][static_cast<std::size_t>(i)];
    CHECK(record.text == "line " + std::to_string(i));
    CHECK(record.place == "in.txt:" + std::to_string(i + 1));
    CHECK(record.partition >= last);
    last = record.partition;
  }
  CHECK(last == 3);
}

TEST_CASE("file: what is compressed reads the same, with limits too") {
  const Folder folder;
  const std::string lines = numbered_lines(5000);
  for (const Compression compression : {Compression::gzip, Compression::zstd, Compression::lz4}) {
    std::string bytes;
    const auto compressor = make_compressor(compression);
    // Two members, one behind the other.
    REQUIRE(compressor->add(lines, bytes));
    REQUIRE(compressor->finish(bytes));
    REQUIRE(compressor->add("more", bytes));
    REQUIRE(compressor->finish(bytes));
    folder.write("in", bytes);
    for (const std::optional<std::uint64_t> records :
         {std::optional<std::uint64_t>{}, std::optional<std::uint64_t>{999}}) {
      Input input(describe_file_source(), file_options("in"), folder.environment(), 2);
      const auto all = texts(input.batches({records, {}, false}));
      REQUIRE(all.size() == 5001);
      CHECK(all[4999] == "line 4999");
      CHECK(all[5000] == "more");
    }
    folder.write("in", std::string_view(bytes).substr(0, bytes.size() / 2));
    Input input(describe_file_source(), file_options("in"), folder.environment());
    const auto start = input.source->start();
    const auto range = input.source->plan(*start, {}, BatchTime(1));
    auto reader = input.source->read(*range);
    REQUIRE(reader);
    Morsel morsel;
    Result<bool> more = (*reader)->next(morsel);
    while (more && *more) more = (*reader)->next(morsel);
    REQUIRE(!more);
    CHECK(more.error().message.find("not complete") != std::string::npos);
  }
}

TEST_CASE("file: missing and cut files are errors that name them") {
  const Folder folder;
  Input missing(describe_file_source(), file_options("no.txt"), folder.environment());
  const auto start = missing.source->start();
  REQUIRE(!start);
  CHECK(start.error().message.find("no.txt") != std::string::npos);

  folder.write("in.txt", "1\n2\n3\n");
  Input input(describe_file_source(), file_options("in.txt"), folder.environment());
  const auto cursor = input.source->start();
  const auto range = input.source->plan(*cursor, {}, BatchTime(1));
  folder.write("in.txt", "1\n");
  auto reader = input.source->read(*range);
  REQUIRE(reader);
  Morsel morsel;
  const auto more = (*reader)->next(morsel);
  REQUIRE(!more);
  CHECK(more.error().message.find("in.txt") != std::string::npos);
}

TEST_CASE("file: followed, it gives whole lines as they come") {
  const Folder folder;
  folder.write("in.txt", "1\n2\n3");
  Input input(describe_file_source(), mapping({{"path", text("in.txt")}, {"follow", text("true")}}),
              folder.environment());
  CHECK(!input.bound->bounded);
  auto at = input.source->start();
  REQUIRE(at);
  auto range = input.source->plan(*at, {}, BatchTime(1));
  REQUIRE(range);
  CHECK(!range->exhausted);
  CHECK(texts({input.read(*range)}) == std::vector<std::string>{"1", "2"});
  folder.append("in.txt", "3\n4");
  range = input.source->plan(range->until, {}, BatchTime(2));
  const auto records = input.read(*range);
  CHECK(texts({records}) == std::vector<std::string>{"33"});
  CHECK(records[0].place == "in.txt:3");
  range = input.source->plan(range->until, {}, BatchTime(3));
  CHECK(range->empty);

  Input tail(describe_file_source(),
             mapping({{"path", text("in.txt")}, {"follow", text("true")}, {"start", text("end")}}),
             folder.environment());
  at = tail.source->start();
  REQUIRE(at);
  folder.append("in.txt", "\n5\n");
  range = tail.source->plan(*at, {}, BatchTime(1));
  CHECK(texts({tail.read(*range)}) == std::vector<std::string>{"4", "5"});
}

TEST_CASE("queue: one batch at a time, in slices") {
  const SyntaxNode batches =
      sequence({sequence({text("1"), text("2"), text("3")}), sequence({}), sequence({text("4")})});
  Input input(describe_queue_source(), mapping({{"batches", batches}}), {}, 2);
  CHECK(input.bound->bounded);
  const auto all = input.batches({});
  REQUIRE(all.size() == 2);
  CHECK(texts(all) == std::vector<std::string>{"1", "2", "3", "4"});
  CHECK(all[0][1].place == "q[1]:2");
  CHECK(all[0][0].partition == 0);
  CHECK(all[0][1].partition == 1);
  CHECK(all[0][2].partition == 1);
  CHECK(all[1][0].place == "q[3]:1");

  Input at_once(describe_queue_source(), mapping({{"batches", batches}, {"one_at_a_time", text("false")}}), {});
  CHECK(at_once.batches({}).size() == 1);
  Input limited(describe_queue_source(), mapping({{"batches", batches}}), {});
  CHECK(texts(limited.batches({2, {}, false})) == std::vector<std::string>{"1", "2", "3", "4"});
}

TEST_CASE("queue: the default comes in every batch behind the last") {
  Input input(describe_queue_source(),
              mapping({{"batches", sequence({sequence({text("1")})})}, {"default", sequence({text("9")})}}), {});
  CHECK(!input.bound->bounded);
  std::string at = *input.source->start();
  std::vector<std::string> all;
  for (int i = 0; i < 3; ++i) {
    const auto range = input.source->plan(at, {}, BatchTime(i));
    REQUIRE(range);
    CHECK(!range->exhausted);
    for (const std::string& one : texts({input.read(*range)})) all.push_back(one);
    at = range->until;
  }
  CHECK(all == std::vector<std::string>{"1", "9", "9"});
}

TEST_CASE("stdin: a pipe and a regular file give the same lines") {
  const Folder folder;
  const std::string lines = numbered_lines(3000) + "last";
  folder.write("in", lines);
  for (const bool piped : {false, true}) {
    for (const std::optional<std::uint64_t> records :
         {std::optional<std::uint64_t>{}, std::optional<std::uint64_t>{1000}}) {
      Environment environment;
      int ends[2] = {-1, -1};
      if (piped) {
        REQUIRE(::pipe(ends) == 0);
        ::fcntl(ends[1], F_SETPIPE_SZ, 1 << 18);
        REQUIRE(::write(ends[1], lines.data(), lines.size()) == static_cast<ssize_t>(lines.size()));
        ::close(ends[1]);
        environment.input = ends[0];
      } else {
        environment.input = ::open((folder.path() + "/in").c_str(), O_RDONLY);
      }
      {
        Input input(describe_stdin_source(), mapping({}), environment);
        const auto batches = input.batches({records, {}, true});
        const auto all = texts(batches);
        REQUIRE(all.size() == 3001);
        CHECK(all[2999] == "line 2999");
        CHECK(all[3000] == "last");
        CHECK(batches.back().back().place == "stdin:3001");
      }
      ::close(environment.input);
    }
  }
}

TEST_CASE("stdin: a batch holds whole lines, and the end is known at once") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  Environment environment;
  environment.input = ends[0];
  {
    Input input(describe_stdin_source(), mapping({}), environment);
    const auto at = input.source->start();
    REQUIRE(at);
    REQUIRE(::write(ends[1], "a\nb", 3) == 3);
    ::close(ends[1]);
    input.source->wait(BatchTime(1'000'000'000'000), {});
    CHECK(input.source->ended());
    const auto range = input.source->plan(*at, {}, BatchTime(1));
    REQUIRE(range);
    CHECK(range->exhausted);
    CHECK(texts({input.read(*range)}) == std::vector<std::string>{"a", "b"});
  }
  ::close(ends[0]);
}

TEST_CASE("generate: rows by number, at a rate, up to the total") {
  Input all_at_once(describe_generate_source(),
                    mapping({{"total", text("5000")}, {"columns", mapping({{"x", text("_n * 2")}})}}), {}, 3);
  const auto one = all_at_once.batches({});
  REQUIRE(one.size() == 1);
  REQUIRE(one[0].size() == 5000);
  CHECK(one[0][4999].text == "9998");
  CHECK(one[0][4999].partition == 2);

  Input paced(
      describe_generate_source(),
      mapping({{"total", text("25")}, {"rows_per_second", text("10")}, {"columns", mapping({{"x", text("_n")}})}}), {});
  const auto three = paced.batches({});
  REQUIRE(three.size() == 3);
  CHECK(three[0].size() == 10);
  CHECK(three[2].size() == 5);
  CHECK(three[2][4].text == "24");
}

}  // namespace
}  // namespace streamrun
