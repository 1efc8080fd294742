#include "runner/operator/growing_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <utility>

#include "runner/operator/row_frames.h"

namespace streamrun {

GrowingFile::Writing::~Writing() {
  static_cast<void>(cancel());
}

Result<> GrowingFile::Writing::open() {
  if (file_.ours_ && must_roll()) next_part();
  auto place = find();
  if (!place) return pass_on(place);
  place_ = std::move(*place);
  const auto folder = place_->open();
  if (!folder) return pass_on(folder);
  const auto there = (*folder)->has_file(place_->name);
  if (!there) return pass_on(there);
  const bool ours = std::exchange(file_.ours_, true);
  if (!*there || (!ours && rules_.exists == Exists::replace)) {
    if (!ours || !*there) {
      if (auto told = announcements_.will_make({place_->path()}); !told) return told;
    }
    // Where rows are to go behind others', a file that another makes meanwhile is not replaced.
    fresh_.emplace(rules_, rules_.exists == Exists::replace ? Exists::replace : Exists::fail, *place_);
    has_rows_ = false;
    return {};
  }
  grown_.emplace(rules_, *place_);
  if (auto opened = grown_->open(ours ? std::optional(AppendedFile::Left{file_.number_, file_.length_}) : std::nullopt);
      !opened) {
    grown_.reset();
    return opened;
  }
  if (!ours) {
    if (auto told = announcements_.will_grow(place_->path(), grown_->before()); !told) return told;
  }
  file_.number_ = grown_->number();
  file_.length_ = grown_->size();
  has_rows_ = file_.length_ != 0;
  return has_rows_ || rules_.header.empty() ? Result<>{} : grown_->add(rules_.header);
}

Result<> GrowingFile::Writing::add(std::string_view bytes) {
  if (rules_.roll_size() && has_rows_ && size() >= *rules_.roll_size()) {
    if (auto closed = close(); !closed) return closed;
    next_part();
    if (auto opened = open(); !opened) return opened;
  }
  has_rows_ = true;
  return fresh_ ? fresh_->add(bytes) : grown_->add(bytes);
}

Result<> GrowingFile::Writing::close() {
  if (fresh_) return finish_fresh();
  if (auto finished = grown_->finish(); !finished) return finished;
  file_.length_ = grown_->size();
  changes_.grown(*place_, grown_->before(), grown_->size(), grown_->number());
  const auto closed = grown_->close();
  grown_.reset();
  return closed;
}

Result<> GrowingFile::Writing::finish_fresh() {
  if (auto complete = fresh_->complete(); !complete) return complete;
  file_.length_ = fresh_->size();
  if (auto renamed = fresh_->rename(); !renamed) return renamed;
  changes_.made(*place_, fresh_->size());
  fresh_.reset();
  if (replaces_parts_) {
    if (auto removed = remove_parts(place_of_, file_.part_ + 1); !removed) return removed;
  }
  const auto folder = place_->open();
  if (!folder) return pass_on(folder);
  struct stat status{};
  if (::fstatat((*folder)->descriptor(), place_->name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
    file_.number_ = {status.st_dev, status.st_ino};
  }
  forget_note(**folder, place_->name);
  return (*folder)->sync();
}

Result<> GrowingFile::Writing::cancel() {
  if (fresh_) fresh_->discard();
  fresh_.reset();
  Result<> done = grown_ ? grown_->cancel() : Result<>{};
  grown_.reset();
  return done;
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
    FilePlace place = place_of_(file_.part_);
    if (file_.ours_) return place;
    const bool first = !std::exchange(file_.met_, true);
    file_.since_ = batch_;
    const auto folder = place.open();
    if (!folder) return pass_on(folder);
    const auto there = (*folder)->has_file(place.name);
    if (!there) return pass_on(there);
    if (!*there) return place;
    if (rules_.exists == Exists::fail) return exists_failure(place, rules_);
    if (rules_.exists == Exists::replace) {
      replaces_parts_ = replaces_parts_ || (first && rules_.roll);
      return place;
    }
    if (!rules_.roll_size()) return place;
    // An earlier run's full parts are left as they are.
    auto file = (*folder)->open_file(place.name, O_RDONLY);
    if (!file) return pass_on(file);
    const auto size = file_size(*file, place.path());
    if (!size) return pass_on(size);
    if (*size < *rules_.roll_size()) return place;
  }
}

Result<> GrowingFile::remove_former(const PlaceOf& place_of) {
  if (met_) return {};
  auto removed = remove_parts(place_of, 0);
  met_ = removed.has_value();
  return removed;
}

GrowingFile GrowingFile::go_on(const GrownFileMark& mark) {
  GrowingFile file;
  file.part_ = mark.part;
  file.length_ = mark.end.length;
  file.since_ = mark.since;
  file.met_ = file.ours_ = true;
  return file;
}

Result<std::optional<GrownFileMark>> GrowingFile::mark(const PlaceOf& place_of) const {
  if (!ours_) return std::nullopt;
  const FilePlace place = place_of(part_);
  const auto folder = place.open();
  if (!folder) return pass_on(folder);
  const auto file = (*folder)->open_file(place.name, O_RDONLY);
  if (!file) return pass_on(file);
  const auto end = mark_length(file->get(), length_, place.path());
  if (!end) return pass_on(end);
  return GrownFileMark{place.path(), part_, since_, *end};
}

Result<> GrowingFile::append(const FileRules& rules, BatchTime batch, const PlaceOf& place_of, const ByteSpool* rows,
                             FileChanges& changes, FileAnnouncements& announcements) {
  Writing writing(*this, rules, batch, place_of, changes, announcements);
  auto done = writing.open();
  FrameReader frames;
  if (done && rows != nullptr) {
    done = rows->read([&](std::string_view bytes) {
      if (!rules.roll_size()) return writing.add(bytes);
      return frames.read(bytes, [&](std::string_view row) { return writing.add(row); });
    });
  }
  if (done) done = writing.close();
  if (done) return {};
  const auto cancelled = writing.cancel();
  if (cancelled) return done;
  return failure(
      fmt::format("{}; what was written of the batch stays: {}", done.error().message, cancelled.error().message),
      ErrorKind::fatal);
}

}  // namespace streamrun
