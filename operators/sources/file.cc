// A file or a glob of files: read once, or followed as it grows.
#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "operators/builtin_catalog.h"
#include "runner/operator/input_file.h"
#include "runner/operator/line_origin.h"
#include "runner/operator/record_reader.h"
#include "runner/operator/source.h"

namespace streamrun {
namespace {

enum class Start { beginning, end };

}  // namespace

template <>
struct EnumNames<Start> {
  static constexpr std::pair<std::string_view, Start> names[] = {{"beginning", Start::beginning}, {"end", Start::end}};
};

namespace {

struct FileOptions {
  Located<std::string> path;
  bool follow = false;
  Located<Start> start;
};

// Bytes [begin, end) of one file; of a compressed one they count what it holds, and the end is kToEnd if
// all of it is meant.
struct Piece {
  std::string path;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t line = 1;  // number of the first line; 0: it must be counted
};

// Where a file is read on from. A line of 0 was not counted.
struct Place {
  std::uint64_t offset = 0;
  std::uint64_t line = 1;
  std::uint64_t inode = 0;
};

// All that was read so far, by path.
struct Cursor {
  std::map<std::string, Place> files;
};

std::string to_text(const Cursor& cursor) {
  nlohmann::json files = nlohmann::json::object();
  for (const auto& [path, place] : cursor.files) files[path] = {place.offset, place.line, place.inode};
  return nlohmann::json{{"files", files}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<Cursor> to_cursor(const std::string& text) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  const auto files = json.is_object() ? json.find("files") : json.end();
  if (!json.is_object() || files == json.end() || !files->is_object()) {
    return failure(fmt::format("'{}' is no place in files", text));
  }
  Cursor cursor;
  for (const auto& [path, place] : files->items()) {
    const bool good = place.is_array() && place.size() == 3 &&
                      std::all_of(place.begin(), place.end(), [](const auto& one) { return one.is_number_unsigned(); });
    if (!good) return failure(fmt::format("'{}' is no place in files", text));
    cursor.files[path] = {place[0].template get<std::uint64_t>(), place[1].template get<std::uint64_t>(),
                          place[2].template get<std::uint64_t>()};
  }
  return cursor;
}

// What bind() has found out; const, shared.
struct FileInput {
  std::string path;
  bool follow = false;
  Start start = Start::beginning;
  std::uint32_t partitions = 1;
  std::uint32_t record_length = 0;  // 0: lines
};

class FileReader final : public RangeReader {
 public:
  FileReader(std::vector<Piece> pieces, std::shared_ptr<const FileInput> input, const Environment& environment,
             std::shared_ptr<Unpacked> unpacked)
      : pieces_(std::move(pieces)),
        input_(std::move(input)),
        unpacked_(std::move(unpacked)),
        pool_(environment.buffers),
        folder_(environment.working_folder) {}

  // Weighs the pieces, so that slices are known before the first is read.
  Result<> prepare() {
    for (const Piece& piece : pieces_) {
      std::uint64_t weight = piece.end - piece.begin;
      if (piece.end == kToEnd) {
        const auto file = InputFile::open(below_folder(folder_, piece.path));
        if (!file) return pass_on(file);
        weight = file->size();
      }
      weights_.push_back(weight);
      total_ += weight;
    }
    return {};
  }

  Result<bool> next(Morsel& morsel) override {
    for (; piece_ < pieces_.size(); close_piece()) {
      const Piece& piece = pieces_[piece_];
      if (!reader_) {
        if (auto opened = open_piece(piece); !opened) return pass_on(opened);
      }
      // A compressed file is not cut: all of it goes where it begins.
      const bool cut = piece.end != kToEnd;
      const auto place = [&] { return done_ + (cut ? reader_->offset() - piece.begin : 0); };
      while (partition_ + 1 < input_->partitions && place() >= slice_end()) ++partition_;
      std::uint64_t boundary = piece.end;
      if (cut && partition_ + 1 < input_->partitions)
        boundary = std::min(boundary, piece.begin + (slice_end() - done_));
      RawRecords raw;
      const std::uint64_t line = reader_->line();
      auto more = reader_->next(raw, boundary);
      if (!more) return more;
      if (!*more) {
        if (boundary != piece.end && reader_->offset() < piece.end)
          return failure("a file ended before its planned end");
        continue;
      }
      morsel.partition = PartitionIndex(partition_);
      morsel.origin = std::make_shared<LineOrigin>(name_, line, raw);
      morsel.raw = std::move(raw);
      morsel.faults = reader_->faults();
      morsel.rows.reset();
      return true;
    }
    return false;
  }

 private:
  std::uint64_t slice_end() const {
    return static_cast<std::uint64_t>(static_cast<UInt128>(partition_ + 1) * total_ / input_->partitions);
  }

  Result<std::unique_ptr<ByteInput>> open_bytes(const Piece& piece, std::uint64_t begin, std::uint64_t end) const {
    auto file = InputFile::open(below_folder(folder_, piece.path));
    if (!file) return pass_on(file);
    return std::move(*file).bytes(begin, end, end == kToEnd ? nullptr : unpacked_);
  }

  Result<> open_piece(const Piece& piece) {
    std::uint64_t line = piece.line;
    if (line == 0) {
      auto before = open_bytes(piece, 0, piece.begin);
      if (!before) return pass_on(before);
      const auto extent = measure(**before, input_->record_length, {});
      if (!extent) return pass_on(extent);
      line = extent->records + 1;
    }
    auto bytes = open_bytes(piece, piece.begin, piece.end);
    if (!bytes) return pass_on(bytes);
    name_ = std::make_shared<const std::string>(piece.path);
    reader_ = std::make_unique<RecordReader>(std::move(*bytes), pool_, input_->record_length, piece.begin, line);
    return {};
  }

  void close_piece() {
    done_ += weights_[piece_++];
    reader_.reset();
  }

  std::vector<Piece> pieces_;
  std::vector<std::uint64_t> weights_;
  std::uint64_t total_ = 0;
  std::shared_ptr<const FileInput> input_;
  std::shared_ptr<Unpacked> unpacked_;
  std::shared_ptr<BufferPool> pool_;
  std::string folder_;

  std::size_t piece_ = 0;
  std::uint64_t done_ = 0;  // weight of the pieces that are read
  std::uint32_t partition_ = 0;
  std::shared_ptr<const std::string> name_;
  std::unique_ptr<RecordReader> reader_;
};

class FileSource final : public Source {
 public:
  FileSource(std::shared_ptr<const FileInput> input, const Environment& environment)
      : input_(std::move(input)), environment_(environment) {}

  Result<std::string> start() override {
    if (auto found = find_files(); !found) return pass_on(found);
    Cursor cursor;
    for (const std::string& path : paths_) {
      auto file = open(path);
      if (!file) return pass_on(file);
      if (input_->start != Start::end) continue;
      const Place begin{0, 1, file->inode()};
      auto bytes = std::move(*file).bytes(0, kToEnd);
      if (!bytes) return pass_on(bytes);
      const auto extent = measure(**bytes, input_->record_length, {});
      if (!extent) return pass_on(extent);
      cursor.files[path] = {extent->bytes, extent->records + 1, begin.inode};
    }
    return to_text(cursor);
  }

  Result<SourceRange> plan(const std::string& from, const BatchLimits& limits, BatchTime) override {
    if (paths_.empty() || input_->follow) {
      if (auto found = find_files(); !found) return pass_on(found);
    }
    const auto begin = to_cursor(from);
    if (!begin) return pass_on(begin);
    Cursor cursor = *begin;
    ExtentLimits left{limits.records.value_or(kToEnd), limits.bytes.value_or(kToEnd),
                      !input_->follow || limits.available_now};
    const bool measured = limits.records || limits.bytes || input_->follow;
    SourceRange range;
    range.from = from;
    range.exhausted = !input_->follow;
    for (const std::string& path : paths_) {
      Place& at = cursor.files.try_emplace(path).first->second;
      if (at.offset == kToEnd) continue;
      const auto done =
          left.records == 0 || left.bytes == 0 ? Took::enough : take(path, measured, left, at, range.empty);
      if (!done) return pass_on(done);
      if (*done == Took::all) continue;
      range.exhausted = false;
      if (*done == Took::enough) break;
    }
    std::erase_if(cursor.files, [](const auto& one) { return one.second.offset == 0; });
    range.until = to_text(cursor);
    return range;
  }

  Result<std::unique_ptr<RangeReader>> read(const SourceRange& range) override {
    const auto cursors = cursors_of(range, to_cursor);
    if (!cursors) return pass_on(cursors);
    const auto& [from, until] = *cursors;
    std::vector<Piece> pieces;
    for (const auto& [path, end] : until.files) {
      const auto known = from.files.find(path);
      const Place begin = known == from.files.end() ? Place{} : known->second;
      if (begin.offset == end.offset) continue;
      pieces.push_back({path, begin.offset, end.offset, begin.line});
    }
    auto reader = std::make_unique<FileReader>(std::move(pieces), input_, environment_, read_);
    if (auto prepared = reader->prepare(); !prepared) return pass_on(prepared);
    return reader;
  }

  bool ended() const override { return !input_->follow; }

 private:
  enum class Took : std::uint8_t { all, what_is_whole, enough };

  Result<InputFile> open(const std::string& path) const {
    auto file = InputFile::open(below_folder(environment_.working_folder, path));
    if (file && input_->follow && file->compressed()) {
      return failure(fmt::format("'{}' is compressed, and what is compressed cannot be followed", path));
    }
    return file;
  }

  // Goes on in one file, as far as the limits allow; `empty`: the range holds nothing yet.
  Result<Took> take(const std::string& path, bool measured, ExtentLimits& left, Place& at, bool& empty) const {
    auto file = open(path);
    if (!file) return pass_on(file);
    const bool compressed = file->compressed();
    const std::uint64_t size = file->size();
    if (at.inode != 0 && at.inode != file->inode()) {
      return failure(
          fmt::format("'{}' is another file than the one that was read up to byte {}: it was replaced or "
                      "rotated; put the file back, or start afresh",
                      path, at.offset));
    }
    if (!compressed && size < at.offset) {
      return failure(
          fmt::format("'{}' has {} bytes, but {} were read already: it was cut or replaced; put the file "
                      "back, or start afresh",
                      path, size, at.offset));
    }
    at.inode = file->inode();
    if (!compressed && size == at.offset) return Took::all;
    if (!measured) {
      at = {compressed ? kToEnd : size, 0, at.inode};
      empty = false;
      return Took::all;
    }
    auto bytes = std::move(*file).bytes(at.offset, kToEnd, measured_);
    if (!bytes) return pass_on(bytes);
    const auto extent = measure(**bytes, input_->record_length, left);
    if (!extent) return pass_on(extent);
    // A first line may be longer than the limit, but not behind others.
    if (!empty && extent->bytes > left.bytes) return Took::enough;
    if (extent->bytes != 0) {
      empty = false;
      at.offset += extent->bytes;
      if (at.line != 0) at.line += extent->records;
      left.records -= std::min(left.records, extent->records);
      left.bytes -= std::min(left.bytes, extent->bytes);
    } else if (compressed && extent->whole) {
      at = {kToEnd, 0, at.inode};
    }
    if (compressed ? extent->whole : at.offset >= size) return Took::all;
    return input_->follow ? Took::what_is_whole : Took::enough;
  }

  // Paths as the user wrote them, in byte order. A path that is there is no glob, whatever it holds.
  Result<> find_files() {
    paths_.clear();
    struct stat status{};
    const std::string full = below_folder(environment_.working_folder, input_->path);
    if (::stat(full.c_str(), &status) == 0 || input_->path.find_first_of("*?[") == std::string::npos) {
      paths_.push_back(input_->path);
      return {};
    }
    glob_t found{};
    const int code = ::glob(full.c_str(), GLOB_NOSORT, nullptr, &found);
    for (std::size_t i = 0; code == 0 && i < found.gl_pathc; ++i) {
      std::string path = found.gl_pathv[i];
      if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) continue;
      paths_.push_back(path.substr(full.size() - input_->path.size()));
    }
    ::globfree(&found);
    if (code != 0 && code != GLOB_NOMATCH) return failure(fmt::format("cannot look for files '{}'", full));
    std::sort(paths_.begin(), paths_.end());
    if (paths_.empty() && !input_->follow) {
      return failure(fmt::format("no file matches '{}'; `path` is relative to the working directory", full));
    }
    return {};
  }

  std::shared_ptr<const FileInput> input_;
  Environment environment_;
  const std::shared_ptr<Unpacked> measured_ = std::make_shared<Unpacked>();
  const std::shared_ptr<Unpacked> read_ = std::make_shared<Unpacked>();
  std::vector<std::string> paths_;
};

std::optional<BoundSource> bind(const FileOptions& options, SourceBindContext& context) {
  if (options.path.value.empty()) {
    context.diagnostics.error("bad-path", options.path.span, "`path` is empty");
    return std::nullopt;
  }
  if (options.start.value == Start::end && !options.follow) {
    context.diagnostics.error("bad-option", options.start.span, "`start: end` reads nothing without `follow: true`");
    return std::nullopt;
  }
  auto input = std::make_shared<FileInput>();
  input->path = options.path.value;
  input->follow = options.follow;
  input->start = options.start.value;
  input->record_length = context.record_length;
  input->partitions = std::max<std::uint32_t>(1, context.partitions);

  BoundSource bound;
  bound.hidden = {{"_file", TypeKind::string}, {"_line", TypeKind::int64}};
  bound.bounded = !options.follow;
  bound.partitions = input->partitions;
  bound.reads = {options.path};
  bound.detail = options.follow ? options.path.value + ", followed" : options.path.value;
  bound.open = [input = std::shared_ptr<const FileInput>(std::move(input))](const Environment& environment) {
    return std::make_unique<FileSource>(input, environment);
  };
  return bound;
}

}  // namespace

SourceDescriptor describe_file_source() {
  return describe_connector<FileOptions>(
      "file", "a file or a glob of files, read once or followed", "file: {path: data/in.jsonl}\nformat: text", true,
      Options<FileOptions>{}
          .required("path", &FileOptions::path, "a path or a glob; globs are read in byte order of their paths")
          .optional("follow", &FileOptions::follow, "false", "true: goes on as the files grow and new ones appear")
          .optional("start", &FileOptions::start, "beginning", "`end`: only what comes from now on")
          .table(),
      &bind);
}

}  // namespace streamrun
