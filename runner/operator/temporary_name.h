// Names of temporary files: by them a later run knows which of an earlier one, that was killed, are left.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "runner/base/disk.h"

namespace streamrun {

// Of one process. `.NAME.tmp-BOOT-SPACE-PROCESS-START-SERIAL`: the machine's start, the process's name space, its
// number and its own start tell one process from any other that may have its number, in another container or later. A
// long NAME is cut. Thread-safe.
class TemporaryNames {
 public:
  explicit TemporaryNames(const Disk& disk);

  // Never the same twice.
  std::string make(std::string_view name);
  // Whether the process that made the file of that name is gone for certain. What cannot be told of a process
  // elsewhere is told by its lock on the file, and a day's rest.
  bool abandoned(int folder, const std::string& name) const;

  struct Owner {
    std::string boot;
    std::uint64_t space = 0;
    std::uint64_t process = 0;
    std::uint64_t start = 0;  // 0: not known
  };

 private:
  Owner own_;
  std::atomic<std::uint64_t> serial_ = 0;
};

bool is_temporary_name(std::string_view name);

// A hidden name that stands for `name`, no longer than a file's may be.
std::string hidden_name(std::string_view name, std::string_view ending);

}  // namespace streamrun
