// Followed files under whatever rotates, cuts, replaces and removes them: every line once, and what is lost is said.
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>

#include "tests/operators/source_fixture.h"

namespace streamrun {
namespace {

using Texts = std::vector<std::string>;

// A source that follows `path`.
class Follower : public BatchedSource {
 public:
  explicit Follower(const std::string& path, const std::string& start = "beginning")
      : BatchedSource(describe_file_source(),
                      {{"path", text(path)}, {"follow", text("true")}, {"start", text(start)}}) {
    this->start();
  }

  void write(const std::string& name, std::string_view text) const { folder.write(name, text); }
  void append(const std::string& name, std::string_view text) const { folder.append(name, text); }
  void rename(const std::string& from, const std::string& to) const {
    std::filesystem::rename(folder.path() + "/" + from, folder.path() + "/" + to);
  }
  void remove(const std::string& name) const { std::filesystem::remove_all(folder.path() + "/" + name); }
  void copy(const std::string& from, const std::string& to) const {
    std::filesystem::copy_file(folder.path() + "/" + from, folder.path() + "/" + to);
  }
};

TEST_CASE("follow: a file that is cut is said to be, and read from its start") {
  for (const std::string anew : {"x\n", "b1\nb2\nb3\nb4\n", "a1\nb2\n"}) {
    CAPTURE(anew);
    Follower f("log");
    CHECK(f.says("'log' is not there yet"));
    f.write("log", "a1\na2\n");
    CHECK(f.lines() == Texts{"a1", "a2"});
    f.write("log", anew);
    // Of a beginning that is the same nobody can tell.
    const auto records = f.records();
    CHECK(texts({records}) == texts({f.input()->read({R"({"files":[]})", f.at(), false, false})}));
    CHECK(records.front().place == "log:1");
    CHECK(f.says("'log' was cut or written anew when 6 bytes of it had been read: it is read from its start"));
    f.append("log", "more\n");
    CHECK(f.lines() == Texts{"more"});
    CHECK(f.said().empty());
  }
}

TEST_CASE("follow: a cut is known by the last bytes that were read, behind a beginning that is always the same") {
  Follower f("log");
  const std::string banner(10000, '=');
  f.write("log", banner + "\na\nb\n");
  CHECK(f.lines().size() == 3);
  f.write("log", banner + "\nc\nd\ne\n");
  CHECK(f.lines() == Texts{banner, "c", "d", "e"});
  CHECK(f.says("was cut or written anew"));
}

TEST_CASE("follow: what was written before a rename is read to its end, then the new file") {
  Follower f("app.log");
  f.write("app.log", "1\n2\n");
  CHECK(f.lines() == Texts{"1", "2"});
  f.append("app.log", "3\n");
  f.rename("app.log", "app.log.1");
  CHECK(f.lines() == Texts{"3"});
  // Its writer goes on until it is told of the new file.
  f.append("app.log.1", "4\n");
  f.write("app.log", "");
  CHECK(f.lines() == Texts{"4"});
  f.append("app.log.1", "5\nhalf");
  f.append("app.log", "6\n");
  const auto records = f.records();
  CHECK(texts({records}) == Texts{"5", "half", "6"});
  CHECK(records[0].place == "app.log:5");
  CHECK(records[2].place == "app.log:1");
  f.append("app.log", "7\n");
  CHECK(f.lines() == Texts{"7"});
  // Rotated again, and the file before is compressed: nothing of it is left to read.
  f.remove("app.log.1");
  f.append("app.log", "8\n");
  f.rename("app.log", "app.log.1");
  f.write("app.log", "9\n");
  CHECK(f.lines() == Texts{"8", "9"});
  CHECK(f.lines().empty());
}

TEST_CASE("follow: of several writers not all look for the new file at once") {
  Follower f("app.log");
  f.write("app.log", "1\n");
  CHECK(f.lines() == Texts{"1"});
  f.rename("app.log", "app.log.1");
  f.write("app.log", "2\n");
  CHECK(f.lines() == Texts{"2"});
  CHECK(f.lines().empty());
  f.append("app.log.1", "late\n");
  f.append("app.log", "3\n");
  CHECK(f.lines() == Texts{"late", "3"});
  f.restart();
  f.append("app.log.1", "later\n");
  CHECK(f.lines() == Texts{"later"});
}

TEST_CASE("follow: a restart finds what was renamed meanwhile") {
  Follower f("app.log");
  f.write("app.log", "1\n");
  CHECK(f.lines() == Texts{"1"});
  f.append("app.log", "2\n");
  f.rename("app.log", "app.log.1");
  f.write("app.log", "3\n");
  f.restart();
  CHECK(f.lines() == Texts{"2", "3"});
  f.append("app.log", "4\n");
  f.remove("app.log");
  f.write("app.log", "other\n");
  f.restart();
  CHECK(f.lines() == Texts{"other"});
  CHECK(f.said().find("3") == std::string::npos);
}

TEST_CASE("follow: within a glob a renamed file goes on at its place, under its new name") {
  Follower f("app.log*");
  f.write("app.log", "1\n");
  CHECK(f.lines() == Texts{"1"});
  f.append("app.log", "2\n");
  f.rename("app.log", "app.log.1");
  const auto records = f.records();
  CHECK(texts({records}) == Texts{"2"});
  CHECK(records[0].place == "app.log.1:2");
  f.append("app.log.1", "3\nhalf");
  f.write("app.log", "4\n");
  CHECK(f.lines() == Texts{"3", "half", "4"});
  f.rename("app.log.1", "app.log.2");
  f.rename("app.log", "app.log.1");
  f.write("app.log", "5\n");
  CHECK(f.lines() == Texts{"5"});
  f.restart();
  CHECK(f.lines().empty());
  f.rename("app.log.1", "app.log");
  CHECK(f.lines().empty());
  f.append("app.log", "6\n");
  CHECK(f.lines() == Texts{"6"});
}

TEST_CASE("follow: of a copy that is made before a cut what was not read yet is read, within the glob and without") {
  for (const std::string path : {"app.log", "app.log*"}) {
    CAPTURE(path);
    Follower f(path);
    f.write("app.log", "1\n2\n");
    CHECK(f.lines() == Texts{"1", "2"});
    f.append("app.log", "3\n");
    f.copy("app.log", "app.log.1");
    f.write("app.log", "4\n");
    CHECK(f.lines() == Texts{"3", "4"});
    CHECK(f.says("behind what is left in its copy 'app.log.1'"));
    f.append("app.log", "5\n");
    CHECK(f.lines() == Texts{"5"});
    CHECK(f.lines().empty());
    CHECK(f.said().empty());
  }
}

TEST_CASE("follow: a copy that is seen before its original is cut is not read twice") {
  Follower f("app.log*");
  const std::string backlog = numbered_lines(1000);
  f.write("app.log", backlog);
  CHECK(f.lines({500, {}, false}).size() == 500);
  f.append("app.log", "last\n");
  f.copy("app.log", "app.log.1");
  CHECK(f.lines({100, {}, false}).size() == 100);
  f.write("app.log", "");
  CHECK(f.lines().back() == "last");
  f.append("app.log", numbered_lines(2000));
  CHECK(f.lines().size() == 2000);
  f.append("app.log", "more\n");
  f.copy("app.log", "app.log.2");
  CHECK(f.lines() == Texts{"more"});
  CHECK(f.lines().empty());
  f.write("app.log", "anew\n");
  CHECK(f.lines() == Texts{"anew"});
}

TEST_CASE("follow: files that begin with the same bytes are read, each") {
  Follower f("*.log");
  for (const char* name : {"1.log", "10.log", "2.log"}) {
    f.write(name, numbered_lines(1000));
    CHECK(f.lines().size() == 1000);
  }
  f.append("1.log", "more\n");
  f.write("11.log", numbered_lines(1000));
  CHECK(f.lines().size() == 1001);
  CHECK(f.said().find("copy") == std::string::npos);
}

TEST_CASE("follow: a file that is called as the glob is written hides nothing that matches it, nor is it hidden") {
  for (const std::string path : {"*.log", "[1].log"}) {
    CAPTURE(path);
    Follower f(path);
    f.write("1.log", "1\n");
    CHECK(f.lines() == Texts{"1"});
    f.said();
    f.write(path, "2\n");
    f.append("1.log", "3\n");
    Texts got = f.lines();
    std::ranges::sort(got);
    CHECK(got == Texts{"2", "3"});
    f.append("1.log", "4\n");
    CHECK(f.lines() == Texts{"4"});
    f.remove("1.log");
    f.append(path, "5\n");
    CHECK(f.lines() == Texts{"5"});
    CHECK(f.said().empty());
  }
}

TEST_CASE("follow: files that are compressed, unreadable or none at all are said to be passed over, once") {
  Follower f("app*");
  f.write("app.log", "1\n");
  f.write("app.log.1.gz", "\x1f\x8b\x08 compressed");
  REQUIRE(::mkfifo((f.folder.path() + "/app.pipe").c_str(), 0600) == 0);
  std::filesystem::create_directory(f.folder.path() + "/app.d");
  CHECK(f.lines() == Texts{"1"});
  const std::string said = f.said();
  CHECK(said.find("'app.log.1.gz' is compressed, and what is compressed cannot be followed; it is passed over") !=
        std::string::npos);
  CHECK(said.find("'app.pipe' is no regular file, which cannot be followed: it is passed over") != std::string::npos);
  CHECK(said.find("app.d") == std::string::npos);
  CHECK(f.lines().empty());
  CHECK(f.said().empty());
}

TEST_CASE("follow: a path that becomes a folder, a link to another file, or nothing") {
  Follower f("log");
  f.write("one", "1\n");
  f.write("two", "2\n");
  std::filesystem::create_symlink("one", f.folder.path() + "/log");
  CHECK(f.lines() == Texts{"1"});
  f.said();
  f.append("one", "1b\n");
  f.remove("log");
  std::filesystem::create_symlink("two", f.folder.path() + "/log");
  CHECK(f.lines() == Texts{"1b", "2"});
  f.remove("log");
  CHECK(f.lines().empty());
  CHECK(f.says("'log' is no longer there; it is read if it appears"));
  std::filesystem::create_directory(f.folder.path() + "/log");
  CHECK(f.lines().empty());
  CHECK(f.says("'log' is a folder, which cannot be followed"));
  f.remove("log");
  f.append("two", "2b\n");
  std::filesystem::create_symlink("two", f.folder.path() + "/log");
  CHECK(f.lines() == Texts{"2b"});
}

TEST_CASE("follow: what was deleted is read to its end, and what takes its name from its start") {
  Follower f("log");
  f.write("log", "1\n");
  CHECK(f.lines() == Texts{"1"});
  f.append("log", "2\n");
  f.remove("log");
  CHECK(f.lines() == Texts{"2"});
  f.write("log", "1\n3\n");
  CHECK(f.lines() == Texts{"1", "3"});
  f.restart();
  f.remove("log");
  f.write("log", "other\nlines\n");
  CHECK(f.lines() == Texts{"other", "lines"});
}

TEST_CASE("follow: a folder that is not there yet, and a file that comes behind the end") {
  Follower f("logs/*.log", "end");
  CHECK(f.says("no file matches 'logs/*.log' yet"));
  CHECK(f.lines().empty());
  std::filesystem::create_directory(f.folder.path() + "/logs");
  f.write("logs/a.log", "1\nhalf");
  CHECK(f.lines() == Texts{"1"});
  f.write("logs/b.log", "2\n");
  CHECK(f.lines() == Texts{"2"});
  f.append("logs/a.log", " is whole\n");
  CHECK(f.lines() == Texts{"half is whole"});
}

TEST_CASE("follow: limits hold across a rotation") {
  Follower f("log");
  f.write("log", "1\n");
  CHECK(f.lines() == Texts{"1"});
  f.append("log", "2\n3\n4");
  f.rename("log", "log.1");
  f.write("log", "5\n6\n");
  for (const char* line : {"2", "3", "4", "5", "6"}) CHECK(f.lines({1, {}, false}) == Texts{line});
  CHECK(f.lines({1, {}, false}).empty());
}

TEST_CASE("follow: a file whose turn has not come is found when it is renamed meanwhile") {
  Follower f("log");
  CHECK(f.says("is not there yet"));
  BatchLimits two;
  two.records = 2;
  f.write("log", "a1\na2\na3\n");
  CHECK(f.lines(two) == Texts{"a1", "a2"});
  f.rename("log", "log.1");
  f.write("log", "b1\n");
  CHECK(f.lines({1, {}, false}) == Texts{"a3"});
  f.rename("log.1", "log.2");
  f.rename("log", "log.1");
  f.write("log", "c1\n");
  CHECK(f.lines(two) == Texts{"b1", "c1"});
  CHECK(f.lines(two).empty());
  CHECK(f.said() == "");
}

TEST_CASE("follow: a file that is cut while it is read loses what was planned, and says so") {
  Follower f("log");
  f.write("log", "1\n2\n");
  f.write("other", "");
  const auto range = f.plan();
  REQUIRE(range);
  f.write("log", "anew\n");
  CHECK(f.input()->read(*range).empty());
  CHECK(f.says("'log' was cut while it was read: its bytes 0 to 4 are lost"));
}

TEST_CASE("follow: a range whose file is gone for good is an error that says what to do") {
  Follower f("log");
  f.write("log", "1\n2\n");
  const auto range = f.plan();
  REQUIRE(range);
  f.remove("log");
  f.write("log", "3\n");
  f.restart();
  auto reader = f.input()->source->read(*range);
  REQUIRE(reader);
  Morsel morsel;
  const auto more = (*reader)->next(morsel);
  REQUIRE(!more);
  CHECK(more.error().message.find("put it back there, or start afresh") != std::string::npos);
}

TEST_CASE("follow: a thousand files hold no more descriptors than there may be") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit few{64, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  {
    Follower f("*.log");
    for (int i = 0; i < 1000; ++i) f.write(std::to_string(i) + ".log", "1\n");
    CHECK(f.lines().size() == 1000);
    for (int i = 0; i < 1000; ++i) {
      f.append(std::to_string(i) + ".log", "2\n");
      f.rename(std::to_string(i) + ".log", std::to_string(i) + ".log.1");
    }
    CHECK(f.lines().size() == 1000);
    CHECK(f.said().find("Too many") == std::string::npos);
  }
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
}

}  // namespace
}  // namespace streamrun
