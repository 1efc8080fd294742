#include "operators/sources/seen_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "runner/operator/file_descriptor.h"
#include "runner/operator/file_glob.h"
#include "runner/operator/read_files.h"
#include "runner/operator/standard_output.h"

namespace streamrun {

Seen seen_as(std::string path, const struct stat& status) {
  return {std::move(path),
          {status.st_dev, status.st_ino},
          static_cast<std::uint64_t>(status.st_size),
          std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec,
          status.st_nlink,
          0};
}

std::filesystem::path folder_of(const std::string& path) {
  return std::filesystem::path(path).parent_path();
}

std::string SeenFiles::full(const std::string& path) const {
  return below_folder(environment_.working_folder, path);
}

Result<> SeenFiles::look_at(const std::string& path, bool is_plain, const std::vector<FileCursor>& known, bool now) {
  struct stat status{};
  if (::stat(full(path).c_str(), &status) != 0) {
    const int code = errno;
    if (code != ENOENT && code != ENOTDIR) {
      const std::string message = fmt::format("cannot look at '{}': {}", path, std::strerror(code));
      if (now) return failure(message, ErrorKind::transient);
      say(path, message + "; it is tried again with every batch");
    } else if (is_plain) {
      const bool was_there = std::ranges::any_of(known, [&](const FileCursor& one) { return one.path == path; });
      say(path,
          now ? fmt::format("'{}' is {}: nothing of it is read", path, was_there ? "no longer there" : "not there")
              : fmt::format("'{}' is {}; it is read if it appears", path,
                            was_there ? "no longer there" : "not there yet"));
    }
    return {};
  }
  if (S_ISREG(status.st_mode)) {
    said_.erase(path);
    files_.push_back(seen_as(path, status));
  } else if (is_plain || !S_ISDIR(status.st_mode)) {
    say(path, fmt::format("'{}' is {}, which cannot be followed: it is passed over", path,
                          S_ISDIR(status.st_mode) ? "a folder" : "no regular file"));
  }
  return {};
}

Result<> SeenFiles::look(const std::vector<FileCursor>& known, bool now) {
  files_.clear();
  by_id_.clear();
  siblings_.clear();
  for (const std::string& pattern : paths_.paths) {
    if (!is_glob(pattern)) {
      if (auto looked = look_at(pattern, true, known, now); !looked) return looked;
      continue;
    }
    const GlobMatches matches = expand_glob(environment_.working_folder, pattern);
    for (const std::string& fault : matches.faults) {
      const std::string message = fmt::format("{}; files there may match '{}'", fault, pattern);
      if (now) return failure(message, ErrorKind::transient);
      say(fault, message);
    }
    const std::size_t before = files_.size();
    for (const std::string& path : matches.paths) {
      if (auto looked = look_at(path, false, known, now); !looked) return looked;
    }
    if (files_.size() != before) {
      said_.erase(pattern);
    } else {
      say(pattern, now ? fmt::format("no file matches '{}': nothing is read", pattern)
                       : fmt::format("no file matches '{}' yet; files are read if they appear", pattern));
    }
  }
  std::ranges::sort(files_, {}, &Seen::path);
  std::vector<Seen> distinct;
  for (Seen& one : files_) {
    if (by_id_.emplace(one.id, distinct.size()).second) distinct.push_back(std::move(one));
  }
  files_ = std::move(distinct);
  std::set<FileId> ids;
  for (const Seen& seen : files_) {
    ids.insert(seen.id);
    auto other = check_not_standard_output(environment_, seen.path, seen.id.device, seen.id.inode);
    if (!other) return other;
  }
  ReadFiles::of(environment_)->found(paths_.source, std::move(ids));
  return {};
}

const Seen* SeenFiles::find(FileId id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &files_[found->second];
}

const Seen* SeenFiles::find(const std::string& path) const {
  const auto found = std::ranges::lower_bound(files_, path, {}, &Seen::path);
  return found == files_.end() || found->path != path ? nullptr : &*found;
}

const std::vector<Seen>& SeenFiles::siblings(const std::string& path) {
  const std::filesystem::path folder = folder_of(path);
  const auto [listed, fresh] = siblings_.try_emplace(folder);
  if (!fresh) return listed->second;
  std::error_code code;
  const std::filesystem::path there = folder.empty() && environment_.working_folder.empty() ? "." : full(folder);
  for (std::filesystem::directory_iterator entry(there, code), end; !code && entry != end; entry.increment(code)) {
    struct stat status{};
    if (::stat(entry->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    listed->second.push_back(seen_as(folder / entry->path().filename(), status));
  }
  return listed->second;
}

void SeenFiles::log(const std::string& message) const {
  if (environment_.log) environment_.log(LogLevel::warning, fmt::format("source '{}': {}", paths_.source, message));
}

void SeenFiles::say(const std::string& about, const std::string& message) {
  std::string& said = said_[about];
  if (said == message) return;
  said = message;
  log(message);
}

}  // namespace streamrun
