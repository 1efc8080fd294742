// Files that appear in a folder. Each is known by its name, inode, size and time: another one of the same name is read,
// too, and one that is written to behind its end is not read again.
#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <tuple>

#include "operators/sources/file_set.h"
#include "operators/sources/seen_files.h"
#include "runner/operator/file_descriptor.h"

namespace streamrun {
namespace {

namespace fs = std::filesystem;

class DirectoryFiles final : public FileSet {
 public:
  DirectoryFiles(std::string source, std::string folder, std::string pattern, const Environment& environment)
      : source_(std::move(source)),
        folder_(std::move(folder)),
        pattern_(std::move(pattern)),
        environment_(environment) {}

  Result<std::vector<FoundFile>> look(const std::vector<FilePlace>& from, bool now) override {
    std::vector<Seen> seen;
    if (auto listed = list(seen); !listed) {
      // It may come back, as when what it is mounted on does.
      if (!looked_ || now) return pass_on(listed);
      say(folder_, listed.error().message + "; it is tried again with every batch");
      return unchanged(from);
    }
    looked_ = true;
    said_.erase(folder_);
    std::map<std::string, const FilePlace*> known;
    for (const FilePlace& place : from) known[key(place)] = &place;
    std::map<std::string, Seen> files;
    std::vector<FoundFile> found;
    for (Seen& one : seen) {
      FoundFile& file = found.emplace_back();
      file.at.path = one.path;
      file.at.id = one.id;
      file.last = true;
      const std::string own = key(file.at);
      if (const auto place = known.find(own); place != known.end()) {
        file.at = *place->second;
        compare_with_first(own, one);
        file.idle = is_read(file.at, own);
      }
      const auto first = files_.find(own);
      files.emplace(own, first == files_.end() ? std::move(one) : std::move(first->second));
    }
    // What is gone is forgotten.
    std::erase_if(said_, [&](const auto& said) { return said.first != folder_ && !files.contains(said.first); });
    files_ = std::move(files);
    return found;
  }

  Result<InputFile> open(const FilePlace& place) override {
    auto file = InputFile::open(below_folder(environment_.working_folder, place.path));
    if (file && place.id != FileId() && file->id() != place.id) {
      return failure(fmt::format("'{}' is another file by now: it was replaced before it was read", place.path),
                     ErrorKind::transient);
    }
    return file;
  }

  std::string key(const FilePlace& place) const override {
    return fmt::format("{}\n{}:{}", place.path, place.id.device, place.id.inode);
  }

  bool passes_over(const FilePlace& place, const Error& why, bool) override {
    struct stat status{};
    const std::string path = below_folder(environment_.working_folder, place.path);
    const bool gone = ::stat(path.c_str(), &status) != 0 || seen_as(place.path, status).id != place.id;
    if (gone) say(key(place), fmt::format("'{}' went before it was read: {}", place.path, why.message));
    return gone;
  }
  bool passes_over_lost(const FilePlace&, std::uint64_t, std::uint64_t) override { return false; }
  void committed(const std::vector<FilePlace>&) override {}

 private:
  Result<> list(std::vector<Seen>& seen) const {
    std::error_code fault;
    fs::directory_iterator entries(below_folder(environment_.working_folder, folder_), fault);
    for (const fs::directory_iterator end; !fault && entries != end; entries.increment(fault)) {
      const std::string name = entries->path().filename();
      // Those that begin with a dot are on their way.
      if (name.starts_with('.') || ::fnmatch(pattern_.c_str(), name.c_str(), 0) != 0) continue;
      struct stat status{};
      if (::stat(entries->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
      seen.push_back(seen_as((fs::path(folder_) / name).string(), status));
    }
    if (fault)
      return failure(fmt::format("cannot look into the folder '{}': {}", folder_, fault.message()),
                     ErrorKind::transient);
    std::ranges::sort(seen, {}, [](const Seen& one) { return std::tie(one.modified_ns, one.path); });
    return {};
  }

  static std::vector<FoundFile> unchanged(const std::vector<FilePlace>& from) {
    std::vector<FoundFile> found;
    for (const FilePlace& place : from) found.push_back({place, true, true});
    return found;
  }

  bool is_read(const FilePlace& place, const std::string& own) const {
    if (place.offset == kToEnd) return true;
    const auto first = files_.find(own);
    return first == files_.end() || place.offset >= first->second.size;
  }

  void compare_with_first(const std::string& own, const Seen& now) {
    const auto first = files_.find(own);
    if (first == files_.end() || (first->second.size == now.size && first->second.modified_ns == now.modified_ns))
      return;
    say(own,
        fmt::format("'{}' has changed since it was read; it is not read again: files are to be moved into the folder "
                    "when they are complete",
                    now.path));
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
  bool looked_ = false;
  std::map<std::string, Seen> files_;  // by key, as they were when they were first seen
  std::map<std::string, std::string> said_;
};

}  // namespace

std::shared_ptr<FileSet> make_directory_files(std::string source, std::string folder, std::string pattern,
                                              const Environment& environment) {
  return std::make_shared<DirectoryFiles>(std::move(source), std::move(folder), std::move(pattern), environment);
}

}  // namespace streamrun
