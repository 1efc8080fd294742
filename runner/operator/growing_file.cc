#include "runner/operator/growing_file.h"

#include <unistd.h>

#include <utility>

#include "runner/operator/row_frames.h"

namespace streamrun {

void FileChanges::undo() {
  for (; !changes_.empty(); changes_.pop_back()) {
    const Change& change = changes_.back();
    if (!change.before) {
      change.place.folder->remove(change.place.name);
    } else if (auto file = change.place.folder->open_to_append(change.place.name, 0600)) {
      // What cannot be cut back is seen by the next start, which fails in the same place.
      if (::ftruncate(file->get(), static_cast<off_t>(*change.before)) == 0) ::fsync(file->get());
    }
  }
}

// One batch's way into the parts.
class GrowingFile::Writing {
 public:
  Writing(GrowingFile& file, const FileRules& rules, BatchTime batch, const PlaceOf& place_of, FileChanges& changes)
      : file_(file), rules_(rules), batch_(batch), place_of_(place_of), changes_(changes) {}

  Result<> open() {
    if (file_.ours_ && must_roll()) next_part();
    auto place = find();
    if (!place) return pass_on(place);
    auto opened = place->folder->open_to_append(place->name, rules_.mode);
    if (!opened) return pass_on(opened);
    const auto size = file_size(*opened, place->path());
    if (!size) return pass_on(size);
    fresh_ = *size == 0;
    fresh_ ? changes_.made(*place) : changes_.grown(*place, *size);
    folder_ = place->folder;
    writer_.emplace(rules_.compression, place->path());
    writer_->open(std::move(*opened), *size);
    file_.length_ = *size;
    file_.ours_ = true;
    has_rows_ = !fresh_;
    return fresh_ && !rules_.header.empty() ? writer_->add(rules_.header) : Result<>{};
  }

  Result<> add(std::string_view bytes) {
    if (rules_.roll_size() && has_rows_ && writer_->size() >= *rules_.roll_size()) {
      if (auto closed = close(); !closed) return closed;
      next_part();
      if (auto opened = open(); !opened) return opened;
    }
    has_rows_ = true;
    return writer_->add(bytes);
  }

  Result<> close() {
    auto finished = writer_->finish();
    file_.length_ = writer_->size();
    if (finished && fresh_) finished = folder_->sync();
    return finished;
  }

 private:
  bool must_roll() const {
    const auto size = rules_.roll_size();
    const bool old =
        rules_.roll && rules_.roll->interval && batch_.value - file_.since_.value >= rules_.roll->interval->count();
    return old || (size && file_.length_ >= *size);
  }

  void next_part() {
    ++file_.part_;
    file_.ours_ = false;
  }

  // Where the part is. What is there already and not ours is dealt with.
  Result<FilePlace> find() {
    for (;; ++file_.part_) {
      auto place = place_of_(file_.part_);
      if (!place || file_.ours_) return place;
      const bool first = !std::exchange(file_.met_, true);
      file_.since_ = batch_;
      const auto there = place->folder->has_file(place->name);
      if (!there) return pass_on(there);
      if (!*there) return place;
      if (rules_.exists == Exists::fail) return place->exists_failure();
      if (rules_.exists == Exists::replace) {
        if (auto removed = remove_parts(first); !removed) return pass_on(removed);
        return place;
      }
      if (!rules_.roll_size()) return place;
      // An earlier run's full parts are left as they are.
      auto file = place->folder->open_to_read(place->name);
      if (!file) return pass_on(file);
      const auto size = file_size(*file, place->path());
      if (!size) return pass_on(size);
      if (*size < *rules_.roll_size()) return place;
    }
  }

  // This part, and those behind it when a run begins: parts of two runs must not stand side by side.
  Result<> remove_parts(bool all) const {
    for (std::uint32_t part = file_.part_;; ++part) {
      auto place = place_of_(part);
      if (!place) return pass_on(place);
      const auto there = place->folder->has_file(place->name);
      if (!there) return pass_on(there);
      if (!*there) return {};
      place->folder->remove(place->name);
      if (!all || !rules_.roll) return {};
    }
  }

  GrowingFile& file_;
  const FileRules& rules_;
  BatchTime batch_;
  const PlaceOf& place_of_;
  FileChanges& changes_;
  std::optional<FileWriter> writer_;
  std::shared_ptr<OutputFolder> folder_;
  bool fresh_ = false;
  bool has_rows_ = false;  // of the part
};

Result<> GrowingFile::append(const FileRules& rules, BatchTime batch, const PlaceOf& place_of, const ByteSpool* rows,
                             FileChanges& changes) {
  Writing writing(*this, rules, batch, place_of, changes);
  auto done = writing.open();
  FrameReader frames;
  if (done && rows != nullptr) {
    done = rows->read([&](std::string_view bytes) {
      if (!rules.roll_size()) return writing.add(bytes);
      return frames.read(bytes, [&](std::string_view row) { return writing.add(row); });
    });
  }
  return done ? writing.close() : done;
}

}  // namespace streamrun
