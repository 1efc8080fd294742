#include "operators/sources/file_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "runner/operator/file_glob.h"

namespace streamrun {
namespace {

// In any order: what is half read comes first, until it is read.
bool same_places(const std::vector<FileCursor>& a, const std::vector<FileCursor>& b) {
  const auto by_file = [](const std::vector<FileCursor>& places) {
    std::vector<const FileCursor*> sorted;
    for (const FileCursor& place : places) sorted.push_back(&place);
    std::ranges::sort(sorted, {}, [](const FileCursor* one) { return std::tie(one->id, one->born_ns, one->path); });
    return sorted;
  };
  return std::ranges::equal(by_file(a), by_file(b),
                            [](const FileCursor* one, const FileCursor* other) { return one->same_place(*other); });
}

class FileSource final : public Source {
 public:
  FileSource(std::shared_ptr<const FileInput> input, std::shared_ptr<FileSet> files, const Environment& environment)
      : input_(std::move(input)), buffers_(environment.buffers), files_(std::move(files)) {}

  Result<std::string> start(const std::optional<std::string>& resume) override {
    if (resume) return begin_at(resume, {}, to_file_cursors);
    // A path that waits for its file does so only for what could be one.
    for (const std::string& path : input_->paths.paths) {
      if (is_glob(path)) continue;
      FileCursor place;
      place.path = path;
      if (const auto file = open(place); !file && file.error().kind == ErrorKind::input) return pass_on(file);
    }
    const auto found = files_->look({}, false);
    if (!found) return pass_on(found);
    std::vector<FileCursor> places;
    for (const FoundFile& one : *found) {
      FileCursor at = one.at;
      auto file = open(at);
      if (!file && files_->passes_over(at, file.error(), false)) continue;
      if (!file) return pass_on(file);
      if (!input_->from_end) continue;
      if (auto done = input_->grows ? skip(*file, at) : pass_by(*file, at); !done) return pass_on(done);
      at.done = !input_->grows;
      if (at.offset != 0) places.push_back(std::move(at));
    }
    return to_text(places);
  }

  Result<SourceRange> plan(const std::string& from, const BatchLimits& limits, BatchTime) override {
    planned_ = true;
    const auto begin = to_file_cursors(from);
    if (!begin) return pass_on(begin);
    const auto found = files_->look(*begin, limits.available_now);
    if (!found) return pass_on(found);
    ExtentLimits left{limits.records.value_or(kToEnd), limits.bytes.value_or(kToEnd), false};
    const bool all_counts = !input_->grows || (limits.available_now && !input_->from_end);
    const bool measured = limits.records || limits.bytes || input_->grows;
    bool enough = false;
    std::uint64_t begun = 0;  // files
    SourceRange range;
    range.from = from;
    range.exhausted = input_->bounded || (limits.available_now && !input_->grows);
    std::vector<FileCursor> until;
    std::set<FileId> waiting;  // they may be renamed before their turn comes, and are known by their places alone then
    for (const FoundFile& one : *found) {
      FileCursor& at = until.emplace_back(one.at);
      if (one.idle || at.offset == kToEnd) continue;
      enough = enough || left.records == 0 || left.bytes == 0 || begun == input_->max_files;
      const bool fresh = at.offset == 0;
      left.last_counts = all_counts || one.last;
      const auto done = enough ? Took::enough : take(measured, left, at, range.empty);
      if (!done) {
        if (!files_->passes_over(at, done.error(), limits.available_now)) return pass_on(done);
        continue;
      }
      // One that holds nothing begins nothing, or it would count in every batch.
      if (fresh && at.offset != 0) ++begun;
      if (*done == Took::all) {
        at.done = !input_->grows;
        if (one.last) at.renamed_from.clear();
        continue;
      }
      range.exhausted = false;
      enough = *done == Took::enough;
      if (enough && input_->grows) waiting.insert(at.id);
    }
    std::erase_if(until, [&](const FileCursor& one) { return one.offset == 0 && !waiting.contains(one.id); });
    range.until = range.empty && same_places(until, *begin) ? from : to_text(until);
    return range;
  }

  std::optional<RangeSize> size_of(const SourceRange& range) const override {
    const auto cursors = cursors_of(range, to_file_cursors);
    if (!cursors) return std::nullopt;
    std::map<std::string, std::uint64_t> before;
    for (const FileCursor& place : cursors->first) before[files_->key(place)] = place.offset;
    RangeSize size{0, "bytes"};
    for (const FileCursor& place : cursors->second) {
      const std::uint64_t from = before[files_->key(place)];
      if (place.offset == from) continue;
      if (place.offset == kToEnd) return std::nullopt;  // what it unpacks to is not known
      if (place.offset > from) size.amount += place.offset - from;
    }
    return size;
  }

  Result<std::unique_ptr<RangeReader>> read(const SourceRange& range) override {
    auto cursors = cursors_of(range, to_file_cursors);
    if (!cursors) return pass_on(cursors);
    auto& [from, until] = *cursors;
    std::map<std::string, FileCursor::Begin> known;
    for (const FileCursor& place : from) known[files_->key(place)] = {place.offset, place.line};
    std::vector<FilePiece> pieces;
    for (FileCursor& place : until) {
      const auto before = known.find(files_->key(place));
      const FileCursor::Begin begin = place.begin             ? *place.begin
                                      : before == known.end() ? FileCursor::Begin{}
                                                              : before->second;
      if (begin.offset != place.offset) pieces.push_back({std::move(place), begin});
    }
    return std::make_unique<FileReader>(std::move(pieces), input_, files_, buffers_, read_, !planned_);
  }

  void committed(const std::string& cursor, BatchTime) override {
    if (input_->bounded) return;
    if (const auto places = to_file_cursors(cursor)) files_->committed(*places);
  }

  bool ended() const override { return input_->bounded; }

 private:
  enum class Took : std::uint8_t { all, what_is_whole, enough };

  Result<InputFile> open(const FileCursor& place) const {
    auto file = files_->open(place);
    if (file && input_->grows && file->streamed()) {
      return failure(fmt::format("'{}' {} cannot be followed", place.path,
                                 file->compressed() ? "is compressed, and what is compressed" : "tells no size, and"));
    }
    return file;
  }

  // All whole records.
  Result<> skip(const InputFile& file, FileCursor& at) const {
    auto own = file.duplicate();
    if (!own) return pass_on(own);
    auto bytes = std::move(*own).bytes(0, kToEnd);
    if (!bytes) return pass_on(bytes);
    const auto extent = measure(**bytes, input_->framing, true, {});
    if (!extent) return pass_on(extent);
    at.line = extent->lines + 1;
    return remember(file, extent->bytes, at);
  }

  // All there is, as if it had been read.
  static Result<> pass_by(const InputFile& file, FileCursor& at) {
    at.line = 0;
    return remember(file, file.streamed() ? kToEnd : file.size(), at);
  }

  // Goes on in one file, as far as the limits allow; `empty`: the range holds nothing yet.
  Result<Took> take(bool measured, ExtentLimits& left, FileCursor& at, bool& empty) const {
    auto file = open(at);
    if (!file) return pass_on(file);
    const bool streamed = file->streamed();
    const std::uint64_t size = file->size();
    if (!streamed && size == at.offset) return Took::all;
    if (!measured) {
      at.line = 0;
      empty = false;
      if (auto noted = remember(*file, streamed ? kToEnd : size, at); !noted) return pass_on(noted);
      return Took::all;
    }
    auto own = file->duplicate();
    if (!own) return pass_on(own);
    auto bytes = std::move(*own).bytes(at.offset, kToEnd, measured_);
    if (!bytes) return pass_on(bytes);
    const auto extent = measure(**bytes, input_->framing, at.offset == 0, left);
    if (!extent) return pass_on(extent);
    // A first line may be longer than the limit, but not behind others.
    if (!empty && extent->bytes > left.bytes) return Took::enough;
    const bool at_end = streamed ? extent->whole : at.offset + extent->bytes >= size;
    if (extent->bytes != 0) {
      empty = false;
      if (at.line != 0) at.line += extent->lines;
      left.records -= std::min(left.records, extent->records);
      left.bytes -= std::min(left.bytes, extent->bytes);
      if (auto noted = remember(*file, at.offset + extent->bytes, at); !noted) return pass_on(noted);
    } else if (streamed && extent->whole) {
      at.line = 0;
      if (auto noted = remember(*file, kToEnd, at); !noted) return pass_on(noted);
    }
    if (at_end) return Took::all;
    if (input_->grows) return Took::what_is_whole;
    files_->hold(at, *file);
    return Took::enough;
  }

  std::shared_ptr<const FileInput> input_;
  std::shared_ptr<BufferPool> buffers_;
  std::shared_ptr<FileSet> files_;
  bool planned_ = false;  // what was read before was planned by a former run
  const std::shared_ptr<Unpacked> measured_ = std::make_shared<Unpacked>();
  const std::shared_ptr<Unpacked> read_ = std::make_shared<Unpacked>();
};

}  // namespace

std::unique_ptr<Source> make_file_source(std::shared_ptr<const FileInput> input, std::shared_ptr<FileSet> files,
                                         const Environment& environment) {
  return std::make_unique<FileSource>(std::move(input), std::move(files), environment);
}

}  // namespace streamrun
