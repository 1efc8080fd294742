// Files that are read on as they grow, known by themselves and not by their names: they are renamed, cut, written
// anew, and others take their names.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "operators/sources/file_set.h"
#include "operators/sources/seen_files.h"
#include "runner/operator/file_descriptor.h"

namespace streamrun {
namespace {

// A descriptor keeps a file within reach when its name has gone, and its inode from being used again.
constexpr std::size_t kMostHeld = 256;
// Files that have gone, whose places are kept in case they come back.
constexpr std::size_t kMostGone = 1000;
// The space of a deleted file is free only when nobody holds it.
constexpr std::int64_t kHoldDeletedMs = 60'000;
// Since it was last written: somebody may still do so when another file has its name, as not all who have it open look.
constexpr std::int64_t kLateMs = 60'000;
// A file of so many bytes that another one begins with is a copy of it, even if that was not cut.
constexpr std::uint64_t kTellingBytes = 4096;

std::string file_name(const std::string& path) {
  return std::filesystem::path(path).filename();
}

// Whether one may be what rotation makes of the other: `app.log` becomes `app.log.1`.
bool may_be_rotated(const std::string& path, const std::string& rotated) {
  const std::string name = file_name(path);
  const std::string longer = file_name(rotated);
  return longer.size() > name.size() && longer.starts_with(name) && folder_of(path) == folder_of(rotated);
}

std::size_t most_held() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return std::min<std::size_t>(kMostHeld, limit.rlim_cur / 4);
}

class FollowedFiles final : public FileSet {
 public:
  FollowedFiles(FilePaths paths, const Environment& environment)
      : environment_(environment), most_held_(most_held()), seen_(std::move(paths), environment) {}

  Result<std::vector<FoundFile>> look(const std::vector<FileCursor>& from, bool now) override;
  Result<InputFile> open(const FileCursor& place) override;
  std::string key(const FileCursor& place) const override {
    return fmt::format("{}:{}", place.id.device, place.id.inode);
  }
  bool passes_over(const FileCursor& place, const Error& why, bool now) override;
  bool passes_over_lost(const FileCursor& place, std::uint64_t begin, std::uint64_t end) override;
  void committed(const std::vector<FileCursor>& places) override;

 private:
  // Whether another file has taken the place's name and is written to.
  bool has_successor(const FileCursor& place) const;
  // Whether what was read of a file is no longer what it begins with.
  bool is_changed(const FileCursor& place, const Seen& seen);

  FoundFile go_on(const FileCursor& place, const Seen& seen) const;
  // Of a file whose name has gone; none: it is done with.
  std::optional<FoundFile> go_on_without_name(const FileCursor& place);
  // Of a file that was cut: from its start, behind what is left of it in the copy that was made before.
  void begin_anew(const FileCursor& place, const Seen& seen, std::vector<FoundFile>& before,
                  std::vector<FoundFile>& now);
  std::optional<FoundFile> find_copy(const FileCursor& place);
  FoundFile go_on_in_copy(const FileCursor& place, const Seen& copy) const;
  bool is_copy(const FileCursor& place, const Seen& seen) const;
  // Whether a file is a copy of what another one that is there begins with.
  bool is_beginning(const Seen& copy, const FileCursor& place) const;
  bool place_at_end(const Seen& seen, FileCursor& place) const;
  // Descriptors of some of the files that are there, and of no more of those whose names are gone.
  void hold_deleted(const std::vector<FoundFile>& gone);
  void let_go(FileId id);

  std::string full(const std::string& path) const { return below_folder(environment_.working_folder, path); }
  // By its descriptor, its name, or whatever it is called now in its folder.
  Result<InputFile> reach(const FileCursor& place);
  std::optional<Seen> locate(const FileCursor& place);

  const Environment environment_;
  const std::size_t most_held_;

  std::mutex mutex_;
  SeenFiles seen_;
  std::set<FileId> known_;  // to the cursor
  std::map<FileId, FileDescriptor> held_;
  std::set<FileId> done_;          // held for a batch that may be read again, and then no more
  std::set<FileId> out_of_reach_;  // gone, and not found
  std::set<FileId> cut_;           // said to be
  std::map<FileId, std::pair<Seen, FileCursor>> unchanged_;  // as last compared
};

bool FollowedFiles::has_successor(const FileCursor& place) const {
  const std::string& name = place.renamed_from.empty() ? place.path : place.renamed_from;
  const Seen* const other = seen_.find(name);
  return other != nullptr && other->id != place.id && other->size != 0;
}

bool FollowedFiles::is_changed(const FileCursor& place, const Seen& seen) {
  if (seen.size < place.known) return true;
  const auto last = unchanged_.find(place.id);
  if (last != unchanged_.end()) {
    const auto& [as, at] = last->second;
    if (as.size == seen.size && as.modified_ns == seen.modified_ns && at.known == place.known &&
        at.hash == place.hash) {
      return false;
    }
  }
  FileCursor now_here = place;
  now_here.path = seen.path;
  const auto file = reach(now_here);
  if (!file) return false;  // nor is it read
  const auto changed = compare(*file, place);
  if (!changed || *changed != Changed::no) return changed.has_value();
  unchanged_[place.id] = {seen, place};
  return false;
}

FoundFile FollowedFiles::go_on(const FileCursor& place, const Seen& seen) const {
  FoundFile found;
  FileCursor& at = found.at = place;
  at.begin.reset();
  if (at.renamed_from.empty() && at.path != seen.path) at.renamed_from = at.path;
  at.path = seen.path;
  if (at.renamed_from == at.path) at.renamed_from.clear();
  found.idle = seen.size == at.offset;
  found.last = !at.renamed_from.empty() && has_successor(at);
  if (found.idle && found.last) at.renamed_from.clear();
  return found;
}

std::optional<Seen> FollowedFiles::locate(const FileCursor& place) {
  struct stat status{};
  if (const auto held = held_.find(place.id); held != held_.end()) {
    if (::fstat(held->second.get(), &status) == 0) return seen_as(place.path, status);
  }
  if (::stat(full(place.path).c_str(), &status) == 0) {
    if (Seen seen = seen_as(place.path, status); seen.id == place.id) return seen;
  }
  for (const Seen& sibling : seen_.siblings(place.path)) {
    if (sibling.id == place.id) return sibling;
  }
  return std::nullopt;
}

std::optional<FoundFile> FollowedFiles::go_on_without_name(const FileCursor& place) {
  const auto seen = out_of_reach_.contains(place.id) ? std::nullopt : locate(place);
  FoundFile found;
  FileCursor& at = found.at = place;
  at.begin.reset();
  if (!seen) {
    if (out_of_reach_.insert(place.id).second) {
      seen_.log(
          fmt::format("'{}' is gone, renamed or deleted, when {} bytes of it had been read; what was written to it "
                      "behind them is lost",
                      place.path, place.offset));
    }
    found.idle = true;
    if (has_successor(place)) return std::nullopt;
    return found;
  }
  if (at.renamed_from.empty() && at.path != seen->path) at.renamed_from = at.path;
  at.path = seen->path;
  found.idle = seen->size == place.offset;
  found.last = has_successor(at);
  const std::int64_t age = environment_.clock->now().value - seen->modified_ns / 1'000'000;
  if ((found.idle && found.last && age > kLateMs) || is_changed(place, *seen)) {
    done_.insert(place.id);
    return std::nullopt;
  }
  if (found.idle && seen->links == 0 && age > kHoldDeletedMs) {
    let_go(place.id);
  }
  return found;
}

void FollowedFiles::let_go(FileId id) {
  if (held_.erase(id) != 0) out_of_reach_.insert(id);
}

bool FollowedFiles::is_copy(const FileCursor& place, const Seen& seen) const {
  if (seen.id == place.id || seen.size < place.known || !may_be_rotated(place.path, seen.path)) return false;
  const auto file = InputFile::open(full(seen.path));
  if (!file || file->id() != seen.id) return false;
  const auto hash = file->hash(place.known);
  return hash && *hash == place.hash;
}

bool FollowedFiles::is_beginning(const Seen& copy, const FileCursor& place) const {
  const Seen* const original = seen_.find(place.id);
  if (copy.size < kTellingBytes || original == nullptr || original->size < copy.size ||
      !may_be_rotated(place.path, copy.path)) {
    return false;
  }
  const auto one = InputFile::open(full(original->path));
  const auto other = InputFile::open(full(copy.path));
  if (!one || !other) return false;
  const auto hash = one->hash(copy.size);
  const auto others = other->hash(copy.size);
  return hash && others && *hash == *others;
}

bool FollowedFiles::place_at_end(const Seen& seen, FileCursor& place) const {
  const auto file = InputFile::open(full(seen.path));
  place.line = 0;
  place.begin = {seen.size, 0};
  return file && remember(*file, seen.size, place);
}

std::optional<FoundFile> FollowedFiles::find_copy(const FileCursor& place) {
  const auto matches = [&](const Seen& seen) { return !known_.contains(seen.id) && is_copy(place, seen); };
  const auto among = std::ranges::find_if(seen_.files(), matches);
  std::optional<Seen> copy;
  if (among != seen_.files().end()) {
    copy = *among;
  } else {
    const auto& others = seen_.siblings(place.path);
    const auto other = std::ranges::find_if(others, matches);
    if (other != others.end()) copy = *other;
  }
  if (!copy) return std::nullopt;
  return go_on_in_copy(place, *copy);
}

FoundFile FollowedFiles::go_on_in_copy(const FileCursor& place, const Seen& copy) const {
  FoundFile found;
  found.at = place;
  found.at.path = copy.path;
  found.at.id = copy.id;
  found.at.renamed_from = place.path;
  found.at.begin = {place.offset, place.line};
  found.idle = copy.size == place.offset;
  found.last = has_successor(found.at);
  return found;
}

void FollowedFiles::begin_anew(const FileCursor& place, const Seen& seen, std::vector<FoundFile>& before,
                               std::vector<FoundFile>& now) {
  FoundFile anew;
  anew.at.path = seen.path;
  anew.at.id = seen.id;
  anew.at.begin = FileCursor::Begin{};
  now.push_back(std::move(anew));
  // Not a cut but another file, which has the inode of one that is gone.
  if (place.path != seen.path && place.renamed_from != seen.path) return;
  auto copy = find_copy(place);
  if (cut_.insert(place.id).second) {
    seen_.log(
        fmt::format("'{}' was cut or written anew when {} bytes of it had been read: it is read from its start, {}",
                    seen.path, place.offset,
                    copy ? fmt::format("behind what is left in its copy '{}'", copy->at.path)
                         : "what was not read before that is lost"));
  }
  if (copy) before.push_back(std::move(*copy));
}

Result<std::vector<FoundFile>> FollowedFiles::look(const std::vector<FileCursor>& from, bool now) {
  const std::lock_guard lock(mutex_);
  if (auto saw = seen_.look(from, now); !saw) return pass_on(saw);
  std::vector<FoundFile> gone;     // what their names were given to comes behind them
  std::vector<FoundFile> renamed;  // likewise
  std::vector<FoundFile> present;
  known_.clear();
  for (const FileCursor& place : from) known_.insert(place.id);
  for (const FileCursor& place : from) {
    const Seen* const seen = seen_.find(place.id);
    if (seen == nullptr) {
      if (auto found = go_on_without_name(place)) gone.push_back(std::move(*found));
    } else if (is_changed(place, *seen)) {
      begin_anew(place, *seen, renamed, present);
    } else {
      out_of_reach_.erase(place.id);
      cut_.erase(place.id);
      FoundFile found = go_on(place, *seen);
      (found.at.renamed_from.empty() ? present : renamed).push_back(std::move(found));
    }
  }
  for (const FoundFile& copy : renamed) known_.insert(copy.at.id);
  for (const Seen& seen : seen_.files()) {
    if (known_.contains(seen.id)) continue;
    const auto original =
        std::ranges::find_if(from, [&](const FileCursor& place) { return is_beginning(seen, place); });
    FoundFile fresh;
    fresh.at.path = seen.path;
    fresh.at.id = seen.id;
    fresh.idle = seen.size == 0;
    if (original != from.end()) {
      // Its original has all of it: a copy is left alone until that is read so far, or is cut.
      seen_.say("copy " + seen.path, fmt::format("'{}' is a copy of what '{}' begins with: it is not read again",
                                                 seen.path, original->path));
      if (original->offset < seen.size || !place_at_end(seen, fresh.at)) continue;
      fresh.idle = true;
    }
    present.push_back(std::move(fresh));
  }
  std::ranges::stable_sort(present, {}, [](const FoundFile& one) -> const std::string& { return one.at.path; });
  while (gone.size() > kMostGone && gone.front().idle) {
    done_.insert(gone.front().at.id);
    gone.erase(gone.begin());
  }
  hold_deleted(gone);
  std::ranges::move(renamed, std::back_inserter(gone));
  std::ranges::move(present, std::back_inserter(gone));
  return gone;
}

void FollowedFiles::hold_deleted(const std::vector<FoundFile>& gone) {
  std::size_t without_name = 0;
  for (const FoundFile& one : gone) without_name += held_.contains(one.at.id) ? 1 : 0;
  for (const FoundFile& one : gone) {
    if (without_name <= most_held_) break;
    if (!one.idle || !held_.contains(one.at.id)) continue;
    let_go(one.at.id);
    --without_name;
  }
  // The files that were written to last: who rotates, rotates those.
  std::vector<const Seen*> latest;
  for (const Seen& seen : seen_.files()) latest.push_back(&seen);
  std::ranges::sort(latest, std::greater(), [](const Seen* one) { return one->modified_ns; });
  for (std::size_t i = 0; i < latest.size(); ++i) {
    const auto held = held_.find(latest[i]->id);
    if (i >= most_held_) {
      if (held != held_.end()) held_.erase(held);
    } else if (held == held_.end()) {
      FileDescriptor file(::open(full(latest[i]->path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
      struct stat status{};
      if (!file || ::fstat(file.get(), &status) != 0) continue;
      if (seen_as(latest[i]->path, status).id == latest[i]->id) held_.emplace(latest[i]->id, std::move(file));
    }
  }
  std::erase_if(out_of_reach_, [&](FileId id) { return !known_.contains(id); });
  std::erase_if(unchanged_,
                [&](const auto& one) { return seen_.find(one.first) == nullptr && !held_.contains(one.first); });
}

Result<InputFile> FollowedFiles::reach(const FileCursor& place) {
  if (const auto held = held_.find(place.id); held != held_.end()) {
    FileDescriptor own(::fcntl(held->second.get(), F_DUPFD_CLOEXEC, 0));
    if (!own) return failure(system_failure("open", place.path).error().message, ErrorKind::transient);
    return InputFile::of(std::move(own), place.path);
  }
  auto file = InputFile::open(full(place.path));
  if (file && (file->id() == place.id || place.id == FileId())) return file;
  seen_.forget_siblings();
  if (const auto found = locate(place)) {
    auto renamed = InputFile::open(full(found->path));
    if (renamed && renamed->id() == place.id) return renamed;
  }
  if (!file) return file;
  return failure(fmt::format("'{}' is gone before it was read up to byte {}: another file has its name, and its folder "
                             "does not hold it; put it back there, or start afresh",
                             place.path, place.offset),
                 ErrorKind::transient);
}

Result<InputFile> FollowedFiles::open(const FileCursor& place) {
  const std::lock_guard lock(mutex_);
  auto file = reach(place);
  if (!file) return file;
  const auto changed = compare(*file, place);
  if (!changed) return pass_on(changed);
  if (*changed != Changed::no) {
    return failure(fmt::format("'{}' was cut or written anew before byte {}", place.path, place.known),
                   ErrorKind::transient);
  }
  seen_.unsay("open " + place.path);
  return file;
}

bool FollowedFiles::passes_over(const FileCursor& place, const Error& why, bool now) {
  const bool may_pass = why.kind == ErrorKind::transient;
  if (now && may_pass) return false;
  const std::lock_guard lock(mutex_);
  seen_.say((may_pass ? "open " : "kind of ") + place.path,
            fmt::format("{}; {}", why.message, may_pass ? "it is tried again with every batch" : "it is passed over"));
  return true;
}

bool FollowedFiles::passes_over_lost(const FileCursor& place, std::uint64_t begin, std::uint64_t end) {
  const std::lock_guard lock(mutex_);
  const auto file = reach(place);
  if (!file) return false;
  const auto changed = compare(*file, place);
  if (!changed || (*changed == Changed::no && file->size() >= end)) return false;
  seen_.log(fmt::format("'{}' was cut while it was read: its bytes {} to {} are lost", place.path, begin, end));
  return true;
}

void FollowedFiles::committed(const std::vector<FileCursor>& places) {
  const std::lock_guard lock(mutex_);
  std::set<FileId> needed;
  for (const FileCursor& place : places) needed.insert(place.id);
  std::erase_if(done_, [&](FileId id) {
    if (needed.contains(id)) return false;
    if (seen_.find(id) == nullptr) held_.erase(id);
    return true;
  });
}

}  // namespace

std::shared_ptr<FileSet> make_followed_files(const FilePaths& paths, const Environment& environment) {
  return std::make_shared<FollowedFiles>(paths, environment);
}

}  // namespace streamrun
