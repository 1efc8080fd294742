// What a path or a glob finds at a moment, for files that are followed, and what is said of it.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "operators/sources/file_set.h"

namespace streamrun {

// A file as it was seen.
struct Seen {
  std::string path;
  FileId id;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;
  std::uint64_t links = 1;
  std::uint64_t born_ns = 0;  // 0: not asked for, or its file system does not tell
};

Seen seen_as(std::string path, const struct stat& status);

std::filesystem::path folder_of(const std::string& path);

// One thread at a time.
class SeenFiles {
 public:
  SeenFiles(FilePaths paths, const Environment& environment) : paths_(std::move(paths)), environment_(environment) {}

  // `known`: files that were there before. `now`: there is no later batch, so that what cannot be looked into is an
  // error and not said.
  Result<> look(const std::vector<FileCursor>& known, bool now);

  // By path, each file once.
  const std::vector<Seen>& files() const { return files_; }
  const Seen* find(FileId id) const;
  const Seen* find(const std::string& path) const;
  // All files of the folder that `path` is in, as they were when somebody asked first since the last look.
  const std::vector<Seen>& siblings(const std::string& path);
  void forget_siblings() { siblings_.clear(); }

  // Once, until it is something else that is to be said.
  void say(const std::string& about, const std::string& message);
  void unsay(const std::string& about) { said_.erase(about); }
  void log(const std::string& message) const;

 private:
  Result<> look_at(const std::string& path, bool is_plain, const std::vector<FileCursor>& known, bool now);
  std::string full(const std::string& path) const;

  const FilePaths paths_;
  const Environment environment_;
  std::vector<Seen> files_;
  std::map<FileId, std::size_t> by_id_;
  std::map<std::string, std::vector<Seen>> siblings_;  // by folder
  std::map<std::string, std::string> said_;
};

}  // namespace streamrun
