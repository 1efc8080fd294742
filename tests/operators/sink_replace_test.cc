// `exists: replace`: what a former run published does not stand beside what this one does.
#include "tests/operators/sink_fixture.h"

namespace streamrun {
namespace {

SyntaxNode replacing(const std::string& path, bool rolls = false) {
  return rolls ? mapping({{"path", text(path)}, {"exists", text("replace")}, {"roll", mapping({{"size", text("4B")}})}})
               : mapping({{"path", text(path)}, {"exists", text("replace")}});
}

void leave(const Output& output, const std::string& name) {
  fs::create_directories(fs::path(output.folder + "/" + name).parent_path());
  std::ofstream(output.folder + "/" + name) << "old,x\n";
}

TEST_CASE("files: parts of a former run that a batch made again does not have go") {
  Output output(describe_file_sink(), replacing("{batch}-{part}.csv", true));
  for (const std::string name : {"1-0", "1-1", "1-2", "1-3", "1-5", "2-0", "2-1"}) leave(output, name + ".csv");
  output.publish(1, {"a", "b"});
  // Parts have no gaps: the one behind is somebody else's.
  CHECK(output.files() == std::vector<std::string>{"1-0.csv", "1-1.csv", "1-5.csv", "2-0.csv", "2-1.csv"});
  output.publish(2, {});
  CHECK(output.files() == std::vector<std::string>{"1-0.csv", "1-1.csv", "1-5.csv"});
}

TEST_CASE("files: parts of each route go for themselves") {
  Output output(describe_file_sink(), replacing("{k}/{batch}-{part}.csv", true));
  for (const std::string name : {"a/1-0", "a/1-1", "b/1-0", "b/1-1", "b/1-2", "c/1-0"}) leave(output, name + ".csv");
  output.publish(1, {"a", "b", "b"});
  CHECK(output.files() == std::vector<std::string>{"a/1-0.csv", "b/1-0.csv", "b/1-1.csv", "c/1-0.csv"});
}

TEST_CASE("files: what is to be replaced goes although there are no rows for it") {
  SECTION("a batch") {
    Output output(describe_file_sink(), replacing("out/{batch}.csv"));
    leave(output, "out/1.csv");
    leave(output, "out/2.csv");
    output.publish(1, {});
    CHECK(output.files() == std::vector<std::string>{"out/2.csv"});
  }
  SECTION("a folder that is not there is not made") {
    Output output(describe_file_sink(), replacing("{batch}/x.csv"));
    output.publish(1, {});
    CHECK(!fs::exists(output.folder + "/1"));
  }
  SECTION("a file that grows: the former run's, not this one's") {
    Output output(describe_file_sink(), replacing("all.csv"));
    leave(output, "all.csv");
    output.publish(1, {});
    CHECK(output.files().empty());
    output.publish(2, {"a"});
    output.publish(3, {});
    output.publish(4, {"b"});
    CHECK(output.file("all.csv") == "a,x\nb,x\n");
  }
  SECTION("one of each moment") {
    Output output(describe_file_sink(), replacing("%s.csv"));
    for (const std::string name : {"0.csv", "1.csv", "2.csv"}) leave(output, name);
    output.publish(0, {});
    output.publish(1000, {"a"});
    output.publish(1001, {});
    CHECK(output.files() == std::vector<std::string>{"1.csv", "2.csv"});
    CHECK(output.file("1.csv") == "a,x\n");
  }
  SECTION("parts that grow") {
    Output output(describe_file_sink(), replacing("{part}.csv", true));
    for (const std::string name : {"0.csv", "1.csv", "2.csv"}) leave(output, name);
    output.publish(1, {});
    CHECK(output.files().empty());
    output.publish(2, {"a", "b"});
    CHECK(output.files() == std::vector<std::string>{"0.csv", "1.csv"});
  }
  SECTION("what cannot be removed is tried again") {
    Output output(describe_file_sink(), replacing("{batch}.csv"));
    leave(output, "1.csv");
    output.disk.fail({FaultyDisk::Call::unlink, EIO, 0, 1, 0});
    const auto stage = output.stage(1);
    CHECK(!stage->publish());
    CHECK(output.files().size() == 1);
    REQUIRE(stage->publish());
    CHECK(output.files().empty());
  }
}

TEST_CASE("files: what is not to be replaced stays where there are no rows for it") {
  for (const std::string exists : {"append", "fail"}) {
    Output output(describe_file_sink(), mapping({{"path", text("{batch}.csv")}, {"exists", text(exists)}}));
    leave(output, "1.csv");
    output.publish(1, {});
    CHECK(output.file("1.csv") == "old,x\n");
  }
}

}  // namespace
}  // namespace streamrun
