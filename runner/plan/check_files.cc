#include <fmt/format.h>
#include <re2/re2.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <memory>

#include "runner/operator/read_files.h"
#include "runner/plan/resolution.h"

namespace streamrun {
namespace {

namespace fs = std::filesystem;

// What tells one file from others: its path, and its number where it is there already.
struct FileName {
  std::string path;
  std::string number = {};

  explicit FileName(const std::string& written) : path(resolved_path(written)) {
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

// All absolute paths that a written path may become, links followed as far as it is known.
NameShape resolved(const NameShape& shape) {
  const std::string folder = literal_folder(shape);
  NameShape whole;
  add_text(resolved_path(folder.empty() ? "." : folder), whole);
  add_text("/", whole);
  whole.insert(whole.end(), shape.begin() + static_cast<std::ptrdiff_t>(folder.size()), shape.end());
  return whole;
}

// What the shell makes of a path, and nobody here does.
std::optional<std::string> shell_path(const std::string& path, bool reads) {
  if (path == "-") return fmt::format("'-' would be a file of this name; write {}: {{}}", reads ? "stdin" : "stdout");
  if (path.starts_with("~/")) {
    return fmt::format("'~' is replaced by the shell, and not here; write ${{HOME}}{}", path.substr(1));
  }
  if (path.size() > 1 && path[0] == '$' && std::isalpha(static_cast<unsigned char>(path[1])) != 0) {
    const std::size_t end = std::min(path.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                                            "0123456789_",
                                                            1),
                                     path.size());
    return fmt::format("a variable stands in braces: ${{{}}}{}", path.substr(1, end - 1), path.substr(end));
  }
  return std::nullopt;
}

// Why a path cannot be that of a file, whatever is there.
std::optional<std::string> unusable(const std::string& path) {
  if (auto meant = shell_path(path, false)) return meant;
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
  NameShape shape;
};

std::vector<ReadFile> files_read(const Resolution& r) {
  std::vector<ReadFile> read;
  for (const GraphSource& source : r.graph.sources) {
    for (const ReadPath& path : source.plan.bound.reads) {
      ReadFile& file = read.emplace_back(&source.plan, path.path, FileName(path.path));
      add_glob(resolved_glob(path.path, path.folder), file.shape);
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
    for (const std::string& words_like : source.bound.alone_patterns) {
      const auto& [pattern, by] = alike.emplace_back(std::make_unique<const RE2>(words_like), source.name);
      for (const auto& [words, other] : readers) {
        if (other != by && RE2::FullMatch(words, *pattern)) refuse(node, other, words);
      }
    }
    for (const std::string& what : source.bound.alone) {
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
  for (const GraphSource& source : r.graph.sources) {
    for (const ReadPath& path : source.plan.bound.reads) {
      if (const auto meant = shell_path(path.path, true)) r.error("bad-path", path.span, *meant);
    }
  }
  const std::vector<ReadFile> all_read = files_read(r);
  std::vector<std::pair<FileName, std::string>> written;  // and by which output
  for (const GraphOutput& output : r.graph.outputs) {
    for (const WrittenPath& write : output.plan.bound.writes) {
      if (!check_path(r, write)) continue;
      const FileName name(write.path);
      const NameShape shape = resolved(write.shape);
      for (const ReadFile& read : all_read) {
        if (!(read.name == name) && !have_common_name(read.shape, shape)) continue;
        r.error("writes-its-source", write.span,
                fmt::format("{} '{}' reads '{}', which output '{}' would write; choose another path",
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
