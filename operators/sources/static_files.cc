// Files that are read once: they must stay as they are meanwhile.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>

#include "operators/sources/file_set.h"
#include "runner/operator/file_descriptor.h"
#include "runner/operator/file_glob.h"
#include "runner/operator/read_files.h"
#include "runner/operator/standard_output.h"

namespace streamrun {
namespace {

class StaticFiles final : public FileSet {
 public:
  StaticFiles(const FilePaths& paths, const Environment& environment)
      : source_(paths.source), patterns_(paths.paths), folder_(environment.working_folder), environment_(environment) {}

  Result<std::vector<FoundFile>> look(const std::vector<FileCursor>& from, bool) override {
    if (paths_.empty()) {
      if (auto found = find(); !found) return pass_on(found);
    }
    std::map<std::string_view, const FileCursor*> known;
    for (const FileCursor& place : from) known[place.path] = &place;
    std::vector<FoundFile> files(paths_.size());
    for (std::size_t i = 0; i < paths_.size(); ++i) {
      const auto place = known.find(paths_[i]);
      if (place != known.end()) files[i].at = *place->second;
      files[i].at.path = paths_[i];
      known.erase(paths_[i]);
    }
    // Of a former run: they may come back, and are not to be read again then.
    for (const auto& [path, place] : known) {
      if (!place->done) {
        return failure(
            fmt::format("there is no file '{}' any more, and {} bytes of it were read: put it back, or give up "
                        "the place of the source with --reset",
                        path, place->offset),
            ErrorKind::transient);
      }
      files.push_back({.at = *place, .idle = true});
    }
    return files;
  }

  Result<InputFile> open(const FileCursor& place) override {
    auto file = InputFile::open(below_folder(folder_, place.path));
    if (!file) return file;
    const auto changed = compare(*file, place);
    if (!changed) return pass_on(changed);
    const char* const remedy = "put the file back, or start afresh";
    switch (*changed) {
      case Changed::no: return file;
      case Changed::other:
        return failure(fmt::format("'{}' is another file than the one that was read up to byte {}: it was replaced or "
                                   "rotated; {}",
                                   place.path, place.known, remedy),
                       ErrorKind::transient);
      case Changed::cut:
        return failure(fmt::format("'{}' has {} bytes, but {} were read already: it was cut or replaced; {}",
                                   place.path, file->size(), place.known, remedy),
                       ErrorKind::transient);
      case Changed::rewritten: break;
    }
    return failure(fmt::format("'{}' was written anew: before byte {} it is not what was read; {}", place.path,
                               place.known, remedy),
                   ErrorKind::transient);
  }

  std::string key(const FileCursor& place) const override { return place.path; }
  bool passes_over(const FileCursor&, const Error&, bool) override { return false; }
  bool passes_over_lost(const FileCursor&, std::uint64_t, std::uint64_t) override { return false; }
  void committed(const std::vector<FileCursor>&) override {}

 private:
  // In byte order.
  Result<> find() {
    std::vector<std::string> found;
    for (const std::string& pattern : patterns_) {
      if (!is_glob(pattern)) {
        found.push_back(pattern);
        continue;
      }
      const GlobMatches matches = expand_glob(folder_, pattern);
      if (!matches.faults.empty()) {
        return failure(fmt::format("{}; files there may match '{}'", matches.faults.front(), pattern),
                       ErrorKind::transient);
      }
      const std::size_t before = found.size();
      for (const std::string& path : matches.paths) {
        struct stat status{};
        const bool there = ::stat(below_folder(folder_, path).c_str(), &status) == 0;
        if (!there || !S_ISDIR(status.st_mode)) found.push_back(path);
      }
      if (found.size() != before) continue;
      const char* const but = matches.paths.empty() ? "" : ", folders only";
      return failure(fmt::format("no file matches '{}'{}; `path` is relative to the working directory",
                                 below_folder(folder_, pattern), but),
                     ErrorKind::transient);
    }
    std::ranges::sort(found);
    const auto twice = std::ranges::unique(found);
    found.erase(twice.begin(), twice.end());
    std::set<FileId> ids;
    for (const std::string& path : found) {
      struct stat status{};
      if (::stat(below_folder(folder_, path).c_str(), &status) != 0) continue;
      auto other = check_not_standard_output(environment_, path, status.st_dev, status.st_ino);
      if (!other) return other;
      ids.insert({status.st_dev, status.st_ino});
    }
    ReadFiles::of(environment_)->found(source_, std::move(ids));
    paths_ = std::move(found);
    return {};
  }

  const std::string source_;
  const std::vector<std::string> patterns_;
  const std::string folder_;
  const Environment environment_;
  std::vector<std::string> paths_;
};

}  // namespace

std::shared_ptr<FileSet> make_static_files(const FilePaths& paths, const Environment& environment) {
  return std::make_shared<StaticFiles>(paths, environment);
}

}  // namespace streamrun
