// Files on a disk that fails at any of its calls, and runs that end in the midst of one.
#include "runner/operator/byte_input.h"
#include "tests/operators/sink_fixture.h"

namespace streamrun {
namespace {

using Call = FaultyDisk::Call;

std::vector<SyntaxNode> ways_of_files() {
  std::vector<SyntaxNode> ways;
  for (const std::string path : {"grows.csv", "{batch}.csv", "{k}.csv", "{k}/{batch}.csv"}) {
    ways.push_back(path_options(path));
    ways.push_back(mapping({{"path", text(path)}, {"compression", text("gzip")}}));
  }
  for (const std::string path : {"{part}.csv", "{batch}-{part}.csv"}) {
    ways.push_back(mapping({{"path", text(path)}, {"roll", mapping({{"size", text("5B")}})}}));
  }
  ways.push_back(mapping({{"path", text("{batch}.csv")}, {"exists", text("append")}}));
  return ways;
}

std::string unpacked(const Output& output, const std::string& name) {
  const std::string bytes = output.file(name);
  if (compression_of(bytes) == Compression::none) return bytes;
  FileDescriptor file(::open((output.folder + "/" + name).c_str(), O_RDONLY));
  const auto input = decompress(compression_of(bytes), read_file_range(std::move(file), name, 0, bytes.size()), name);
  std::string all;
  char some[100];
  for (;;) {
    const auto n = input->read(some, sizeof some);
    if (!n) return "<" + n.error().message + ">";
    if (*n == 0) return all;
    all.append(some, *n);
  }
}

// What stands, file after file.
std::string all_of(const Output& output) {
  std::string all;
  for (const std::string& name : output.files()) all += name + ": " + unpacked(output, name) + "; ";
  return all;
}

// As the engine does it, with one retry.
bool publish(Output& output, std::int64_t batch, const std::vector<std::string>& keys) {
  const auto stage = output.stage(batch);
  Result<> done;
  for (StagedRows& rows : output.encode(keys)) {
    if (done) done = stage->append(std::move(rows));
    if (!done && done.error().kind != ErrorKind::fatal) done = stage->append(std::move(rows));
  }
  if (done) done = stage->publish();
  if (!done && done.error().kind != ErrorKind::fatal) done = stage->publish();
  if (!done) stage->discard();
  return done.has_value();
}

const std::vector<std::string> kFirst{"a", "b"};
const std::vector<std::string> kSecond{"c", "a", "d"};

// One call of the second batch fails, each in turn: with a retry all is as if it had not, or nothing is left of it.
void check_each_call(const SyntaxNode& way, FaultyDisk::Fault fault) {
  std::string before;
  std::string after;
  {
    Output good(describe_file_sink(), way, true);
    REQUIRE(publish(good, 1, kFirst));
    before = all_of(good);
    REQUIRE(publish(good, 2, kSecond));
    after = all_of(good);
  }
  for (bool more = true; more; ++fault.passes) {
    Output output(describe_file_sink(), way, true);
    REQUIRE(publish(output, 1, kFirst));
    const int calls = output.disk.calls(fault.call);
    output.disk.fail(fault);
    const bool done = publish(output, 2, kSecond);
    more = output.disk.calls(fault.call) > calls + fault.passes;
    CAPTURE(static_cast<int>(fault.call), fault.passes, fault.short_write);
    CHECK(all_of(output) == (done ? after : before));
    // Nobody knows then what is written.
    if (more && fault.call == Call::sync) CHECK(!done);
    output.disk.heal();
    CHECK(publish(output, 3, {"e"}));
  }
}

TEST_CASE("files: any call may fail once, and the batch is whole or not there") {
  const std::vector<SyntaxNode> ways = ways_of_files();
  for (std::size_t i = 0; i < ways.size(); ++i) {
    DYNAMIC_SECTION("way " << i) {
      for (const Call call : {Call::open, Call::write, Call::sync, Call::close, Call::rename, Call::unlink}) {
        check_each_call(ways[i], {call, EIO, 0, 1, 0});
      }
      check_each_call(ways[i], {Call::write, ENOSPC, 1, 1, 3});
    }
  }
}

TEST_CASE("files: what cannot be cut back is not tried again") {
  for (const std::string path : {"grows.csv", "{batch}.csv"}) {
    Output output(describe_file_sink(), path_options(path));
    output.publish(1, {"a"});
    const auto stage = output.stage(2);
    output.append(*stage, {"b"});
    output.disk.fail({Call::truncate, EIO, 0, 100, 0});
    // The note of a growing file is written first, and again before each write.
    output.disk.fail({Call::write, ENOSPC, path == "grows.csv" ? 3 : 1, 100, 2});
    output.disk.leave_room(path == "grows.csv" ? 1000 : 2);
    const auto done = stage->publish();
    REQUIRE(!done);
    CHECK(done.error().kind == ErrorKind::fatal);
    CHECK(done.error().message.find("cannot be cut off") != std::string::npos);
  }
}

TEST_CASE("files: a full disk that gets room again") {
  const std::vector<SyntaxNode> ways = ways_of_files();
  for (std::size_t i = 0; i < ways.size(); ++i) {
    Output good(describe_file_sink(), ways[i]);
    REQUIRE(publish(good, 1, kFirst));
    for (std::size_t room = 0; room < 200; room += 7) {
      Output output(describe_file_sink(), ways[i]);
      const auto stage = output.stage(1);
      output.disk.leave_room(room);
      Result<> done;
      for (StagedRows& rows : output.encode(kFirst)) {
        do done = stage->append(std::move(rows));
        while (!done && (output.disk.make_room(), true));
      }
      done = stage->publish();
      output.disk.make_room();
      if (!done) done = stage->publish();
      CAPTURE(i, room);
      REQUIRE(done);
      CHECK(all_of(output) == all_of(good));
    }
  }
}

TEST_CASE("files: killed in the midst of a growing file, then started again") {
  for (const std::string compression : {"none", "gzip", "zstd", "lz4"}) {
    for (const bool power_cut : {false, true}) {
      Output output(describe_file_sink(), mapping({{"path", text("all.csv")}, {"compression", text(compression)}}));
      output.publish(1, {"a"});
      output.sink.reset();
      in_a_killed_run([&] {
        output.restart();
        Stage& stage = *output.stage(2).release();
        for (int i = 0; i < 3; ++i) {
          static_cast<void>(output.try_append(stage, many(std::to_string(i))));
          static_cast<void>(stage.drain());
        }
        if (power_cut) output.disk.crash();
      });
      if (power_cut) output.disk.crash();
      if (!power_cut) CHECK(output.files() == std::vector<std::string>{".all.csv.undo", "all.csv"});
      output.restart();
      REQUIRE(output.sink->start(nullptr));
      output.publish(3, {"b"});
      CAPTURE(compression, power_cut);
      CHECK(all_of(output) == "all.csv: a,x\nb,x\n; ");
    }
  }
}

TEST_CASE("files: temporary files of a killed run go, those of a living one stay") {
  Output output(describe_file_sink(), path_options("{k}/{batch}.csv"));
  output.publish(1, {"a"});
  const auto living = output.stage(2);
  output.append(*living, {"a"});
  in_a_killed_run([&] {
    output.restart();
    static_cast<void>(output.try_append(*output.stage(3).release(), {"a", "b"}));
  });
  CHECK(output.files().size() == 4);
  Output next(describe_file_sink(), path_options("{k}/{batch}.csv"), false, true, &output);
  next.publish(4, {"a", "b"});
  CHECK(output.files().size() == 4);
  REQUIRE(living->publish());
  CHECK(output.files() == std::vector<std::string>{"a/1.csv", "a/2.csv", "a/4.csv", "b/4.csv"});
}

TEST_CASE("files: a growing file is looked at before anything goes behind it") {
  struct Case {
    std::string compression;
    std::string bytes;
    std::string whole;  // what stands in front of the next row; empty: refused
    std::string said;
  };
  std::string packed;
  auto gzip = make_compressor(Compression::gzip);
  REQUIRE(gzip->add("old,x\n", packed));
  REQUIRE(gzip->finish(packed));
  std::string open;
  REQUIRE(gzip->add("old,x\nhalf,\"x\n", open));
  REQUIRE(gzip->finish(open));
  const std::vector<Case> cases{
      {"none", "old,x\n", "old,x\n", ""},
      {"none", "old,x", "old,x\n", ""},
      {"none", "\"o\"\"ld\",x", "\"o\"\"ld\",x\n", ""},
      {"none", "old,x\nhalf,\"x", "",
       "ends within quotes, as a write that was cut off leaves it; cut it back with "
       "`truncate -s 6 all.csv`, or move it away"},
      {"none", "old,x\nhalf,\"x\n", "",
       "ends within quotes, as a write that was cut off leaves it; cut it back with "
       "`truncate -s 6 all.csv`"},
      {"none", "old,x\n\"a\nb\",x\n", "old,x\n\"a\nb\",x\n", ""},
      {"none", "5\",x\n", "5\",x\n", ""},
      {"none", std::string("old,x\n\0\0\0", 9), "", "ends in 3 zero bytes"},
      {"none", "\x02!L\x18old", "",
       "is compressed in lz4's legacy format, which is not read; use lz4 without -l; write to "
       "another path, or move it away"},
      {"lz4", "\x02!L\x18old", "", "is compressed in lz4's legacy format"},
      {"none", "BZh91AY&SY", "", "is compressed with bzip2, which is not read; use gzip, zstd or lz4"},
      {"none", packed, "", "is compressed with gzip, and rows behind it would not be; say `compression: gzip`"},
      {"gzip", "old,x\n", "",
       "is not compressed, and rows behind it would be compressed with gzip; say "
       "`compression: none`"},
      {"zstd", packed, "", "is compressed with gzip, and rows behind it would be compressed with zstd"},
      {"gzip", packed, "old,x\n", ""},
      {"gzip", packed + packed, "old,x\nold,x\n", ""},
      {"gzip", open, "", "ends within quotes, and rows behind them would be text in them; move it away"},
      {"gzip", packed + packed.substr(0, packed.size() - 3), "",
       "does not end with a whole gzip member: the last " + std::to_string(packed.size() - 3) +
           " bytes are not complete"},
      {"gzip", packed + "\n\n", "", "the last 2 bytes are not complete"},
  };
  for (const Case& one : cases) {
    for (const std::string path : {"all.csv", "{k}.csv", "{batch}.csv"}) {
      const std::string name = path == "{batch}.csv" ? "1.csv" : "all.csv";
      Output output(
          describe_file_sink(),
          mapping({{"path", text(path)}, {"exists", text("append")}, {"compression", text(one.compression)}}));
      std::ofstream(output.folder + "/" + name, std::ios::binary) << one.bytes;
      const auto stage = output.stage(1);
      Result<> done = output.try_append(*stage, {"all"});
      if (done) done = stage->publish();
      CAPTURE(one.compression, one.bytes, path);
      CHECK(done.has_value() == one.said.empty());
      stage->discard();
      if (done) CHECK(all_of(output) == name + ": " + one.whole + "all,x\n; ");
      if (!done) {
        std::string said = one.said;
        if (const auto at = said.find("all.csv"); at != std::string::npos) said.replace(at, 7, name);
        CHECK(done.error().message.find(said) != std::string::npos);
        CHECK(output.file(name) == one.bytes);
      }
    }
  }
}

TEST_CASE("files: rows do not go under another header") {
  struct Case {
    std::string bytes;
    std::string whole;  // what stands in front of the next row; empty: refused
    std::string said;
  };
  const std::vector<Case> cases{
      {"", "k,v\n", ""},
      {"k,v\n", "k,v\n", ""},
      {"k,v", "k,v\n", ""},
      {"k,v\r\nold,x\r\n", "k,v\r\nold,x\r\n", ""},
      {"\xEF\xBB\xBFk,v\nold,x\n", "\xEF\xBB\xBFk,v\nold,x\n", ""},
      {"v,k\nx,old\n", "", "'v,k'"},
      {"k,v,more\n", "", "'k,v,more'"},
      {"k\n", "", "'k'"},
      {"\nk,v\n", "", "''"},
      {"old,x\n", "", "'old,x'"},
  };
  for (const Case& one : cases) {
    for (const std::string compression : {"none", "gzip"}) {
      for (const std::string path : {"1.csv", "{k}.csv", "{batch}.csv"}) {
        Output output(describe_file_sink(),
                      mapping({{"path", text(path)}, {"exists", text("append")}, {"compression", text(compression)}}),
                      true);
        std::string bytes = one.bytes;
        if (compression == "gzip" && !bytes.empty()) {
          bytes.clear();
          auto gzip = make_compressor(Compression::gzip);
          REQUIRE(gzip->add(one.bytes, bytes));
          REQUIRE(gzip->finish(bytes));
        }
        std::ofstream(output.folder + "/1.csv", std::ios::binary) << bytes;
        const auto stage = output.stage(1);
        Result<> done = output.try_append(*stage, {"1"});
        if (done) done = stage->publish();
        CAPTURE(one.bytes, compression, path);
        CHECK(done.has_value() == one.said.empty());
        stage->discard();
        if (done) CHECK(all_of(output) == "1.csv: " + one.whole + "1,x\n; ");
        if (!done) {
          CHECK(done.error().message ==
                "'1.csv' begins with the line " + one.said +
                    ", and the header of this output is 'k,v': its rows would stand under the names of others; give "
                    "`columns` as they are there, write to another path, or move the file away");
          CHECK(output.file("1.csv") == bytes);
        }
      }
    }
  }
}

TEST_CASE("files: a compressed file that grows is looked at again when others have changed it") {
  for (const std::string_view compression : {"gzip", "zstd", "lz4"}) {
    Output output(describe_file_sink(),
                  mapping({{"path", text("all.csv")}, {"compression", text(std::string(compression))}}));
    output.publish(1, {"a"});
    const std::string path = output.folder + "/all.csv";
    const auto size = fs::file_size(path);
    output.publish(2, {"b"});
    fs::resize_file(path, fs::file_size(path) - 4);
    const auto stage = output.stage(3);
    output.append(*stage, {"c"});
    const auto done = stage->publish();
    CAPTURE(compression);
    REQUIRE(!done);
    CHECK(done.error().message.find("truncate -s " + std::to_string(size) + " all.csv") != std::string::npos);
    fs::resize_file(path, size);
    REQUIRE(stage->publish());
    CHECK(all_of(output) == "all.csv: a,x\nc,x\n; ");
  }
}

TEST_CASE("files: a growing file that others move, remove, cut or write to") {
  Output output(describe_file_sink(), path_options("all.csv"), true);
  output.publish(1, {"a"});
  const std::string path = output.folder + "/all.csv";
  SECTION("moved between batches: a new one begins") {
    fs::rename(path, path + ".1");
    output.publish(2, {"b"});
    CHECK(output.file("all.csv") == "k,v\nb,x\n");
  }
  SECTION("cut between batches") {
    fs::resize_file(path, 0);
    output.publish(2, {"b"});
    CHECK(output.file("all.csv") == "k,v\nb,x\n");
  }
  SECTION("cut in the midst of a row between batches, or written without a line end") {
    fs::resize_file(path, 5);
    output.publish(2, {"b"});
    CHECK(output.file("all.csv") == "k,v\na\nb,x\n");
    std::ofstream(path, std::ios::app) << "other,x";
    output.publish(3, {"c"});
    CHECK(output.file("all.csv") == "k,v\na\nb,x\nother,x\nc,x\n");
    std::ofstream(path, std::ios::app) << "half,\"x";
    const auto stage = output.stage(4);
    output.append(*stage, {"d"});
    const auto done = stage->publish();
    REQUIRE(!done);
    CHECK(done.error().message.find("ends within quotes") != std::string::npos);
    return;
  }
  const auto stage = output.stage(2);
  output.append(*stage, {"b"});
  REQUIRE(stage->drain());
  SECTION("moved within a batch: the rows are where it is") {
    fs::rename(path, path + ".1");
    REQUIRE(stage->publish());
    CHECK(output.file("all.csv.1") == "k,v\na,x\nb,x\n");
  }
  SECTION("removed within a batch") {
    fs::remove(path);
    const auto done = stage->publish();
    REQUIRE(!done);
    CHECK(done.error().message == "'all.csv' was removed while it was written");
    CHECK(output.files().empty());
  }
  SECTION("written within a batch: others' rows are not cut off") {
    std::ofstream(path, std::ios::app) << "other,x\n";
    const auto done = stage->publish();
    REQUIRE(!done);
    CHECK(done.error().kind == ErrorKind::fatal);
    CHECK(output.file("all.csv").find("other,x\n") != std::string::npos);
  }
  SECTION("another run") {
    Output other(describe_file_sink(), path_options("all.csv"));
    fs::remove_all(other.folder);
    other.folder = output.folder;
    other.open();
    const auto second = other.stage(2);
    other.append(*second, {"c"});
    const auto done = second->publish();
    REQUIRE(!done);
    CHECK(done.error().kind == ErrorKind::transient);
    CHECK(done.error().message.starts_with("another run is writing 'all.csv' at this moment"));
    REQUIRE(stage->publish());
    REQUIRE(second->publish());
    CHECK(output.file("all.csv") == "k,v\na,x\nb,x\nc,x\n");
  }
}

}  // namespace
}  // namespace streamrun
