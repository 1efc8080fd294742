#include <fmt/format.h>
#include <fnmatch.h>
#include <re2/re2.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "runner/operator/words_alike.h"
#include "runner/plan/resolution.h"

namespace streamrun {
namespace {

namespace fs = std::filesystem;

// One text for one path, however it is written. Opens nothing.
std::string normal(const std::string& path) {
  std::error_code failed;
  const fs::path whole = fs::absolute(path, failed);
  const fs::path real = failed ? fs::path() : fs::weakly_canonical(whole, failed);
  return (failed ? fs::path(path).lexically_normal() : real).string();
}

// What tells one file from others: its path, and its number where it is there already.
struct FileName {
  std::string path;
  std::string number = {};

  explicit FileName(const std::string& written) : path(normal(written)) {
    struct stat facts{};
    if (::stat(path.c_str(), &facts) == 0) number = fmt::format("{}:{}", facts.st_dev, facts.st_ino);
  }
  friend bool operator==(const FileName& a, const FileName& b) {
    return a.path == b.path || (!a.number.empty() && a.number == b.number);
  }
};

// `path` would be in a folder of the name `file`.
bool is_below(const std::string& path, const std::string& file) {
  return path.size() > file.size() && path[file.size()] == '/' && path.starts_with(file);
}

// A name such as those that vary give: for the match with a glob.
std::string sample(const std::string& pattern) {
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const std::size_t close = pattern[i] == '{' ? pattern.find('}', i) : std::string::npos;
    if (close != std::string::npos) {
      out += '0';
      i = close;
    } else if (pattern[i] == '%' && i + 1 < pattern.size()) {
      out += '0';
      ++i;
    } else {
      out += pattern[i];
    }
  }
  return out;
}

// Why a path cannot be that of a file, whatever is there.
std::optional<std::string> unusable(const std::string& path) {
  constexpr std::size_t kLongestPart = 255;  // of all file systems in use
  for (const fs::path& part : fs::path(path)) {
    if (part == "..") {
      return fmt::format("'{}' leads out of its folder; write the absolute path if that is meant", path);
    }
    if (part.native().size() > kLongestPart) {
      return fmt::format("a name in '{}…' has {} bytes; {} are the most", path.substr(0, 40), part.native().size(),
                         kLongestPart);
    }
  }
  return std::nullopt;
}

// What stands at a path that is to be written, if no file can be put there.
std::optional<std::string> unwritable(const std::string& path) {
  struct stat facts{};
  if (::lstat(path.c_str(), &facts) != 0 || S_ISREG(facts.st_mode)) return std::nullopt;
  const std::string_view what = S_ISLNK(facts.st_mode)    ? "a symbolic link"
                                : S_ISDIR(facts.st_mode)  ? "a folder"
                                : S_ISFIFO(facts.st_mode) ? "a FIFO"
                                : S_ISSOCK(facts.st_mode) ? "a socket"
                                                          : "a device";
  const std::string_view remedy = S_ISCHR(facts.st_mode) || path.starts_with("/dev/")
                                      ? "write `stdout: {}` or `discard: {}`"
                                      : "choose another path";
  return fmt::format("'{}' is {}, and only plain files are written; {}", path, what, remedy);
}

// False: no file can be put there; diagnosed.
bool check_path(Resolution& r, const WrittenPath& write) {
  std::optional<std::string> fault = unusable(write.path);
  if (!fault && write.fixed) fault = unwritable(write.path);
  if (fault) r.error("bad-path", write.span, *fault);
  return !fault;
}

struct ReadFile {
  const PlanSource* source = nullptr;
  std::string path;  // as it was written
  FileName name;
};

std::vector<ReadFile> files_read(const Resolution& r) {
  std::vector<ReadFile> read;
  for (const GraphSource& source : r.graph.sources) {
    for (const Located<std::string>& path : source.plan.bound.reads) {
      read.push_back({&source.plan, path.value, FileName(path.value)});
    }
  }
  return read;
}

// What can be read once, or whose place is kept once, cannot be read by two.
void check_readers(Resolution& r) {
  std::map<std::string, std::string> readers;
  std::vector<std::pair<std::unique_ptr<const RE2>, std::string>> alike;
  const auto refuse = [&](const GraphNode& node, const std::string& other, const std::string& what) {
    r.error("two-readers", node.place,
            fmt::format("'{}' reads {} already; read it once and name that source in both places", other, what));
  };
  for (const GraphNode& node : r.graph.nodes) {
    if (node.kind != GraphNode::Kind::source) continue;
    const PlanSource& source = r.graph.sources[node.source].plan;
    for (const std::string& what : source.bound.alone) {
      if (what.starts_with(kWordsAlike)) {
        const auto& [pattern, by] = alike.emplace_back(std::make_unique<const RE2>(what.substr(1)), source.name);
        for (const auto& [words, other] : readers) {
          if (other != by && RE2::FullMatch(words, *pattern)) refuse(node, other, words);
        }
        continue;
      }
      const auto [other, fresh] = readers.emplace(what, source.name);
      if (!fresh) refuse(node, other->second, what);
      for (const auto& [pattern, by] : alike) {
        if (by != source.name && RE2::FullMatch(what, *pattern)) refuse(node, by, what);
      }
    }
  }
}

}  // namespace

void check_files(Resolution& r) {
  const std::vector<ReadFile> all_read = files_read(r);
  std::vector<std::pair<FileName, std::string>> written;  // and by which output
  for (const GraphOutput& output : r.graph.outputs) {
    for (const WrittenPath& write : output.plan.bound.writes) {
      if (!check_path(r, write)) continue;
      const FileName name(write.path);
      for (const ReadFile& read : all_read) {
        if (!(read.name == name) &&
            ::fnmatch(read.name.path.c_str(), sample(name.path).c_str(), FNM_PATHNAME | FNM_PERIOD) != 0) {
          continue;
        }
        r.error("writes-its-source", write.span,
                fmt::format("{} '{}' reads '{}', which output '{}' would write",
                            read.source->table ? "table" : "source", read.source->name, read.path, output.plan.name));
      }
      for (const auto& [other, by] : written) {
        const bool same = other == name;
        if (!same && !is_below(other.path, name.path) && !is_below(name.path, other.path)) continue;
        r.error("two-writers", write.span,
                same ? fmt::format("output '{}' writes '{}' too", by, write.path)
                     : fmt::format("'{}' and what output '{}' writes cannot both be there: one is the other's folder",
                                   write.path, by));
        break;
      }
      written.emplace_back(name, output.plan.name);
    }
  }
  check_readers(r);
}

}  // namespace streamrun
