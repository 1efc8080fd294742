// What each sink does of its own; sink_contract_test.cc has what all of them do.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner/operator/byte_input.h"
#include "runner/operator/standard_output.h"
#include "tests/operators/sink_fixture.h"

namespace streamrun {
namespace {

TEST_CASE("file: one a batch appears whole, or not at all") {
  Output output(describe_file_sink(), path_options("out/{output}-{batch}.csv"), true);
  REQUIRE(output.sink->start(nullptr));
  auto stage = output.stage(1000);
  output.append(*stage, {"a", "b"});
  CHECK(output.file("out/out-1000.csv").empty());
  REQUIRE(stage->publish());
  CHECK(output.file("out/out-1000.csv") == "k,v\na,x\nb,x\n");
  REQUIRE(stage->publish());  // again, as a retry would
  CHECK(output.files() == std::vector<std::string>{"out/out-1000.csv"});

  stage = output.stage(2000);
  output.append(*stage, {"c"});
  stage->discard();
  CHECK(output.files() == std::vector<std::string>{"out/out-1000.csv"});
  output.publish(3000, {});
  CHECK(output.files() == std::vector<std::string>{"out/out-1000.csv"});
  output.publish(1000, {"d"});  // the batch runs again: renamed over
  CHECK(output.file("out/out-1000.csv") == "k,v\nd,x\n");
}

TEST_CASE("file: columns and partitions make paths, and data cannot leave the folder") {
  Output output(describe_file_sink(), path_options("out/{k}/{batch}-{partition}.csv"));
  const auto stage = output.stage(1);
  output.append(*stage, {"a", "..", "a", "x/y", ""});
  output.append(*stage, {"a"}, 3);
  REQUIRE(stage->publish());
  CHECK(output.files() == std::vector<std::string>{"out/%00/1-0.csv", "out/%2E%2E/1-0.csv", "out/a/1-0.csv",
                                                   "out/a/1-3.csv", "out/x%2Fy/1-0.csv"});
  CHECK(output.file("out/a/1-0.csv") == "a,x\na,x\n");
  fs::create_directory_symlink("/tmp", output.folder + "/out/evil");
  CHECK(output.encode({"evil"}).empty());
  CHECK(output.rejected == std::vector<std::string>{"'out/evil' is a symbolic link, where a folder would have to be"});
  // Made between that look and the opening.
  auto staged = output.encode({"worse"});
  fs::create_directory_symlink("/tmp", output.folder + "/out/worse");
  CHECK(!output.stage(2)->append(std::move(staged.at(0))));
}

TEST_CASE("file: rows whose values make an impossible path are rejected") {
  Output output(describe_file_sink(), path_options("out/{k}/{v}.csv"));
  output.publish(1, {"a"});
  std::ofstream(output.folder + "/out/file") << "x";
  fs::create_directories(output.folder + "/out/b/x.csv");
  const auto staged = output.encode({std::string(300, 'n'), "ok", "file", "b", "a", std::string(100, '\n')});
  CHECK(staged.size() == 2);
  CHECK(output.rejected ==
        std::vector<std::string>{
            "the name '" + std::string(40, 'n') + "…' in the path has 300 bytes, and 255 are the most",
            "'out/file' is a file, where a folder would have to be",
            "'out/b/x.csv' is a folder, where a file would "
            "have to be",
            "the name '%0A%0A%0A%0A%0A%0A%0A%0A%0A%0A%0A%0A%0A%…' in the path has 300 bytes, and 255 are the most"});
}

TEST_CASE("file: two outputs cannot write one file") {
  for (const std::string path : {"{k}-{batch}.csv", "{k}.csv"}) {
    Output one(describe_file_sink(), path_options(path));
    Output other(describe_file_sink(), path_options("./" + path), false, true, &one);
    const auto first = one.stage(1);
    const auto second = other.stage(1);
    one.append(*first, {"a"});
    other.append(*second, {"b"});
    const auto met = other.try_append(*second, {"a"});
    REQUIRE(!met);
    CHECK(met.error().kind == ErrorKind::fatal);
    CHECK(met.error().message.starts_with("outputs 'out' and 'other' would both write './a"));
  }
}

TEST_CASE("file: routes of one path go to one file, in order") {
  for (const std::string path : {"{k}{v}-{batch}.csv", "{k}{v}.csv"}) {
    Output output(describe_file_sink(), path_options(path));
    const auto stage = output.stage(1);
    for (const auto& [k, v] : {std::pair("b", "c"), {"", "x"}, {"bc", ""}, {"b", "c"}}) {
      StagedRows rows{std::string(k) + '\0' + v + '\0', std::string(k) + "," + v + "\n", 1};
      REQUIRE(stage->append(std::move(rows)));
    }
    REQUIRE(stage->publish());
    CHECK(output.file(path == "{k}{v}.csv" ? "bc.csv" : "bc-1.csv") == "b,c\nbc,\nb,c\n");
  }
}

TEST_CASE("file: more files in a batch than may be open") {
  Output output(describe_file_sink(), path_options("{batch}-{k}.csv"));
  std::vector<std::string> keys;
  for (int i = 0; i < 400; ++i) keys.push_back("k" + std::to_string(i));
  const auto stage = output.stage(1);
  output.append(*stage, keys);
  output.append(*stage, keys);
  REQUIRE(stage->publish());
  CHECK(output.files().size() == 400);
  CHECK(output.file("1-k399.csv") == "k399,x\nk399,x\n");
}

TEST_CASE("file: one that grows has its header once, and a batch whole or not at all") {
  Output output(describe_file_sink(), path_options("all.csv"), true);
  REQUIRE(output.sink->start(nullptr));
  output.publish(1, {"a"});
  output.publish(2, {"b"});
  CHECK(output.file("all.csv") == "k,v\na,x\nb,x\n");
  output.open();  // another run goes on with it
  REQUIRE(output.sink->start(nullptr));
  output.publish(3, {"c"});
  CHECK(output.file("all.csv") == "k,v\na,x\nb,x\nc,x\n");
  const auto stage = output.stage(4);
  output.append(*stage, {"d"});
  stage->discard();
  CHECK(output.file("all.csv") == "k,v\na,x\nb,x\nc,x\n");
}

TEST_CASE("file: of a batch that fails in one file nothing stays in the others") {
  Output output(describe_file_sink(), path_options("{k}.csv"));
  output.publish(1, {"a"});
  const auto stage = output.stage(2);
  output.append(*stage, {"a", "b", "c"});
  fs::create_directory(output.folder + "/c.csv");
  CHECK(!stage->publish());
  CHECK(output.file("a.csv") == "a,x\n");
  CHECK(output.files() == std::vector<std::string>{"a.csv"});
  fs::remove(output.folder + "/c.csv");
  REQUIRE(stage->publish());  // a retry
  CHECK(output.file("a.csv") == "a,x\na,x\n");
  CHECK(output.file("c.csv") == "c,x\n");

  Output whole(describe_file_sink(), path_options("{k}-{batch}.csv"));
  const auto second = whole.stage(1);
  whole.append(*second, {"a", "b"});
  fs::create_directory(whole.folder + "/b-1.csv");
  CHECK(!second->publish());
  second->discard();
  CHECK(whole.files().empty());
}

TEST_CASE("file: what is there already") {
  for (const std::string exists : {"append", "replace", "fail", ""}) {
    for (const std::string path : {"all.csv", "1{batch}.csv"}) {
      for (const bool times_named : {false, true}) {
        const SyntaxNode options =
            exists.empty() ? path_options(path) : mapping({{"path", text(path)}, {"exists", text(exists)}});
        Output output(describe_file_sink(), options);
        output.times_named = times_named;
        output.open();
        const bool batch = path != "all.csv";
        const std::string rule = !exists.empty() ? exists : !batch ? "append" : times_named ? "replace" : "fail";
        const std::string name = batch ? "17.csv" : path;
        std::ofstream(output.folder + "/" + name) << "old\n";
        const auto stage = output.stage(7);
        Result<> done = output.try_append(*stage, {"a"});
        if (done) done = stage->publish();
        CHECK(done.has_value() == (rule != "fail"));
        CHECK(output.file(name) == (rule == "fail" ? "old\n" : rule == "append" ? "old\na,x\n" : "a,x\n"));
        if (!done) CHECK(done.error().message.find("move it away") != std::string::npos);
      }
    }
  }
}

TEST_CASE("file: links and devices are no targets, rights are as said") {
  Output output(describe_file_sink(), mapping({{"path", text("all.csv")}, {"mode", text("0600")}}));
  fs::create_symlink("elsewhere", output.folder + "/all.csv");
  CHECK(!output.sink->start(nullptr));
  fs::remove(output.folder + "/all.csv");
  output.publish(1, {"a"});
  struct stat status{};
  REQUIRE(::stat((output.folder + "/all.csv").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("file: compressed, rolled, empty") {
  Output packed(describe_file_sink(), mapping({{"path", text("{batch}.gz")}, {"compression", text("gzip")}}));
  packed.publish(1, {"a", "b"});
  CHECK(compression_of(packed.file("1.gz")) == Compression::gzip);
  FileDescriptor file(::open((packed.folder + "/1.gz").c_str(), O_RDONLY));
  const auto size = fs::file_size(packed.folder + "/1.gz");
  const auto unpacked = decompress(Compression::gzip, read_file_range(std::move(file), "1.gz", 0, size), "1.gz");
  char bytes[100];
  const auto n = unpacked->read(bytes, sizeof bytes);
  REQUIRE(n);
  CHECK(std::string_view(bytes, *n) == "a,x\nb,x\n");

  Output rolled(describe_file_sink(),
                mapping({{"path", text("p{part}.csv")}, {"roll", mapping({{"size", text("6")}})}}));
  rolled.publish(1, {"a", "b", "c"});
  rolled.publish(2, {"d", "e"});
  CHECK(rolled.files() == std::vector<std::string>{"p0.csv", "p1.csv", "p2.csv"});
  CHECK(rolled.file("p1.csv") == "c,x\nd,x\n");

  Output parts(describe_file_sink(),
               mapping({{"path", text("{batch}-{part}.csv")}, {"roll", mapping({{"size", text("6")}})}}), true);
  parts.publish(1, {"a", "b", "c"});
  CHECK(parts.files() == std::vector<std::string>{"1-0.csv", "1-1.csv", "1-2.csv"});
  CHECK(parts.file("1-1.csv") == "k,v\nb,x\n");

  Output empty(describe_file_sink(), mapping({{"path", text("{batch}.csv")}, {"empty", text("write")}}), true);
  empty.publish(1, {});
  CHECK(empty.file("1.csv") == "k,v\n");
}

TEST_CASE("file: faults of its options") {
  const char* const bad[] = {"out/{nobody}.csv", "out/%Q.csv", "out/{batch", "out/", "p{part}.csv"};
  for (const char* path : bad) {
    Output output(describe_file_sink(), path_options(path));
    CHECK(!output.bound);
    CHECK(output.diagnostics.error_count() == 1);
  }
  // The columns are k and v.
  Output quoted(describe_file_sink(), path_options("{`k`}-{batch()}-{partition()}.csv"));
  quoted.publish(0, {"a"});
  CHECK(quoted.files() == std::vector<std::string>{"a-0-0.csv"});
  Output escaped(describe_file_sink(), path_options("{{{batch}}}-100%%-%Y.csv"));
  escaped.publish(0, {"a"});
  CHECK(escaped.files() == std::vector<std::string>{"{0}-100%-1970.csv"});
}

TEST_CASE("print: Spark's console layout") {
  Output output(describe_print_sink(), mapping({{"rows", text("2")}}));
  output.publish(1357008430000, {"a", "b"});
  const std::string dashes(43, '-');
  CHECK(output.file("stdout") == dashes + "\nTime: 1357008430000 ms\n" + dashes + "\n(a,x)\n(b,x)\n\n");
  Output more(describe_print_sink(), mapping({{"rows", text("2")}}));
  const auto stage = more.stage(1);
  more.append(*stage, {"a"});
  more.append(*stage, {"b", "c", "d"});
  CHECK(more.file("stdout").empty());
  REQUIRE(stage->publish());
  CHECK(more.file("stdout") == dashes + "\nTime: 1 ms\n" + dashes + "\n(a,x)\n(b,x)\n...\n\n");
}

TEST_CASE("what a terminal would act on is shown") {
  CHECK(show_controls("a\tb\x1b[31m\n\x7f\xc2\x9b") == "a\tb\\x1B[31m\n\\x7F\\x9B");
  CHECK(show_controls("\xc3\xa9") == "\xc3\xa9");
}

TEST_CASE("stdout: rows and nothing else, the header once, drained or not") {
  Output output(describe_stdout_sink(), mapping({}), true);
  REQUIRE(output.sink->start(nullptr));
  output.publish(1, {});
  CHECK(output.file("stdout").empty());
  output.publish(2, {"a"});
  const auto stage = output.stage(3);
  output.append(*stage, {"b"});
  CHECK(stage->drainable() > 0);
  REQUIRE(stage->drain());
  CHECK(output.file("stdout") == "k,v\na,x\nb,x\n");
  CHECK(stage->drainable() == 0);
  output.append(*stage, {"c"});
  REQUIRE(stage->publish());
  CHECK(output.file("stdout") == "k,v\na,x\nb,x\nc,x\n");
}

TEST_CASE("pipe: a batch goes to a program, whose failure is one") {
  Output output(describe_pipe_sink(), mapping({{"command", sequence({text("sh"), text("-c"), text("cat >> got")})}}));
  REQUIRE(output.sink->start(nullptr));
  const auto stage = output.stage(1);
  output.append(*stage, {"a", "b"});
  CHECK(output.files().empty());
  REQUIRE(stage->publish());
  CHECK(output.file("got") == "a,x\nb,x\n");

  Output failing(describe_pipe_sink(), mapping({{"command", sequence({text("sh"), text("-c"), text("exit 3")})}}));
  REQUIRE(failing.sink->start(nullptr));
  const auto failed = failing.stage(1);
  failing.append(*failed, {"a"});
  const auto done = failed->publish();
  REQUIRE(!done);
  CHECK(done.error().message.find("exit code 3") != std::string::npos);

  Output refused(describe_pipe_sink(), mapping({{"command", sequence({text("true")})}}), false, false);
  CHECK(!refused.bound);
  CHECK(refused.diagnostics.sorted().at(0).message.find("needs --allow-exec") != std::string::npos);
}

TEST_CASE("discard: rows are counted") {
  Output output(describe_discard_sink(), mapping({}));
  RecordBatch batch;
  batch.rows = 3;
  batch.selection = Selection::of({0, 2});
  batch.columns = {strings({"a", "b", "c"}), strings({"a", "b", "c"})};
  SinkContext context;
  std::vector<StagedRows> staged;
  output.sink->encode(batch, context, staged);
  REQUIRE(staged.size() == 1);
  CHECK(staged[0].rows == 2);
  const auto stage = output.stage(1);
  CHECK(stage->append(std::move(staged[0])));
  CHECK(stage->publish());
}

}  // namespace
}  // namespace streamrun
