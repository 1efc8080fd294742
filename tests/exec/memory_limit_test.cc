#include "runner/exec/memory_limit.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>

namespace streamrun {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMachine = std::uint64_t{16} << 30;

// A tree with the files that are read.
class Root {
 public:
  Root() : path_(fs::temp_directory_path() / ("memory_limit_test." + std::to_string(::getpid()))) {}
  ~Root() { fs::remove_all(path_); }
  Root(const Root&) = delete;
  Root& operator=(const Root&) = delete;

  Root& write(const std::string& file, const std::string& text) {
    fs::create_directories((path_ / file).parent_path());
    std::ofstream(path_ / file) << text << '\n';
    return *this;
  }
  std::uint64_t usable(ProcessLimits limits = {}) const {
    limits.machine = kMachine;
    return usable_memory(limits, path_);
  }

 private:
  fs::path path_;
};

TEST_CASE("without groups and limits the machine's memory counts") {
  CHECK(Root().usable() == kMachine);
}

TEST_CASE("a group of version 2 and those it is nested in") {
  Root root;
  root.write("proc/self/cgroup", "0::/a/b c/d")
      .write("proc/self/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate")
      .write("sys/fs/cgroup/a/b c/d/memory.max", "max");
  CHECK(root.usable() == kMachine);
  root.write("sys/fs/cgroup/a/b c/memory.max", "3000");
  CHECK(root.usable() == 3000);
  root.write("sys/fs/cgroup/a/memory.high", "2000");
  CHECK(root.usable() == 2000);
  root.write("sys/fs/cgroup/memory.max", "1000");
  CHECK(root.usable() == 1000);
  root.write("sys/fs/cgroup/a/b c/d/memory.high", "500");
  CHECK(root.usable() == 500);
}

TEST_CASE("a group of version 1, its mount among others") {
  Root root;
  root.write("proc/self/cgroup", "9:name=systemd:/x\n4:cpu,memory:/job/one\n0::/")
      .write("proc/self/mountinfo",
             "32 31 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
             "33 31 0:30 / /sys/fs/cgroup/my\\040memory rw - cgroup cgroup rw,cpu,memory\n"
             "34 31 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw")
      .write("sys/fs/cgroup/my memory/job/one/memory.limit_in_bytes", "9223372036854771712");
  CHECK(root.usable() == kMachine);
  root.write("sys/fs/cgroup/my memory/job/memory.limit_in_bytes", "7000");
  CHECK(root.usable() == 7000);
  root.write("sys/fs/cgroup/my memory/job/one/memory.limit_in_bytes", "5000");
  CHECK(root.usable() == 5000);
}

TEST_CASE("a container sees its own group as the mount") {
  for (const std::string group : {"/docker/abc", "/docker/abc/inner", "/../outside", "/elsewhere"}) {
    CAPTURE(group);
    Root root;
    root.write("proc/self/cgroup", "0::" + group)
        .write("proc/self/mountinfo", "31 23 0:28 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw")
        .write("sys/fs/cgroup/memory.max", "4000")
        .write("sys/fs/memory.max", "1");
    CHECK(root.usable() == 4000);
  }
}

TEST_CASE("limits of the process leave what it has not mapped yet") {
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  Root root;
  root.write("proc/self/statm", "100 50 20 5 0 60 0");
  ProcessLimits limits;
  limits.address_space = 1000 * page;
  CHECK(root.usable(limits) == 900 * page);
  limits.data = 500 * page;
  CHECK(root.usable(limits) == 440 * page);
  limits.address_space = 10 * page;
  CHECK(root.usable(limits) == 0);
}

TEST_CASE("what cannot be read bounds nothing") {
  Root root;
  root.write("proc/self/cgroup", "nonsense\n1:memory\n4:memory:/a")
      .write("proc/self/mountinfo", "\n31 23 - \n31 23 0:28 / /g rw -\n31 23 0:28 / /g rw - cgroup cgroup rw,memory")
      .write("proc/self/statm", "much")
      .write("g/a/memory.limit_in_bytes", "-1x");
  CHECK(root.usable() == kMachine);
}

TEST_CASE("steps may hold half of it, in whole MiB") {
  constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
  CHECK(default_memory(100 * kMiB + 1) == 50 * kMiB);
  CHECK(default_memory(3 * kMiB) == kMiB);
  CHECK(default_memory(0) == kMiB);
}

}  // namespace
}  // namespace streamrun
