// Files that appear in a folder. Each is known by its name, its inode and when that was made: another one that takes
// the name is read, too. Its size and time tell that it has changed in place: that is said, and it is not read again.
#include <fcntl.h>
#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <tuple>

#include "operators/sources/file_set.h"
#include "operators/sources/seen_files.h"
#include "runner/operator/file_descriptor.h"
#include "runner/operator/read_files.h"

namespace streamrun {
namespace {

namespace fs = std::filesystem;

// None: no regular file is there.
std::optional<Seen> see(const std::string& full, std::string path) {
  struct statx status{};
  if (::statx(AT_FDCWD, full.c_str(), 0, STATX_BASIC_STATS | STATX_BTIME, &status) != 0 || !S_ISREG(status.stx_mode)) {
    return std::nullopt;
  }
  const auto ns = [](const statx_timestamp& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; };
  // A new file may get the inode of one that was removed a moment before. It is as one that has changed in place but
  // for the birth time; where the file system keeps none, it is taken for that, which is said.
  const bool born = (status.stx_mask & STATX_BTIME) != 0;
  return Seen{std::move(path),  {makedev(status.stx_dev_major, status.stx_dev_minor), status.stx_ino},
              status.stx_size,  ns(status.stx_mtime),
              status.stx_nlink, born ? static_cast<std::uint64_t>(ns(status.stx_btime)) : 0};
}

class DirectoryFiles final : public FileSet {
 public:
  DirectoryFiles(std::string source, std::string folder, std::string pattern, const Environment& environment)
      : source_(std::move(source)),
        folder_(std::move(folder)),
        pattern_(std::move(pattern)),
        environment_(environment) {}

  Result<std::vector<FoundFile>> look(const std::vector<FileCursor>& from, bool now) override {
    const std::lock_guard lock(mutex_);
    std::vector<Seen> seen;
    if (auto listed = list(seen); !listed) {
      // It may come back, as when what it is mounted on does.
      if (!looked_ || now) return pass_on(listed);
      say(folder_, listed.error().message + "; it is tried again with every batch");
      return unchanged(from);
    }
    looked_ = true;
    said_.erase(folder_);
    Known known;
    for (const FileCursor& place : from) known[key(place)] = &place;
    Files files;
    std::vector<FoundFile> found;
    std::set<FileId> ids;
    for (const Seen& one : seen) ids.insert(one.id);
    ReadFiles::of(environment_)->found(source_, std::move(ids));
    for (Seen& one : seen) found.push_back(go_on(std::move(one), known, files));
    add_half_read(known, files, found);
    say_missed(known, files);
    // What is begun is finished first, so that no more than one file is half read.
    std::ranges::stable_partition(found, [](const FoundFile& one) { return one.at.offset != 0 && !one.at.done; });
    // What is gone is forgotten.
    std::erase_if(held_, [&](const auto& held) { return !known.contains(held.first); });
    std::erase_if(said_, [&](const auto& said) {
      return said.first != folder_ && !files.contains(said.first) && !known.contains(said.first);
    });
    files_ = std::move(files);
    return found;
  }

  Result<InputFile> open(const FileCursor& place) override {
    auto file = InputFile::open(full(place.path));
    // While it is open nothing else gets its inode: the birth time that its name leads to now is its own.
    if (file && file->id() == place.id && is_there(place)) return file;
    const std::lock_guard lock(mutex_);
    if (const auto held = held_.find(key(place)); held != held_.end()) return held->second.duplicate();
    if (!file) return file;
    return failure(fmt::format("'{}' is another file by now: it was replaced before it was read", place.path),
                   ErrorKind::transient);
  }

  void hold(const FileCursor& place, const InputFile& file) override {
    const std::lock_guard lock(mutex_);
    if (auto own = file.duplicate()) held_.insert_or_assign(key(place), std::move(*own));
  }

  std::string key(const FileCursor& place) const override {
    return fmt::format("{}\n{}:{}:{}", place.path, place.id.device, place.id.inode, place.born_ns);
  }

  bool passes_over(const FileCursor& place, const Error& why, bool) override {
    const std::lock_guard lock(mutex_);
    const bool gone = !is_there(place);
    if (gone) say(key(place), fmt::format("'{}' went before it was read: {}", place.path, why.message));
    return gone;
  }
  bool passes_over_lost(const FileCursor&, std::uint64_t, std::uint64_t) override { return false; }
  void committed(const std::vector<FileCursor>& places) override {
    const std::lock_guard lock(mutex_);
    for (const FileCursor& place : places) {
      if (place.done) held_.erase(key(place));
    }
  }

 private:
  using Known = std::map<std::string, const FileCursor*>;  // by key
  using Files = std::map<std::string, Seen>;               // likewise

  std::string full(const std::string& path) const { return below_folder(environment_.working_folder, path); }

  // Under its name.
  bool is_there(const FileCursor& place) const {
    const auto seen = see(full(place.path), place.path);
    return seen && seen->id == place.id && seen->born_ns == place.born_ns;
  }

  Result<> list(std::vector<Seen>& seen) const {
    std::error_code fault;
    fs::directory_iterator entries(full(folder_), fault);
    for (const fs::directory_iterator end; !fault && entries != end; entries.increment(fault)) {
      const std::string name = entries->path().filename();
      // Those that begin with a dot are on their way.
      if (name.starts_with('.') || ::fnmatch(pattern_.c_str(), name.c_str(), 0) != 0) continue;
      if (auto one = see(entries->path(), fs::path(folder_) / name)) seen.push_back(*std::move(one));
    }
    if (fault)
      return failure(fmt::format("cannot look into the folder '{}': {}", folder_, fault.message()),
                     ErrorKind::transient);
    std::ranges::sort(seen, {}, [](const Seen& one) { return std::tie(one.modified_ns, one.path); });
    return {};
  }

  static std::vector<FoundFile> unchanged(const std::vector<FileCursor>& from) {
    std::vector<FoundFile> found;
    for (const FileCursor& place : from) found.push_back({place, true, true});
    return found;
  }

  // Of a file that is there; it goes into `files`.
  FoundFile go_on(Seen now, const Known& known, Files& files) {
    FoundFile found;
    found.at.path = now.path;
    found.at.id = now.id;
    found.at.born_ns = now.born_ns;
    found.last = true;
    const std::string own = key(found.at);
    if (const auto place = known.find(own); place != known.end()) {
      found.at = *place->second;
      found.idle = found.at.done;
      if (const auto begun = files_.find(own); begun != files_.end()) {
        if (is_changed(begun->second, now)) say_changed(own, found.at);
        now = begun->second;
      }
    }
    files.emplace(own, std::move(now));
    return found;
  }

  // Those that are no longer there.
  void add_half_read(const Known& known, const Files& files, std::vector<FoundFile>& found) {
    for (const auto& [own, place] : known) {
      if (place->done || files.contains(own)) continue;
      if (is_within_reach(*place, known, files)) found.push_back({*place, false, true});
    }
  }

  // Whether the rest of a half-read file can be read that is no longer there.
  bool is_within_reach(const FileCursor& place, const Known& known, const Files& files) {
    const std::string own = key(place);
    if (const Seen* const renamed = find_renamed(place.id, place.born_ns, known, files)) {
      say(own, fmt::format("'{}' was renamed to '{}' when {} bytes of it had been read: it is read anew, whole",
                           place.path, renamed->path, place.offset));
      return false;
    }
    const bool held = held_.contains(own);
    say(own, fmt::format("'{}' was removed or replaced when {} bytes of it had been read: its rest is {}", place.path,
                         place.offset, held ? "read, as it is still open, but lost if this run ends before" : "lost"));
    return held;
  }

  // Of the files that waited for their turn.
  void say_missed(const Known& known, const Files& files) {
    for (const auto& [own, seen] : files_) {
      if (seen.size == 0 || known.contains(own) || files.contains(own)) continue;
      if (find_renamed(seen.id, seen.born_ns, known, files) != nullptr) continue;
      say(own, fmt::format("'{}' was removed or replaced before it was read: it is lost", seen.path));
    }
  }

  // A file under a name that is new.
  static const Seen* find_renamed(FileId id, std::uint64_t born_ns, const Known& known, const Files& files) {
    const auto found = std::ranges::find_if(files, [&](const auto& file) {
      return file.second.id == id && file.second.born_ns == born_ns && !known.contains(file.first);
    });
    return found == files.end() ? nullptr : &found->second;
  }

  static bool is_changed(const Seen& begun, const Seen& now) {
    return begun.size != now.size || begun.modified_ns != now.modified_ns;
  }

  void say_changed(const std::string& own, const FileCursor& place) {
    const std::string how =
        place.done ? "since it was read; it is not read again"
                   : fmt::format("when {} bytes of it had been read; it is read on behind them", place.offset);
    say(own, fmt::format("'{}' has changed {}: files are to be moved into the folder when they are complete",
                         place.path, how));
  }

  // Once, for as long as it is there.
  void say(const std::string& about, const std::string& message) {
    if (said_.emplace(about, message).second && environment_.log) {
      environment_.log(LogLevel::warning, source_ + ": " + message);
    }
  }

  const std::string source_;
  const std::string folder_;
  const std::string pattern_;
  const Environment environment_;
  std::mutex mutex_;
  bool looked_ = false;
  Files files_;                            // as they were when they were begun, or last
  std::map<std::string, InputFile> held_;  // by key; half read: their names may go
  std::map<std::string, std::string> said_;
};

}  // namespace

std::shared_ptr<FileSet> make_directory_files(std::string source, std::string folder, std::string pattern,
                                              const Environment& environment) {
  return std::make_shared<DirectoryFiles>(std::move(source), std::move(folder), std::move(pattern), environment);
}

}  // namespace streamrun
