#include "runner/operator/temporary_name.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>

#include "runner/operator/file_descriptor.h"

namespace streamrun {
namespace {

constexpr std::string_view kMark = ".tmp-";
constexpr std::size_t kLongestName = 255;
constexpr std::size_t kLongestMark = 80;
constexpr time_t kRestOfOthers = 24 * 60 * 60;

using Owner = TemporaryNames::Owner;

// The state and the start of a process, in ticks since the machine's; nothing: it cannot be seen.
std::optional<std::pair<char, std::uint64_t>> look_at(std::uint64_t process) {
  std::ifstream in(fmt::format("/proc/{}/stat", process));
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  // The program's name may hold anything, but ends with the last bracket.
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= text.size()) return std::nullopt;
  constexpr int kFieldsBetween = 19;  // from the state, the third, to the start, the 22nd
  std::size_t at = name_end + 2;
  for (int i = 0; i < kFieldsBetween && at != std::string::npos; ++i) at = text.find(' ', at + 1);
  if (at == std::string::npos) return std::nullopt;
  std::uint64_t start = 0;
  std::from_chars(text.data() + at + 1, text.data() + text.size(), start);
  return std::pair(text[name_end + 2], start);
}

Owner self(const Disk& disk) {
  Owner owner;
  owner.boot = disk.boot();
  if (owner.boot.empty()) owner.boot = "0";
  struct stat space{};
  if (::stat("/proc/self/ns/pid", &space) == 0) owner.space = space.st_ino;
  owner.process = static_cast<std::uint64_t>(::getpid());
  if (const auto seen = look_at(owner.process)) owner.start = seen->second;
  return owner;
}

// The parts behind the mark; nothing: it is no temporary file of ours.
std::optional<Owner> owner_of(std::string_view name) {
  const std::size_t mark = name.rfind(kMark);
  if (!name.starts_with('.') || mark == std::string_view::npos || mark < 2) return std::nullopt;
  std::string_view rest = name.substr(mark + kMark.size());
  std::array<std::string_view, 5> parts;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t end = i + 1 < parts.size() ? rest.find('-') : rest.size();
    if (end == std::string_view::npos || end == 0) return std::nullopt;
    parts[i] = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  Owner owner;
  owner.boot = parts[0];
  std::uint64_t serial = 0;
  std::uint64_t* const numbers[] = {&owner.space, &owner.process, &owner.start, &serial};
  for (std::size_t i = 0; i < std::size(numbers); ++i) {
    const std::string_view digits = parts[i + 1];
    const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), *numbers[i]);
    if (code != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  }
  return owner;
}

// Nothing: it cannot be told.
std::optional<bool> is_gone(const Owner& owner, const Owner& own) {
  if (owner.boot != own.boot || owner.space != own.space || own.boot == "0" || own.space == 0 || owner.start == 0) {
    return std::nullopt;
  }
  if (::kill(static_cast<pid_t>(owner.process), 0) != 0 && errno == ESRCH) return true;
  const auto seen = look_at(owner.process);
  if (!seen) return std::nullopt;
  return seen->second != owner.start || seen->first == 'Z' || seen->first == 'X';
}

}  // namespace

std::string hidden_name(std::string_view name, std::string_view ending) {
  constexpr std::size_t kLongest = kLongestName - kLongestMark;
  if (name.size() <= kLongest) return fmt::format(".{}{}", name, ending);
  // Told from others by its hash.
  return fmt::format(".{}-{:x}{}", name.substr(0, kLongest - 20), std::hash<std::string_view>{}(name), ending);
}

TemporaryNames::TemporaryNames(const Disk& disk) : own_(self(disk)) {}

std::string TemporaryNames::make(std::string_view name) {
  return hidden_name(
      name, fmt::format("{}{}-{}-{}-{}-{}", kMark, own_.boot, own_.space, own_.process, own_.start, serial_++));
}

bool is_temporary_name(std::string_view name) {
  return owner_of(name).has_value();
}

bool TemporaryNames::abandoned(int folder, const std::string& name) const {
  const auto owner = owner_of(name);
  if (!owner) return false;
  if (const auto gone = is_gone(*owner, own_)) return *gone;
  const FileDescriptor file(::openat(folder, name.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status{};
  return file && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0 && ::fstat(file.get(), &status) == 0 &&
         S_ISREG(status.st_mode) && ::time(nullptr) - status.st_mtime > kRestOfOthers;
}

}  // namespace streamrun
