#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include <filesystem>

#include "runner/plan/resolution.h"

namespace streamrun {
namespace {

namespace fs = std::filesystem;

// One text for one path, however it is written. Opens nothing.
std::string normal(const std::string& path) {
  std::error_code failed;
  const fs::path whole = fs::absolute(path, failed);
  return (failed ? fs::path(path) : whole).lexically_normal().string();
}

bool same_file(const std::string& a, const std::string& b) {
  std::error_code failed;
  return a == b || fs::equivalent(a, b, failed);
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

bool leads_up(const std::string& path) {
  for (const fs::path& part : fs::path(path)) {
    if (part == "..") return true;
  }
  return false;
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

void check_path(Resolution& r, const WrittenPath& write) {
  if (leads_up(write.path)) {
    r.error("bad-path", write.span,
            fmt::format("'{}' leads out of its folder; write the absolute path if that is meant", write.path));
  } else if (write.fixed) {
    if (const auto fault = unwritable(write.path)) r.error("bad-path", write.span, *fault);
  }
}

void check_sources(Resolution& r, const GraphOutput& output, const WrittenPath& write) {
  const std::string path = normal(write.path);
  for (const GraphSource& source : r.graph.sources) {
    for (const Located<std::string>& read : source.plan.bound.reads) {
      const std::string from = normal(read.value);
      const bool same =
          same_file(from, path) || ::fnmatch(from.c_str(), sample(path).c_str(), FNM_PATHNAME | FNM_PERIOD) == 0;
      if (!same) continue;
      r.error("writes-its-source", write.span,
              fmt::format("{} '{}' reads '{}', which output '{}' would write", source.plan.table ? "table" : "source",
                          source.plan.name, read.value, output.plan.name));
    }
  }
}

// What can be read once cannot be read by two.
void check_readers(Resolution& r) {
  std::map<std::string, std::string> readers;
  for (const GraphNode& node : r.graph.nodes) {
    if (node.kind != GraphNode::Kind::source) continue;
    const PlanSource& source = r.graph.sources[node.source].plan;
    if (source.bound.can_read_again) continue;
    const auto [other, fresh] = readers.emplace(source.bound.detail, source.name);
    if (fresh) continue;
    r.error("two-readers", node.place,
            fmt::format("'{}' reads {} already; read it once and name that source in both places", other->second,
                        source.bound.detail));
  }
}

}  // namespace

void check_files(Resolution& r) {
  std::vector<std::pair<std::string, std::string>> written;  // path, output
  for (const GraphOutput& output : r.graph.outputs) {
    for (const WrittenPath& write : output.plan.bound.writes) {
      check_path(r, write);
      check_sources(r, output, write);
      const std::string path = normal(write.path);
      for (const auto& [other, name] : written) {
        if (!same_file(other, path)) continue;
        r.error("two-writers", write.span, fmt::format("output '{}' writes '{}' too", name, write.path));
        break;
      }
      written.emplace_back(path, output.plan.name);
    }
  }
  check_readers(r);
}

}  // namespace streamrun
