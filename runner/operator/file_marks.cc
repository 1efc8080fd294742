#include "runner/operator/file_marks.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "runner/operator/path_text.h"

namespace streamrun {
namespace {

using Json = nlohmann::json;

// What is announced has no part.
struct ReadMark {
  GrownFileMark file;
  bool announced = false;
  bool there = true;  // announced: before the batch
};

std::optional<ReadMark> read_mark(const OutputMark& mark) {
  const Json json = Json::parse(mark.value, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  ReadMark read;
  try {
    auto path = text_to_path(json.at("path"));
    if (!path) return std::nullopt;
    read.file.path = std::move(*path);
    read.announced = !json.contains("part");
    read.there = !json.at("length").is_null();
    if (read.there) read.file.end.length = json.at("length");
    if (read.announced) return read;
    read.file.part = json.at("part");
    read.file.since = BatchTime(json.at("since").get<std::int64_t>());
    const std::string hash = json.at("hash");
    std::from_chars(hash.data(), hash.data() + hash.size(), read.file.end.hash, 16);
    return read;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

OutputMark announced(const std::string& path, std::optional<std::uint64_t> length) {
  Json json = {{"path", path_to_text(path)}, {"length", nullptr}};
  if (length) json["length"] = *length;
  return {path, json.dump()};
}

class Recovery {
 public:
  Recovery(const OutputLog& log, const OutputFolders& folders)
      : open_(log.again_until().has_value()), folders_(folders) {}

  // False: it is gone, and begun anew.
  Result<bool> committed(const GrownFileMark& mark, const FilePlace& place) const {
    if (!folders_.has(place.folder)) return gone(mark.path);
    auto opened = open(place);
    if (!opened) return pass_on(opened);
    if (!*opened) return gone(mark.path);
    auto size = file_size(*opened, mark.path);
    if (!size) return pass_on(size);
    if (*size >= mark.end.length) {
      const auto end = mark_length(opened->get(), mark.end.length, mark.path);
      if (!end) return pass_on(end);
      if (end->hash != mark.end.hash) {
        return failure(
            fmt::format("'{}' is not what was committed: of its first {} bytes some are others, so that "
                        "another program has written it; {}",
                        mark.path, mark.end.length, kRemedy));
      }
    }
    if (*size < mark.end.length || (*size > mark.end.length && !open_)) {
      return failure(fmt::format("'{}' has {} bytes, and {} were committed: another program has {} it; {}", mark.path,
                                 *size, mark.end.length, *size < mark.end.length ? "cut" : "written behind", kRemedy));
    }
    if (auto cut = cut_back(opened->get(), *size, mark.end.length, mark.path); !cut) return pass_on(cut);
    return true;
  }

  Result<> announced(const ReadMark& mark, const FilePlace& place) const {
    if (!folders_.has(place.folder)) return {};
    auto opened = open(place);
    if (!opened) return pass_on(opened);
    if (!*opened) return {};
    const std::string& path = mark.file.path;
    const auto size = file_size(*opened, path);
    if (!size) return pass_on(size);
    if (mark.there)
      return *size > mark.file.end.length ? cut_back(opened->get(), *size, mark.file.end.length, path) : Result<>{};
    const auto folder = place.open();
    if (!folder) return pass_on(folder);
    return (*folder)->remove(place.name);
  }

 private:
  static constexpr std::string_view kRemedy =
      "put it back as it was, or let its rows go on behind what is there with --reset OUTPUT";

  // No descriptor: it is not there.
  static Result<FileDescriptor> open(const FilePlace& place) {
    const auto folder = place.open();
    if (!folder) return pass_on(folder);
    const auto there = (*folder)->has_file(place.name);
    if (!there) return pass_on(there);
    if (!*there) return FileDescriptor();
    auto file = (*folder)->open_file(place.name, O_RDWR);
    if (!file) return file;
    if (auto locked = lock_file(file->get(), place.path()); !locked) return pass_on(locked);
    return file;
  }

  bool gone(const std::string& path) const {
    folders_.warn(fmt::format("'{}' is gone, moved or deleted: it is begun anew{}", path,
                              open_ ? ", and where it is now rows of a batch that comes again may stand in it" : ""));
    return false;
  }

  Result<> cut_back(int file, std::uint64_t size, std::uint64_t length, const std::string& path) const {
    if (size == length) return {};
    return cut_file(folders_.disk(), file, length, path);
  }

  const bool open_;  // a batch without a commit may have been written
  const OutputFolders& folders_;
};

}  // namespace

OutputMark to_mark(const std::string& series, const GrownFileMark& mark) {
  return {series, Json{{"path", path_to_text(mark.path)},
                       {"part", mark.part},
                       {"since", mark.since.value},
                       {"length", mark.end.length},
                       {"hash", fmt::format("{:016x}", mark.end.hash)}}
                      .dump()};
}

Result<> FileAnnouncements::tell(const std::vector<OutputMark>& marks) {
  return log_ != nullptr ? log_->announce(batch_, marks) : Result<>{};
}

Result<> FileAnnouncements::will_make(const std::vector<std::string>& paths) {
  if (log_ == nullptr) return {};
  std::vector<OutputMark> marks;
  for (const std::string& path : paths) {
    if (told_.insert(path).second) marks.push_back(announced(path, std::nullopt));
  }
  return tell(marks);
}

Result<> FileAnnouncements::will_grow(const std::string& path, std::uint64_t length) {
  if (log_ == nullptr || !told_.insert(path).second) return {};
  return tell({announced(path, length)});
}

Result<RecoveredFiles> recover_files(const OutputLog& log,
                                     const std::function<FilePlace(const std::string& path)>& place_of,
                                     const OutputFolders& folders) {
  RecoveredFiles files;
  std::map<std::string, FilePlace> changed;  // folders
  const Recovery recovery(log, folders);
  std::vector<std::pair<std::string, GrownFileMark>> committed;
  for (const OutputMark& mark : log.marks()) {
    const auto read = read_mark(mark);
    if (!read) {
      return failure(
          fmt::format("'{}' is no mark of a file; --reset OUTPUT gives up what stands of the output", mark.value));
    }
    if (!read->announced) {
      committed.emplace_back(mark.key, read->file);
      continue;
    }
    const FilePlace place = place_of(read->file.path);
    if (auto done = recovery.announced(*read, place); !done) return pass_on(done);
    changed.emplace(place.folder, place);
  }
  for (const auto& [path, place] : changed) {
    if (!folders.has(path)) continue;
    const auto folder = place.open();
    if (!folder) return pass_on(folder);
    if (auto synced = (*folder)->sync(); !synced) return pass_on(synced);
  }
  for (auto& [series, file] : committed) {
    const auto goes_on = recovery.committed(file, place_of(file.path));
    if (!goes_on) return pass_on(goes_on);
    if (*goes_on) {
      files.go_on.emplace(series, std::move(file));
    } else {
      files.gone.push_back({series, {}});
    }
  }
  return files;
}

}  // namespace streamrun
