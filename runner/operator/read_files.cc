#include "runner/operator/read_files.h"

#include <fmt/format.h>
#include <fnmatch.h>
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "runner/operator/file_glob.h"

namespace streamrun {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFreePaths = 100'000;

std::string as_glob(const std::string& path) {
  std::string glob;
  for (const char c : path) {
    if (std::string_view("*?[\\").find(c) != std::string_view::npos) glob += '\\';
    glob += c;
  }
  return glob;
}

std::string below(const std::string& folder, const std::string& name) {
  return folder + (folder.ends_with('/') ? "" : "/") + name;
}

}  // namespace

std::string resolved_path(const std::string& path) {
  std::error_code failed;
  const fs::path whole = fs::absolute(path, failed);
  const fs::path real = failed ? fs::path() : fs::weakly_canonical(whole, failed);
  return (failed ? fs::path(path).lexically_normal() : real).string();
}

std::string resolved_glob(const std::string& path, std::size_t folder) {
  const std::string name = path.substr(folder);
  if (!is_glob(name)) return as_glob(resolved_path(path));
  const std::string stands = folder == 0 ? "." : path.substr(0, folder);
  return below(as_glob(resolved_path(stands)), fs::path(name).lexically_normal().string());
}

std::shared_ptr<ReadFiles> ReadFiles::of(const Environment& environment) {
  return *environment.shared->get<ReadFiles>(
      [] { return Result<std::shared_ptr<ReadFiles>>(std::make_shared<ReadFiles>()); });
}

void ReadFiles::add(const std::string& name, std::string reader, std::vector<std::string> globs, bool once) {
  const std::scoped_lock lock(mutex_);
  reads_[name] = {std::move(reader), std::move(globs), {}, once};
  free_.clear();
}

void ReadFiles::found(const std::string& name, std::set<FileId> files) {
  const std::scoped_lock lock(mutex_);
  Read& read = reads_.try_emplace(name, Read{fmt::format("source '{}'", name), {}, {}, false}).first->second;
  if (read.found == files) return;
  read.found = std::move(files);
  free_.clear();
}

bool ReadFiles::Read::has(FileId file) const {
  if (!found.contains(file)) return false;
  const auto leads_there = [&](const std::string& pattern) {
    glob_t matches{};
    bool there = false;
    if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &matches) == 0) {
      for (std::size_t i = 0; i < matches.gl_pathc && !there; ++i) {
        struct stat status{};
        there = ::stat(matches.gl_pathv[i], &status) == 0 && FileId{status.st_dev, status.st_ino} == file;
      }
    }
    ::globfree(&matches);
    return there;
  };
  return !once || std::ranges::any_of(globs, leads_there);
}

std::optional<std::string> ReadFiles::reader_of(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  if (reads_.empty() || free_.contains(path)) return std::nullopt;
  if (const Read* const read = find(path)) return read->reader;
  if (free_.size() >= kFreePaths) free_.clear();
  free_.insert(path);
  return std::nullopt;
}

std::optional<std::string> ReadFiles::reader_of(FileId file) {
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, read] : reads_) {
    if (read.has(file)) return read.reader;
  }
  return std::nullopt;
}

const ReadFiles::Read* ReadFiles::find(const std::string& path) const {
  // A link in the place of the file is never written through.
  const fs::path whole(path);
  const std::string resolved =
      below(resolved_path(whole.has_parent_path() ? whole.parent_path().string() : "."), whole.filename().string());
  struct stat status{};
  const bool there = ::stat(resolved.c_str(), &status) == 0;
  for (const auto& [name, read] : reads_) {
    if (there && read.has({status.st_dev, status.st_ino})) return &read;
    for (const std::string& glob : read.globs) {
      if (::fnmatch(glob.c_str(), resolved.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0) return &read;
    }
  }
  return nullptr;
}

}  // namespace streamrun
