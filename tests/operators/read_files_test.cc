// Which written paths may be those of files that are read: before the run by their shapes, in it by name and inode.
#include "runner/operator/read_files.h"

#include <fnmatch.h>
#include <sys/stat.h>

#include <fstream>

#include "runner/operator/name_shape.h"
#include "runner/operator/path_pattern.h"
#include "tests/operators/sink_fixture.h"

namespace streamrun {
namespace {

NameShape text_shape(std::string_view text) {
  NameShape shape;
  add_text(text, shape);
  return shape;
}

NameShape glob_shape(std::string_view glob) {
  NameShape shape;
  add_glob(glob, shape);
  return shape;
}

bool may_be(const std::string& path, const std::string& glob) {
  Diagnostics diagnostics;
  const Schema schema{{{"k", TypeKind::string}}, {}};
  const auto pattern = PathPattern::parse(path, {}, schema, diagnostics);
  REQUIRE(pattern);
  return have_common_name(pattern->shape("out"), glob_shape(glob));
}

}  // namespace

TEST_CASE("a glob's shape is that of the names that fnmatch finds") {
  const std::vector<std::string> globs = {"*",     "a*",           "*.log", "?",    "a?b",  "[a-c]x",  "[!a]x",
                                          "[]x]y", "[[:digit:]]*", "a/*/b", "*/b",  ".*",   "\\*",     "a[b",
                                          "**",    "*a*a*",        ".?",    "[.]a", "a/.*", "a*/[^b]c"};
  const std::vector<std::string> names = {"",   "a",  "ab",  "a.log", ".log",  "axb",  "ax",   "bx",
                                          "]y", "xy", "7",   "7a",    "a/x/b", "a/b",  "a/.x", ".",
                                          ".a", "*",  "a[b", "aaa",   "aba",   "a/bc", "a/cc"};
  for (const std::string& glob : globs) {
    for (const std::string& name : names) {
      CAPTURE(glob, name);
      CHECK(have_common_name(glob_shape(glob), text_shape(name)) ==
            (::fnmatch(glob.c_str(), name.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0));
    }
  }
}

TEST_CASE("every strftime conversion of a path has the shape of what it gives") {
  for (const char c : std::string_view("aAbBcCdDeFgGhHIjmMnprRsStTuUVwWxXyYzZ")) {
    CAPTURE(c);
    Diagnostics diagnostics;
    const auto pattern = PathPattern::parse(std::string("x%") + c, {}, {}, diagnostics);
    REQUIRE(pattern);
    // Days of a year and hours of a day, at the least.
    for (std::int64_t batch = 0; batch < std::int64_t{60} * 365 * 24 * 3600 * 1000; batch += 40'003'007'000) {
      const std::string name = pattern->render(BatchTime(batch), "out", {}, 0);
      CAPTURE(name);
      REQUIRE(have_common_name(pattern->shape("out"), text_shape(name)));
      REQUIRE_FALSE(have_common_name(pattern->shape("out"), text_shape(name + "?")));
    }
  }
}

TEST_CASE("placeholders of a path meet a glob where some value of theirs does") {
  CHECK(may_be("log-%Y.jsonl", "log-2*.jsonl"));
  CHECK_FALSE(may_be("log-%Y.jsonl", "log-3*.jsonl"));
  CHECK_FALSE(may_be("log-%m.jsonl", "log-2*.jsonl"));
  CHECK(may_be("{batch}.log", "*7.log"));
  CHECK_FALSE(may_be("{batch}.log", "*x*.log"));
  CHECK(may_be("part-{part}", "part-12"));
  CHECK(may_be("{partition}-{output}", "?-out"));
  CHECK(may_be("%A.log", "Mon*.log"));
  CHECK_FALSE(may_be("%A.log", "mon*.log"));
  // Of a value only what any value does.
  CHECK(may_be("in/{k}.log", "in/*.log"));
  CHECK_FALSE(may_be("in/{k}.log", "in/a*.log"));
  CHECK_FALSE(may_be("in/{k}.log", "in/x.log"));
  CHECK_FALSE(may_be("in/.{k}.log", "in/*.log"));
  CHECK_FALSE(may_be("in/a{{0}}.log", "in/a0.log"));
}

TEST_CASE("file: what the run reads is never written") {
  for (const bool replaced : {false, true}) {
    Output output(describe_file_sink(), replaced ? mapping({{"path", text("{k}.csv")}, {"write", text("replace")}})
                                                 : path_options("{k}.csv"));
    output.reads("table 't'", {"x.csv", "in/*.csv"});
    std::ofstream(output.folder + "/x.csv") << "input";
    output.publish(1, {"x", "y", "other"});
    CHECK(output.rejected == std::vector<std::string>{"'x.csv' is a file that table 't' reads; "
                                                      "write to a path that it does not"});
    CHECK(output.file("x.csv") == "input");
    // A file that a source has come upon under another name.
    fs::create_hard_link(output.folder + "/other.csv", output.folder + "/read");
    output.finds({"read"});
    output.publish(2, {"y", "other"});
    CHECK(output.rejected.size() == 2);
    CHECK(output.file("other.csv") == "other,x\n");
  }
}

TEST_CASE("file: a path that a source reads and no value has made fails the batch") {
  Output output(describe_file_sink(), path_options("{partition}.csv"));
  output.reads("source 's'", {"0.csv"});
  const auto one = output.stage(1);
  output.append(*one, {"a"});
  const auto done = one->publish();
  REQUIRE_FALSE(done);
  CHECK(done.error().kind == ErrorKind::fatal);
  CHECK(done.error().message.find("0.csv' is a file that source 's' reads; write to a path") != std::string::npos);
  CHECK(output.files().empty());
}

TEST_CASE("a file that has gone gives its identity away, unless it is held") {
  Output output(describe_file_sink(), path_options("out"));
  const std::string table = output.folder + "/t.csv";
  const std::string written = output.folder + "/out";
  const auto id_of = [](const std::string& path) {
    struct stat status{};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return FileId{status.st_dev, status.st_ino};
  };
  std::ofstream(table) << "a,1\n";
  std::ofstream(written) << "b\n";
  for (const bool once : {true, false}) {
    ReadFiles files;
    files.add("t", "table 't'", {resolved_glob(table, 0)}, once);
    files.found("t", {id_of(written), id_of(table)});
    CHECK(files.reader_of(id_of(table)) == "table 't'");
    CHECK(files.reader_of(id_of(written)).has_value() == !once);
    CHECK(files.reader_of(written).has_value() == !once);
  }
}

}  // namespace streamrun
