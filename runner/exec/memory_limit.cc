#include "runner/exec/memory_limit.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace streamrun {
namespace {

namespace fs = std::filesystem;

std::uint64_t page_size() {
  return static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::uint64_t own_limit(decltype(RLIMIT_AS) which) {
  rlimit own{};
  return getrlimit(which, &own) == 0 && own.rlim_cur != RLIM_INFINITY ? own.rlim_cur : ~std::uint64_t{0};
}

std::vector<std::string> fields_of(const std::string& text, char between) {
  std::vector<std::string> fields;
  std::istringstream in(text);
  for (std::string field; std::getline(in, field, between);) fields.push_back(field);
  return fields;
}

bool has(const std::vector<std::string>& fields, const std::string& one) {
  return std::find(fields.begin(), fields.end(), one) != fields.end();
}

// Blanks and backslashes in mountinfo are `\040`, in octal.
std::string unescaped(const std::string& text) {
  const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && std::all_of(&text[i + 1], &text[i + 4], is_octal)) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

struct Mount {
  std::string group;  // what of the hierarchy is mounted
  std::string point;
};

// Where the memory controller's groups are seen, of one version.
std::vector<Mount> mounts_of(const fs::path& root, bool version_2) {
  std::vector<Mount> mounts;
  std::ifstream in(root / "proc/self/mountinfo");
  for (std::string line; std::getline(in, line);) {
    // id parent device root point options … - kind source options
    const std::vector<std::string> fields = fields_of(line, ' ');
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (dash - fields.begin() < 5 || fields.end() - dash < 4) continue;
    const bool wanted =
        version_2 ? dash[1] == "cgroup2" : dash[1] == "cgroup" && has(fields_of(dash[3], ','), "memory");
    if (wanted) mounts.push_back({unescaped(fields[3]), unescaped(fields[4])});
  }
  return mounts;
}

// The process's group in the hierarchy that has the memory controller, of one version.
std::optional<std::string> group_of(const fs::path& root, bool version_2) {
  std::ifstream in(root / "proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const std::size_t controllers = line.find(':');
    const std::size_t path = controllers == std::string::npos ? controllers : line.find(':', controllers + 1);
    if (path == std::string::npos) continue;
    const std::string names = line.substr(controllers + 1, path - controllers - 1);
    if (version_2 ? names.empty() : has(fields_of(names, ','), "memory")) return line.substr(path + 1);
  }
  return std::nullopt;
}

// A file of one number; `max` and what cannot be read bound nothing.
std::uint64_t read_bound(const fs::path& file) {
  std::uint64_t bound = 0;
  return std::ifstream(file) >> bound ? bound : ~std::uint64_t{0};
}

std::uint64_t bound_of_groups(const fs::path& root, bool version_2, std::initializer_list<const char*> files) {
  std::uint64_t least = ~std::uint64_t{0};
  const std::optional<std::string> group = group_of(root, version_2);
  if (!group) return least;
  for (const Mount& mount : mounts_of(root, version_2)) {
    const fs::path top = root / fs::path(mount.point).relative_path();
    // Relative to what is mounted; a group outside of that is seen as the mount itself.
    const fs::path below = fs::path(*group).lexically_relative(mount.group);
    const bool inside = !below.empty() && *below.begin() != "..";
    for (fs::path at = inside ? (top / below).lexically_normal() : top;; at = at.parent_path()) {
      for (const char* file : files) least = std::min(least, read_bound(at / file));
      if (at.native().size() <= top.native().size()) break;
    }
  }
  return least;
}

}  // namespace

ProcessLimits process_limits() {
  ProcessLimits limits;
  limits.machine = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) * page_size();
  limits.address_space = own_limit(RLIMIT_AS);
  limits.data = own_limit(RLIMIT_DATA);
  return limits;
}

std::uint64_t usable_memory(const ProcessLimits& limits, const fs::path& root) {
  std::uint64_t least = limits.machine;
  least = std::min(least, bound_of_groups(root, true, {"memory.max", "memory.high"}));
  least = std::min(least, bound_of_groups(root, false, {"memory.limit_in_bytes"}));
  // In pages: all that is mapped, resident, shared, text, library, data and stack.
  std::uint64_t mapped = 0, data = 0, other = 0;
  std::ifstream(root / "proc/self/statm") >> mapped >> other >> other >> other >> other >> data;
  const auto left = [](std::uint64_t limit, std::uint64_t pages) {
    const std::uint64_t taken = pages * page_size();
    return limit == ~std::uint64_t{0} ? limit : limit - std::min(limit, taken);
  };
  return std::min({least, left(limits.address_space, mapped), left(limits.data, data)});
}

std::uint64_t default_memory(std::uint64_t usable) {
  constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
  return std::max(usable / 2 / kMiB, std::uint64_t{1}) * kMiB;
}

}  // namespace streamrun
