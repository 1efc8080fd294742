// The files that a source reads: those a path or a glob finds once, or those that are followed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "operators/sources/file_cursor.h"
#include "runner/operator/environment.h"

namespace streamrun {

struct FilePaths {
  std::string source;              // its name, for messages
  std::vector<std::string> paths;  // as the user wrote them, braces expanded
};

struct FoundFile {
  FileCursor at;      // where it is read on from
  bool idle = false;  // nothing has come since
  bool last = false;  // nothing will come any more: what is behind its last line end is a record
};

// Thread-safe, but for look().
class FileSet {
 public:
  virtual ~FileSet() = default;
  // In the order of reading. `from`: what was read so far. `now`: there is no later batch to wait for.
  virtual Result<std::vector<FoundFile>> look(const std::vector<FileCursor>& from, bool now) = 0;
  // The very file that `place` tells of, whatever has become of its name.
  virtual Result<InputFile> open(const FileCursor& place) = 0;
  // `file` was begun, and a later batch reads on from `place`: it is to be within reach until then.
  virtual void hold(const FileCursor& place, const InputFile& file) {
    static_cast<void>(place), static_cast<void>(file);
  }
  // By what a file is found again in a cursor.
  virtual std::string key(const FileCursor& place) const = 0;
  // Whether it goes on without a file that failed; then it has said so.
  virtual bool passes_over(const FileCursor& place, const Error& why, bool now) = 0;
  // Whether it goes on without bytes that were planned and are no longer there; then it has said so.
  virtual bool passes_over_lost(const FileCursor& place, std::uint64_t begin, std::uint64_t end) = 0;
  // The batch that read up to `places` is done: none before it is read again.
  virtual void committed(const std::vector<FileCursor>& places) = 0;
};

std::shared_ptr<FileSet> make_static_files(const FilePaths& paths, const Environment& environment);
std::shared_ptr<FileSet> make_followed_files(const FilePaths& paths, const Environment& environment);
// The files of a folder whose names match `pattern`, each of which is there as a whole when it appears: in the order of
// their times, then of their names.
std::shared_ptr<FileSet> make_directory_files(std::string source, std::string folder, std::string pattern,
                                              const Environment& environment);

}  // namespace streamrun
