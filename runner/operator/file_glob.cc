#include "runner/operator/file_glob.h"

#include <dirent.h>
#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "runner/operator/file_descriptor.h"

namespace streamrun {
namespace {

// glob() passes over what it cannot look at, so it looks through these, which take note. They have no context.
thread_local std::vector<std::string>* glob_faults = nullptr;

void note(std::string_view what, const std::string& path) {
  if (errno != ENOENT && errno != ENOTDIR) {
    glob_faults->push_back(fmt::format("cannot {} '{}': {}", what, path, std::strerror(errno)));
  }
}

struct OpenFolder {
  DIR* stream;
  std::string path;
};

void* open_folder(const char* path) {
  DIR* const stream = ::opendir(path);
  if (stream == nullptr) {
    note("look into folder", path);
    return nullptr;
  }
  return new OpenFolder{stream, path};
}

dirent* read_folder(void* opened) {
  auto* const folder = static_cast<OpenFolder*>(opened);
  errno = 0;
  dirent* const entry = ::readdir(folder->stream);
  if (entry == nullptr && errno != 0) note("read folder", folder->path);
  return entry;
}

void close_folder(void* opened) {
  const std::unique_ptr<OpenFolder> folder(static_cast<OpenFolder*>(opened));
  ::closedir(folder->stream);
}

int look_at(const char* path, struct stat* status) {
  const int code = ::stat(path, status);
  if (code != 0) note("look at", path);
  return code;
}

int look_at_link(const char* path, struct stat* status) {
  const int code = ::lstat(path, status);
  if (code != 0) note("look at", path);
  return code;
}

void keep_distinct(std::vector<std::string>& texts) {
  std::ranges::sort(texts);
  const auto rest = std::ranges::unique(texts);
  texts.erase(rest.begin(), rest.end());
}

// The first `{…}` that holds a comma of its own: where it begins, its commas, where it ends; else empty.
std::vector<std::size_t> find_braces(std::string_view path) {
  for (std::size_t begin = path.find('{'); begin != std::string_view::npos; begin = path.find('{', begin + 1)) {
    std::vector<std::size_t> marks{begin};
    std::size_t depth = 0;
    for (std::size_t at = begin; at != path.size(); ++at) {
      if (path[at] == '{') ++depth;
      if (path[at] == ',' && depth == 1) marks.push_back(at);
      if (path[at] != '}' || --depth != 0) continue;
      marks.push_back(at);
      if (marks.size() > 2) return marks;
      break;
    }
  }
  return {};
}

}  // namespace

bool is_glob(std::string_view path) {
  return path.find_first_of("*?[") != std::string_view::npos;
}

std::vector<std::string> expand_braces(const std::string& path) {
  const std::vector<std::size_t> marks = find_braces(path);
  if (marks.empty()) return {path};
  std::vector<std::string> all;
  for (std::size_t i = 0; i + 1 != marks.size(); ++i) {
    const std::string one = path.substr(0, marks.front()) + path.substr(marks[i] + 1, marks[i + 1] - marks[i] - 1) +
                            path.substr(marks.back() + 1);
    for (std::string& each : expand_braces(one)) all.push_back(std::move(each));
  }
  return all;
}

GlobMatches expand_glob(const std::string& folder, const std::string& pattern) {
  const std::string full = below_folder(folder, pattern);
  GlobMatches matches;
  glob_faults = &matches.faults;
  glob_t found{};
  found.gl_opendir = open_folder;
  found.gl_readdir = read_folder;
  found.gl_closedir = close_folder;
  found.gl_stat = look_at;
  found.gl_lstat = look_at_link;
  const int code = ::glob(full.c_str(), GLOB_NOSORT | GLOB_ALTDIRFUNC, nullptr, &found);
  glob_faults = nullptr;
  for (std::size_t i = 0; code == 0 && i < found.gl_pathc; ++i) {
    matches.paths.push_back(std::string(found.gl_pathv[i]).substr(full.size() - pattern.size()));
  }
  ::globfree(&found);
  // `a[1].txt` does not match its own name.
  if (struct stat status{}; ::stat(full.c_str(), &status) == 0) matches.paths.push_back(pattern);
  if (code != 0 && code != GLOB_NOMATCH) matches.faults.push_back(fmt::format("cannot look for files '{}'", full));
  keep_distinct(matches.paths);
  keep_distinct(matches.faults);
  return matches;
}

}  // namespace streamrun
