// What each source does of its own; source_contract_test.cc has what all of them do.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "operators/clients/kafka_offsets.h"
#include "runner/operator/byte_input.h"
#include "runner/operator/record_reader.h"
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
    const auto start = input.source->start({});
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
  const auto start = missing.source->start({});
  REQUIRE(!start);
  CHECK(start.error().message.find("no.txt") != std::string::npos);

  folder.write("in.txt", "1\n2\n3\n");
  Input input(describe_file_source(), file_options("in.txt"), folder.environment());
  const auto cursor = input.source->start({});
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
  auto at = input.source->start({});
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
  at = tail.source->start({});
  REQUIRE(at);
  folder.append("in.txt", "\n5\n");
  range = tail.source->plan(*at, {}, BatchTime(1));
  CHECK(texts({tail.read(*range)}) == std::vector<std::string>{"4", "5"});
}

TEST_CASE("file: one that was replaced, cut or written anew between batches or before it is read is an error") {
  const Folder folder;
  const auto replace = [&](const std::string& text) {
    folder.write("new.txt", text);
    std::filesystem::rename(folder.path() + "/new.txt", folder.path() + "/in.txt");
  };
  const auto rewrite = [&](const std::string& text) { folder.write("in.txt", text); };
  const std::vector<std::pair<std::function<void()>, std::string>> changes = {
      {[&] { replace("1\n2\n3\n"); }, "it was replaced or rotated; put the file back"},
      {[&] { rewrite("1\n"); }, "'in.txt' has 2 bytes, but 4 were read already"},
      {[&] { rewrite("one\ntwo\nthree\n"); }, "'in.txt' was written anew: before byte 4 it is not what was read"},
      {[&] { std::filesystem::remove(folder.path() + "/in.txt"); }, "there is no file"}};
  for (const auto& [change, why] : changes) {
    for (const bool planned : {false, true}) {
      CAPTURE(why, planned);
      folder.write("in.txt", "1\n2\n3\n");
      Input input(describe_file_source(), file_options("in.txt"), folder.environment());
      auto range = input.source->plan(*input.source->start({}), {2, {}, false}, BatchTime(1));
      REQUIRE(range);
      if (!planned) input.read(*range);
      change();
      std::optional<Error> error;
      if (planned) {
        auto reader = input.source->read(*range);
        REQUIRE(reader);
        Morsel morsel;
        const auto more = (*reader)->next(morsel);
        if (!more) error = more.error();
      } else {
        range = input.source->plan(range->until, {2, {}, false}, BatchTime(2));
        if (!range) error = range.error();
      }
      REQUIRE(error);
      CHECK(error->message.find(why) != std::string::npos);
      CHECK(error->kind == ErrorKind::transient);
    }
  }
}

TEST_CASE("file: what cannot be looked into or read is an error that names it") {
  const Folder folder;
  std::filesystem::create_directories(folder.path() + "/logs/a");
  folder.write("logs/a/app.log", "1\n");
  std::filesystem::create_directory_symlink(folder.path() + "/logs/b", folder.path() + "/logs/b");
  REQUIRE(::mkfifo((folder.path() + "/fifo.txt").c_str(), 0600) == 0);
  const auto error_of = [&](const std::string& path) {
    Input input(describe_file_source(), file_options(path), folder.environment());
    const auto start = input.source->start({});
    return start ? "" : start.error().message;
  };
  CHECK(error_of("logs/*/app.log").find("logs/b") != std::string::npos);
  CHECK(error_of("logs/*/*").find("logs/b") != std::string::npos);
  CHECK(error_of("logs").find("is a folder; to read the files in it, write") != std::string::npos);
  CHECK(error_of("logs/").ends_with("/logs/*'"));
  CHECK(error_of("log*").find("folders only") != std::string::npos);
  CHECK(error_of("*.txt").find("is a FIFO") != std::string::npos);
  CHECK(error_of("logs/{a,c}/app.log").find("logs/c/app.log") != std::string::npos);
  CHECK(error_of("logs/{a,a}/app.log").empty());
}

TEST_CASE("file: what is called as the glob is written hides nothing that matches it, nor is it hidden") {
  const Folder folder;
  for (const std::string name : {"*", "a", "a[1]", "a1", "[b]"}) folder.write(name, name + "\n");
  const auto read = [&](const std::string& path) {
    Input input(describe_file_source(), file_options(path), folder.environment());
    return texts(input.batches({}));
  };
  CHECK(read("*") == std::vector<std::string>{"*", "[b]", "a", "a1", "a[1]"});
  CHECK(read("a[1]") == std::vector<std::string>{"a1", "a[1]"});
  CHECK(read("[b]") == std::vector<std::string>{"[b]"});
  CHECK(read("{[b],*}").size() == 5);
}

TEST_CASE("file: a name may hold any byte, and a file that tells no size is read") {
  const Folder folder;
  folder.write("in-\xff%41", numbered_lines(10));
  Input input(describe_file_source(), file_options("in-*"), folder.environment());
  CHECK(texts(input.batches({3, {}, false})).size() == 10);
  for (const std::optional<std::uint64_t> records : {std::optional<std::uint64_t>{}, std::optional<std::uint64_t>{3}}) {
    Input untold(describe_file_source(), file_options("/proc/self/limits"), folder.environment());
    CHECK(texts(untold.batches({records, {}, false})).size() > 10);
  }
}

TEST_CASE("a line that is too long is one fault, and the next line is read") {
  const Folder folder;
  for (const std::size_t length : {kMaxRecordBytes, kMaxRecordBytes + 1, 3 * kMaxRecordBytes}) {
    CAPTURE(length);
    folder.write("in.txt", "1\n" + std::string(length, 'x') + "\n3\n");
    for (const bool as_stdin : {false, true}) {
      Environment environment = folder.environment();
      const FileDescriptor in(::open((folder.path() + "/in.txt").c_str(), O_RDONLY));
      environment.input = in.get();
      Input input(as_stdin ? describe_stdin_source() : describe_file_source(),
                  as_stdin ? mapping({}) : file_options("in.txt"), environment);
      const auto batches = input.batches({});
      REQUIRE(texts(batches).size() == 3);
      CHECK(texts(batches)[2] == "3");
      CHECK(batches[0][2].place == (as_stdin ? "stdin:3" : "in.txt:3"));
      const bool fault = length > kMaxRecordBytes;
      CHECK((texts(batches)[1].size() == length) == !fault);
      REQUIRE(input.faults.empty() == !fault);
      if (!fault) continue;
      CHECK(input.faults[0] == std::string(as_stdin ? "stdin" : "in.txt") + ":2: the line is longer than 16 MiB");
    }
  }
}

TEST_CASE("stdin: of an endless line the beginning arrives, whole and once") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  Environment environment;
  environment.input = ends[0];
  {
    Input input(describe_stdin_source(), mapping({}), environment);
    std::jthread writer([&] {
      const std::string block(std::size_t{1} << 20, 'x');
      for (int i = 0; i < 100; ++i) static_cast<void>(write_all(ends[1], block, "a pipe"));
      static_cast<void>(write_all(ends[1], "\nlast\n", "a pipe"));
      ::close(ends[1]);
    });
    BatchLimits limits;
    limits.available_now = true;
    const auto all = texts(input.batches(limits));
    REQUIRE(all.size() == 2);
    CHECK(all[1] == "last");
    CHECK(input.faults == std::vector<std::string>{"stdin:1: the line is longer than 16 MiB"});
  }
  ::close(ends[0]);
}

TEST_CASE("records of a fixed length") {
  const Folder folder;
  folder.write("in.bin", std::string("aa\nbb\0cc\nd", 10));
  for (const std::optional<std::uint64_t> records : {std::optional<std::uint64_t>{}, std::optional<std::uint64_t>{2}}) {
    Input input(describe_file_source(), file_options("in.bin"), folder.environment(), 2, {.length = 3});
    const auto batches = input.batches({records, {}, false});
    CHECK(texts(batches) == std::vector<std::string>{"aa\n", std::string("bb\0", 3), "cc\n", "d"});
    CHECK(batches.size() == (records ? 2 : 1));
    CHECK(batches.back().back().place == "in.bin:4");
    REQUIRE(!input.faults.empty());
    CHECK(input.faults[0] == "in.bin:4: the input ends within the record: 1 of 3 bytes");
  }
}

TEST_CASE("very short records end a morsel by their number") {
  const Folder folder;
  folder.write("in.txt", std::string(100000, '\n'));
  Input input(describe_file_source(), file_options("in.txt"), folder.environment());
  const auto at = input.source->start({});
  const auto range = input.source->plan(*at, {}, BatchTime(1));
  auto reader = input.source->read(*range);
  REQUIRE(reader);
  std::size_t total = 0;
  for (Morsel morsel; *(*reader)->next(morsel);) {
    CHECK(morsel.raw.size() <= kMorselRecords);
    total += morsel.raw.size();
  }
  CHECK(total == 100000);
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
  std::string at = *input.source->start({});
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
    const auto at = input.source->start({});
    REQUIRE(at);
    REQUIRE(::write(ends[1], "a\nb", 3) == 3);
    ::close(ends[1]);
    while (!input.source->ended()) std::this_thread::yield();
    const auto range = input.source->plan(*at, {}, BatchTime(1));
    REQUIRE(range);
    CHECK(range->exhausted);
    CHECK(texts({input.read(*range)}) == std::vector<std::string>{"a", "b"});
  }
  ::close(ends[0]);
}

TEST_CASE("stdin: what came whole before the input failed is delivered, then the failure") {
  // Of a pseudo-terminal whose other side is closed the rest can be read, then EIO.
  for (const std::optional<std::uint64_t> records : {std::optional<std::uint64_t>{}, std::optional<std::uint64_t>{1}}) {
    const FileDescriptor leader(::posix_openpt(O_RDWR | O_NOCTTY));
    REQUIRE(::grantpt(leader.get()) == 0);
    REQUIRE(::unlockpt(leader.get()) == 0);
    {
      const FileDescriptor follower(::open(::ptsname(leader.get()), O_RDWR | O_NOCTTY));
      REQUIRE(write_all(follower.get(), "a\nb\nhalf", "a terminal"));
    }
    Environment environment;
    environment.input = leader.get();
    Input input(describe_stdin_source(), mapping({}), environment);
    std::string at = *input.source->start({});
    std::vector<std::string> got;
    std::string why;
    while (why.empty()) {
      const auto range = input.source->plan(at, {records, {}, true}, BatchTime(1));
      if (!range) {
        why = range.error().message;
        break;
      }
      auto reader = input.source->read(*range);
      REQUIRE(reader);
      Morsel morsel;
      for (;;) {
        const auto more = (*reader)->next(morsel);
        if (!more) why = more.error().message;
        if (!more || !*more) break;
        for (const std::string_view record : morsel.raw.records) got.emplace_back(record);
      }
      REQUIRE(!(why.empty() && range->exhausted));
      at = range->until;
    }
    CHECK(got == std::vector<std::string>{"a", "b"});
    CHECK(why == "cannot read standard input behind line 2: Input/output error");
  }
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

TEST_CASE("kafka: a batch takes of each partition its share of what waits, and no more than its limit") {
  const KafkaOffsets begin = {{{"t", 0}, 100}, {{"t", 1}, 0}, {{"t", 2}, 7}};
  const KafkaOffsets all = {{{"t", 0}, 400}, {{"t", 1}, 100}, {{"t", 2}, 7}};
  const auto cut = [&](std::optional<std::uint64_t> of_each, std::uint64_t of_all) {
    KafkaOffsets until = all;
    cut_ranges(begin, of_each, of_all, until);
    return std::vector<std::int64_t>{until.at({"t", 0}), until.at({"t", 1}), until.at({"t", 2})};
  };
  CHECK(cut(std::nullopt, 1000) == std::vector<std::int64_t>{400, 100, 7});
  CHECK(cut(std::nullopt, 40) == std::vector<std::int64_t>{130, 10, 7});
  CHECK(cut(std::nullopt, 1) == std::vector<std::int64_t>{100, 1, 7});
  CHECK(cut(50, 1000) == std::vector<std::int64_t>{150, 50, 7});
  CHECK(cut(50, 50) == std::vector<std::int64_t>{125, 25, 7});
}

}  // namespace
}  // namespace streamrun
