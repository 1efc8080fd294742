// Records that hold line ends, from the sources that cut bytes into records.
#include <fcntl.h>
#include <unistd.h>

#include <random>
#include <thread>

#include "runner/operator/byte_input.h"
#include "runner/operator/record_reader.h"
#include "tests/operators/source_fixture.h"

namespace streamrun {
namespace {

const RecordFraming kCsv{.cr_ends_line = true, .quote = '"', .delimiter = ','};

struct Written {
  std::string text;
  std::vector<Record> records;  // of partition 0
};

Written any_records(std::size_t count, std::string_view file) {
  std::mt19937 random(9);
  const std::string ends[] = {"\n", "\r\n", "\r"};
  Written made;
  std::size_t line = 1;
  for (std::size_t i = 0; i < count; ++i) {
    Record record{std::to_string(i) + ",", std::string(file) + ":" + std::to_string(line), 0};
    if (random() % 2 == 0) {
      record.text += '"';
      for (std::size_t lines = random() % 4; lines > 0; --lines, ++line) record.text += "a\"\"b" + ends[random() % 3];
      record.text += ",\"";
    }
    ++line;
    made.text += record.text + ends[i % 3];
    made.records.push_back(std::move(record));
  }
  return made;
}

SyntaxNode file_options(bool follow = false) {
  return mapping({{"path", text("in.csv")}, {"follow", text(follow ? "true" : "false")}});
}

TEST_CASE("quoted line ends: caps count records, slices and batches begin with one") {
  const Folder folder;
  const Written written = any_records(3000, "in.csv");
  for (const bool packed : {false, true}) {
    std::string bytes = written.text;
    if (packed) {
      bytes.clear();
      const auto compressor = make_compressor(Compression::zstd);
      REQUIRE(compressor->add(written.text, bytes));
      REQUIRE(compressor->finish(bytes));
    }
    folder.write("in.csv", bytes);
    for (const BatchLimits& limits : {BatchLimits{}, BatchLimits{7, {}}, BatchLimits{{}, 999}, BatchLimits{1000, {}}}) {
      Input input(describe_file_source(), file_options(), folder.environment(), 4, kCsv);
      std::vector<Record> all;
      for (auto& batch : input.batches(limits)) {
        if (limits.records && all.size() + *limits.records <= 3000) CHECK(batch.size() == *limits.records);
        for (Record& record : batch) all.push_back({std::move(record.text), std::move(record.place), 0});
      }
      REQUIRE(all == written.records);
    }
  }
}

TEST_CASE("quoted line ends: of a followed file an open record is not taken until it is closed") {
  const Folder folder;
  folder.write("in.csv", "1,a\n2,\"b\n\n");
  Input input(describe_file_source(), file_options(true), folder.environment(), 1, kCsv);
  auto at = input.source->start({});
  REQUIRE(at);
  auto range = input.source->plan(*at, {}, BatchTime(1));
  CHECK(texts({input.read(*range)}) == std::vector<std::string>{"1,a"});
  const std::string open = range->until;
  range = input.source->plan(open, {}, BatchTime(2));
  CHECK(range->empty);
  folder.append("in.csv", "c\"\n3,d\n");
  range = input.source->plan(range->until, {}, BatchTime(3));
  const auto records = input.read(*range);
  CHECK(texts({records}) == std::vector<std::string>{"2,\"b\n\nc\"", "3,d"});
  CHECK(records[0].place == "in.csv:2");
  CHECK(records[1].place == "in.csv:5");
}

TEST_CASE(
    "quoted line ends: where nothing comes behind it an open record of a followed file is one, and a faulty one") {
  const Folder folder;
  folder.write("in.csv", "1,a\n2,\"b\n3,c\n");
  Input input(describe_file_source(), file_options(true), folder.environment(), 1, kCsv);
  const auto at = input.source->start({});
  REQUIRE(at);
  const auto range = input.source->plan(*at, {{}, {}, true}, BatchTime(1));
  const auto records = input.read(*range);
  CHECK(texts({records}) == std::vector<std::string>{"1,a", "2,\"b\n3,c"});
}

TEST_CASE("quoted line ends: standard input, in pieces") {
  const Written written = any_records(2000, "stdin");
  for (const bool limited : {false, true}) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const FileDescriptor in(ends[0]);
    Environment environment;
    environment.input = in.get();
    Input input(describe_stdin_source(), mapping({}), environment, 1, kCsv);
    std::jthread writer([&] {
      const FileDescriptor out(ends[1]);
      for (std::size_t i = 0; i < written.text.size(); i += 97) {
        static_cast<void>(write_all(ends[1], written.text.substr(i, 97), "a pipe"));
      }
    });
    BatchLimits limits;
    limits.available_now = true;
    if (limited) limits.records = 30;
    std::vector<Record> all;
    for (auto& batch : input.batches(limits)) std::ranges::move(batch, std::back_inserter(all));
    CHECK(all == written.records);
  }
}

TEST_CASE("quoted line ends: a quote that is not closed is one fault, in bounded memory, and what follows is read") {
  const std::string lines = [] {
    std::string all;
    while (all.size() < (std::size_t{1} << 20)) all += "some line, \"\"quoted\"\"\n";
    return all;
  }();
  const std::size_t per_block = static_cast<std::size_t>(std::ranges::count(lines, '\n'));
  constexpr std::size_t kBlocks = 40;
  for (const bool piped : {true, false}) {
    CAPTURE(piped);
    const Folder folder;
    Environment environment = folder.environment();
    std::jthread writer;
    FileDescriptor in;
    const auto write = [&](int out) {
      static_cast<void>(write_all(out, "0,a\n1,\"", "a file"));
      for (std::size_t i = 0; i < kBlocks; ++i) static_cast<void>(write_all(out, lines, "a file"));
      static_cast<void>(write_all(out, "\"\n2,b\n3,\"c\nd\"\n4,e", "a file"));
    };
    if (piped) {
      int ends[2];
      REQUIRE(::pipe(ends) == 0);
      in.reset(ends[0]);
      writer = std::jthread([&write, out = ends[1]] {
        const FileDescriptor own(out);
        write(out);
      });
    } else {
      const FileDescriptor out(::open((folder.path() + "/in.csv").c_str(), O_CREAT | O_WRONLY, 0600));
      write(out.get());
    }
    environment.input = in.get();
    Input input(piped ? describe_stdin_source() : describe_file_source(), piped ? mapping({}) : file_options(),
                environment, 2, kCsv);
    BatchLimits limits;
    limits.available_now = true;
    std::vector<Record> all;
    for (auto& batch : input.batches(limits)) std::ranges::move(batch, std::back_inserter(all));
    REQUIRE(all.size() == 5);
    CHECK(all[1].text.size() < (std::size_t{1} << 20));
    const std::string name = piped ? "stdin:" : "in.csv:";
    const std::size_t behind = kBlocks * per_block + 3;
    CHECK(input.faults[0] == name + "2: the record is longer than 16 MiB: a quote that it opens goes on for " +
                                 std::to_string(behind - 2) + " lines; is it not closed?");
    CHECK(all[2].place == name + std::to_string(behind));
    CHECK(all[3].text == "3,\"c\nd\"");
    CHECK(all[4].place == name + std::to_string(behind + 3));
  }
}

}  // namespace
}  // namespace streamrun
