// The system calls by which files are written, passed in: a test can let each of them fail, and forget what was not
// synced.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace streamrun {

// Each as the call of its name: a negative result, and errno. Any thread. Reading and looking is done without it.
class Disk {
 public:
  virtual ~Disk() = default;

  virtual int open(int folder, const char* name, int flags, mode_t mode);
  // At `at`, or where the descriptor stands if that is kHere. A descriptor with O_APPEND writes at the end all the
  // same.
  virtual ssize_t write(int file, const char* bytes, std::size_t size, off_t at);
  virtual int truncate(int file, off_t size);
  // Of a folder too.
  virtual int sync(int file);
  virtual int close(int file);
  virtual int rename(int folder, const char* from, const char* to, unsigned flags);
  virtual int unlink(int folder, const char* name);
  // Bytes that may still be written to the file system of an open file; all of 64 bits where it does not say.
  virtual std::uint64_t available(int file) const;
  // What tells this start of the machine from others: what was not synced before another one may be lost.
  virtual std::string boot() const;

  static constexpr off_t kHere = -1;
  static Disk& real();
};

}  // namespace streamrun
