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

GrowingFile::Writing::~Writing() {
  if (fresh_) fresh_->discard();
}

Result<> GrowingFile::Writing::open() {
  if (file_.ours_ && must_roll()) next_part();
  auto place = find();
  if (!place) return pass_on(place);
  place_ = std::move(*place);
  if (!file_.ours_) {
    const auto there = place_->folder->has_file(place_->name);
    if (!there) return pass_on(there);
    if (!*there || rules_.exists == Exists::replace) {
      fresh_.emplace(rules_, *place_);
      file_.ours_ = true;
      has_rows_ = false;
      return {};
    }
  }
  auto opened = place_->folder->open_to_append(place_->name, rules_.mode);
  if (!opened) return pass_on(opened);
  const auto size = file_size(*opened, place_->path());
  if (!size) return pass_on(size);
  changes_.grown(*place_, *size);
  writer_.emplace(rules_.compression, place_->path());
  writer_->open(std::move(*opened), *size);
  file_.length_ = *size;
  file_.ours_ = true;
  has_rows_ = *size != 0;
  return has_rows_ || rules_.header.empty() ? Result<>{} : writer_->add(rules_.header);
}

Result<> GrowingFile::Writing::add(std::string_view bytes) {
  if (rules_.roll_size() && has_rows_ && size() >= *rules_.roll_size()) {
    if (auto closed = close(); !closed) return closed;
    next_part();
    if (auto opened = open(); !opened) return opened;
  }
  has_rows_ = true;
  return fresh_ ? fresh_->add(bytes) : writer_->add(bytes);
}

Result<> GrowingFile::Writing::close() {
  if (!fresh_) {
    auto finished = writer_->finish();
    file_.length_ = writer_->size();
    return finished;
  }
  if (auto complete = fresh_->complete(); !complete) return complete;
  file_.length_ = fresh_->size();
  if (auto revealed = fresh_->reveal(); !revealed) return revealed;
  changes_.made(*place_);
  fresh_.reset();
  if (replaces_parts_) {
    if (auto removed = remove_later_parts(); !removed) return removed;
  }
  return place_->folder->sync();
}

bool GrowingFile::Writing::must_roll() const {
  const auto size = rules_.roll_size();
  const bool old =
      rules_.roll && rules_.roll->interval && batch_.value - file_.since_.value >= rules_.roll->interval->count();
  return old || (size && file_.length_ >= *size);
}

void GrowingFile::Writing::next_part() {
  ++file_.part_;
  file_.ours_ = false;
}

// Where the part is. What is there already and not ours is dealt with.
Result<FilePlace> GrowingFile::Writing::find() {
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
      replaces_parts_ = replaces_parts_ || (first && rules_.roll);
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

// Parts of two runs must not stand side by side.
Result<> GrowingFile::Writing::remove_later_parts() const {
  for (std::uint32_t part = file_.part_ + 1;; ++part) {
    auto place = place_of_(part);
    if (!place) return pass_on(place);
    const auto there = place->folder->has_file(place->name);
    if (!there) return pass_on(there);
    if (!*there) return {};
    place->folder->remove(place->name);
  }
}

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
