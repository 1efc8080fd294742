// A folder into which files are moved: each is read once and whole, and what is lost is said.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "runner/operator/byte_input.h"
#include "tests/operators/source_fixture.h"

namespace streamrun {
namespace {

using Texts = std::vector<std::string>;

using Options = std::vector<std::pair<std::string, SyntaxNode>>;

// A source of the folder `in`.
class Watcher : public BatchedSource {
 public:
  explicit Watcher(Options options = {}) : BatchedSource(describe_directory_source(), with_path(std::move(options))) {
    std::filesystem::create_directory(folder.path() + "/in");
  }

  // Each file is younger than the one before.
  void write(const std::string& name, std::string_view text) {
    folder.write("in/" + name, text);
    std::filesystem::last_write_time(path(name), std::filesystem::file_time_type(std::chrono::hours(++age_)));
  }
  void rename(const std::string& from, const std::string& to) const { std::filesystem::rename(path(from), path(to)); }
  void remove(const std::string& name) const { std::filesystem::remove(path(name)); }
  std::string path(const std::string& name) const { return folder.path() + "/in/" + name; }

 private:
  static Options with_path(Options options) {
    options.emplace_back("path", text("in"));
    return options;
  }

  int age_ = 0;
};

std::string compressed(Compression compression, std::string_view text) {
  std::string bytes;
  const auto compressor = make_compressor(compression);
  REQUIRE(compressor->add(text, bytes));
  REQUIRE(compressor->finish(bytes));
  return bytes;
}

TEST_CASE("directory: limits cut what is compressed as well, and nothing of it is lost") {
  const std::string lines = numbered_lines(5000);
  const std::string tail = numbered_lines(3);
  for (const Compression compression : {Compression::gzip, Compression::zstd, Compression::lz4}) {
    for (const BatchLimits& limits : {BatchLimits{1000, {}, false}, BatchLimits{{}, 4096, false}}) {
      Watcher w;
      w.write("a", compressed(compression, lines));
      w.write("b", tail);
      w.start();
      std::size_t read = 0;
      for (Texts got = w.lines(limits); !got.empty(); got = w.lines(limits)) read += got.size();
      CHECK(read == 5003);
      CHECK(w.said().empty());
    }
  }
}

TEST_CASE("directory: a file that grows before its turn is read whole, and one that grows behind it is said to be") {
  Watcher w({{"max_files_per_batch", text("1")}});
  w.write("a", "1\n");
  w.write("b", "2\n");
  w.start();
  CHECK(w.lines() == Texts{"1"});
  w.write("b", "2\n3\n4\n");
  CHECK(w.lines({2, {}, false}) == Texts{"2", "3"});
  CHECK(w.lines() == Texts{"4"});
  CHECK(w.said().empty());
  w.write("b", "2\n3\n4\n5\n");
  CHECK(w.lines().empty());
  CHECK(w.said().find("'in/b' has changed since it was read; it is not read again") != std::string::npos);
  w.write("b", "6\n");
  CHECK(w.lines().empty());
  CHECK(w.said().empty());
}

TEST_CASE("directory: a file that grows when it is half read is read on, and said to be") {
  Watcher w;
  w.write("a", "1\n2\n3\n");
  w.start();
  CHECK(w.lines({1, {}, false}) == Texts{"1"});
  w.write("a", "1\n2\n3\n4\n");
  CHECK(w.lines() == Texts{"2", "3", "4"});
  CHECK(w.said().find("'in/a' has changed when 2 bytes of it had been read; it is read on") != std::string::npos);
}

TEST_CASE("directory: what is empty counts in no batch, and is read when it has something") {
  Watcher w({{"max_files_per_batch", text("1")}});
  w.write("_SUCCESS", "");
  w.write("later", "");
  w.write("a", "1\n");
  w.write("c", "2\n");
  w.start();
  CHECK(w.lines() == Texts{"1"});
  CHECK(w.lines() == Texts{"2"});
  w.write("later", "3\n");
  CHECK(w.lines() == Texts{"3"});
  CHECK(w.lines().empty());
  CHECK(w.said().empty());
}

struct statx look_at(const std::string& path) {
  struct statx status{};
  REQUIRE(::statx(AT_FDCWD, path.c_str(), 0, STATX_BASIC_STATS | STATX_BTIME, &status) == 0);
  return status;
}

TEST_CASE("directory: a file that takes the name of a removed one is read, whatever inode it gets") {
  Watcher w;
  w.write("a", "first\n");
  w.start();
  CHECK(w.lines() == Texts{"first"});
  const bool births = (look_at(w.path("a")).stx_mask & STATX_BTIME) != 0;
  for (int i = 0; i < 20; ++i) {
    const auto before = look_at(w.path("a"));
    auto now = before;
    // Two that are made within a tick of the kernel's clock are born at once.
    while (now.stx_btime.tv_sec == before.stx_btime.tv_sec && now.stx_btime.tv_nsec == before.stx_btime.tv_nsec) {
      w.remove("a");
      w.write("a", "another " + std::to_string(i) + "\n");
      now = look_at(w.path("a"));
      if (!births) break;
    }
    const bool told = births || now.stx_ino != before.stx_ino;
    CHECK(w.lines() == (told ? Texts{"another " + std::to_string(i)} : Texts{}));
    CHECK(w.said().empty() == told);
  }
}

TEST_CASE("directory: a file that went and comes back changed is another one") {
  Watcher w;
  w.write("a", "1\n");
  w.start();
  CHECK(w.lines() == Texts{"1"});
  w.rename("a", ".a");
  CHECK(w.lines().empty());
  w.write(".a", "2\n");
  w.rename(".a", "a");
  CHECK(w.lines() == Texts{"2"});
  CHECK(w.said().empty());
}

TEST_CASE("directory: the rest of a half-read file is read when it was removed or replaced") {
  for (const bool packed : {false, true}) {
    for (const bool replaced : {false, true}) {
      CAPTURE(packed, replaced);
      Watcher w;
      w.write("a", packed ? compressed(Compression::zstd, "1\n2\n3\n4\n") : "1\n2\n3\n4\n");
      w.start();
      CHECK(w.lines({1, {}, false}) == Texts{"1"});
      w.remove("a");
      if (replaced) w.write("a", "5\n");
      CHECK(w.lines({1, {}, false}) == Texts{"2"});
      const std::string said = w.said();
      CHECK(said.starts_with("q: 'in/a' was removed or replaced when 2 bytes of it had been read: its rest is read"));
      CHECK(std::ranges::count(said, '\n') == 1);
      CHECK(w.lines({3, {}, false}) == (replaced ? Texts{"3", "4", "5"} : Texts{"3", "4"}));
      CHECK(w.lines().empty());
      CHECK(w.said().empty());
    }
  }
}

TEST_CASE("directory: a file that is begun is finished before older ones that come") {
  Watcher w;
  w.write("old", "1\n");
  w.write("a", "2\n3\n4\n");
  w.rename("old", ".old");
  w.start();
  CHECK(w.lines({1, {}, false}) == Texts{"2"});
  w.rename(".old", "old");
  CHECK(w.lines({1, {}, false}) == Texts{"3"});
  CHECK(w.lines() == Texts{"4", "1"});
}

TEST_CASE("directory: what is lost of removed files is said") {
  Watcher w;
  w.write("a", "1\n2\n");
  w.write("b", "3\n");
  w.write("c", "4\n");
  w.start();
  CHECK(w.lines({1, {}, false}) == Texts{"1"});
  // Another process has nothing of it open.
  w.restart();
  w.remove("a");
  w.remove("b");
  w.rename("c", "d");
  CHECK(w.lines() == Texts{"4"});
  CHECK(w.said() ==
        "q: 'in/a' was removed or replaced when 2 bytes of it had been read: its rest is lost\n"
        "q: 'in/b' was removed or replaced before it was read: it is lost\n");
  CHECK(w.lines().empty());
  CHECK(w.said().empty());
}

TEST_CASE("directory: a half-read file that is renamed is read anew, and said to be") {
  Watcher w;
  w.write("a", "1\n2\n");
  w.start();
  CHECK(w.lines({1, {}, false}) == Texts{"1"});
  w.rename("a", "b");
  CHECK(w.lines() == Texts{"1", "2"});
  CHECK(w.said() == "q: 'in/a' was renamed to 'in/b' when 2 bytes of it had been read: it is read anew, whole\n");
}

}  // namespace
}  // namespace streamrun
