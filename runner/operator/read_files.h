// Which files the sources and tables of a run read: none of its outputs may write one of them.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "runner/operator/environment.h"
#include "runner/operator/input_file.h"

namespace streamrun {

// One text for one file, however its path is written: absolute, links followed as far as it is there.
std::string resolved_path(const std::string& path);
// The same of a path or a glob of which the first `folder` bytes stand as written. It is a glob for fnmatch.
std::string resolved_glob(const std::string& path, std::size_t folder);

// Thread-safe.
class ReadFiles {
 public:
  static std::shared_ptr<ReadFiles> of(const Environment& environment);

  // Before anything is written. `reader`: `source 's'`; `globs` as resolved_glob has them, of files that may be made
  // yet. `once`: it does not keep them within reach, so that another file may get the identity of one that has gone.
  void add(const std::string& name, std::string reader, std::vector<std::string> globs, bool once = false);
  // What the source of this name has found, in place of what it found before: whatever the names, links too.
  void found(const std::string& name, std::set<FileId> files);
  // Who reads the file at `path`, or will once it is there; none: it may be written. What nobody reads is looked at
  // once.
  std::optional<std::string> reader_of(const std::string& path);
  // Who has found this file, whatever its name is by now.
  std::optional<std::string> reader_of(FileId file);

 private:
  struct Read {
    std::string reader;
    std::vector<std::string> globs;
    std::set<FileId> found;
    bool once = false;
    bool has(FileId file) const;
  };
  // Null: nobody reads it.
  const Read* find(const std::string& path) const;

  std::mutex mutex_;
  std::map<std::string, Read> reads_;     // by name
  std::unordered_set<std::string> free_;  // paths that nobody reads
};

}  // namespace streamrun
