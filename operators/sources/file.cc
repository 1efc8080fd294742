// A file or a glob of files: read once, or followed as it grows.
#include <fcntl.h>
#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "operators/builtin_catalog.h"
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

struct FileFacts {
  std::uint64_t size = 0;
  Compression compression = Compression::none;
};

Result<FileDescriptor> open_file(const std::string& path, FileFacts& facts) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) {
    if (errno == ENOENT) {
      return failure(fmt::format("there is no file '{}'; `path` is relative to the working directory", path));
    }
    return system_failure("open", path);
  }
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return system_failure("look at", path);
  if (!S_ISREG(status.st_mode)) {
    return failure(fmt::format("'{}' is not a regular file; source `stdin` reads what flows", path));
  }
  facts.size = static_cast<std::uint64_t>(status.st_size);
  char magic[kMagicBytes];
  const ssize_t n = ::pread(file.get(), magic, sizeof magic, 0);
  if (n < 0) return system_failure("read", path);
  facts.compression = compression_of({magic, static_cast<std::size_t>(n)});
  return file;
}

// Bytes [begin, end) of one file; of a compressed one they count what it holds, and the end is kToEnd if
// all of it is meant.
constexpr std::uint64_t kToEnd = ~std::uint64_t{0} >> 1;
struct Piece {
  std::string path;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t line = 1;  // number of the first line; 0: it must be counted
};

// The bytes of a file from `begin` on, whatever it is compressed with.
Result<std::unique_ptr<ByteInput>> open_bytes(const std::string& path, std::uint64_t begin, std::uint64_t end) {
  FileFacts facts;
  auto file = open_file(path, facts);
  if (!file) return pass_on(file);
  if (facts.compression == Compression::none) {
    end = std::min(end, end == kToEnd ? facts.size : end);
    if (facts.size < end || end < begin) {
      return failure(
          fmt::format("'{}' has {} bytes, but bytes {} to {} were planned: it was cut or replaced; put the "
                      "file back, or start afresh",
                      path, facts.size, begin, end));
    }
    return read_file_range(std::move(*file), path, begin, end);
  }
  auto input = decompress(facts.compression, read_file_range(std::move(*file), path, 0, facts.size), path);
  std::vector<char> skipped(begin == 0 ? 0 : kMorselBytes);
  while (begin != 0) {
    const auto n =
        input->read(skipped.data(), static_cast<std::size_t>(std::min<std::uint64_t>(begin, skipped.size())));
    if (!n) return pass_on(n);
    if (*n == 0) return failure(fmt::format("'{}' is shorter than it was: it was cut or replaced", path));
    begin -= *n;
  }
  return input;
}

// How far a batch may go in one file.
struct Extent {
  std::uint64_t bytes = 0;
  std::uint64_t lines = 0;
  bool whole = false;  // up to the end of the file
};

// Counts whole lines within the limits, at least one; what is behind the last line end counts as a line
// if `last_counts`.
Result<Extent> measure(ByteInput& input, std::uint64_t max_lines, std::uint64_t max_bytes, bool last_counts) {
  std::vector<char> buffer(kMorselBytes);
  Extent extent;
  std::uint64_t tail = 0;  // bytes behind the last line end seen
  for (;;) {
    const auto n = input.read(buffer.data(), buffer.size());
    if (!n) return pass_on(n);
    if (*n == 0) break;
    std::size_t at = 0;
    while (at < *n) {
      std::uint64_t lines = 1;
      // Line by line only where the byte limit may be near.
      const bool careful = max_bytes - extent.bytes < tail + *n;
      if (!careful) lines = max_lines - extent.lines;
      const std::size_t used = skip_lines(buffer.data() + at, *n - at, lines);
      if (lines == 0) break;
      if (extent.lines != 0 && extent.bytes + tail + used > max_bytes) return extent;
      extent.bytes += tail + used;
      extent.lines += lines;
      tail = 0;
      at += used;
      if (extent.lines == max_lines || extent.bytes >= max_bytes) return extent;
    }
    tail += *n - at;
  }
  extent.whole = true;
  if (tail != 0 && last_counts) {
    if (extent.lines != 0 && extent.bytes + tail > max_bytes) {
      extent.whole = false;
      return extent;
    }
    extent.bytes += tail;
    ++extent.lines;
  }
  return extent;
}

// Where a file is read on from. A line of 0 was not counted.
struct Place {
  std::uint64_t offset = 0;
  std::uint64_t line = 1;
};

// All that was read so far, by path.
struct Cursor {
  std::map<std::string, Place> files;
};

std::string to_text(const Cursor& cursor) {
  nlohmann::json files = nlohmann::json::object();
  for (const auto& [path, place] : cursor.files) files[path] = {place.offset, place.line};
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
    if (!place.is_array() || place.size() != 2 || !place[0].is_number_unsigned() || !place[1].is_number_unsigned()) {
      return failure(fmt::format("'{}' is no place in files", text));
    }
    cursor.files[path] = {place[0].get<std::uint64_t>(), place[1].get<std::uint64_t>()};
  }
  return cursor;
}

class FileReader final : public RangeReader {
 public:
  FileReader(std::vector<Piece> pieces, std::uint32_t partitions, std::shared_ptr<BufferPool> pool, std::string folder)
      : pieces_(std::move(pieces)), partitions_(partitions), pool_(std::move(pool)), folder_(std::move(folder)) {}

  // Weighs the pieces, so that slices are known before the first is read.
  Result<> prepare() {
    for (const Piece& piece : pieces_) {
      std::uint64_t weight = piece.end - piece.begin;
      if (piece.end == kToEnd) {
        struct stat status{};
        const std::string path = below_folder(folder_, piece.path);
        if (::stat(path.c_str(), &status) != 0) return system_failure("look at", path);
        weight = static_cast<std::uint64_t>(status.st_size);
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
      while (partition_ + 1 < partitions_ && place() >= slice_end()) ++partition_;
      std::uint64_t boundary = piece.end;
      if (cut && partition_ + 1 < partitions_) boundary = std::min(boundary, piece.begin + (slice_end() - done_));
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
      morsel.rows.reset();
      return true;
    }
    return false;
  }

 private:
  std::uint64_t slice_end() const {
    return static_cast<std::uint64_t>(static_cast<UInt128>(partition_ + 1) * total_ / partitions_);
  }

  Result<> open_piece(const Piece& piece) {
    const std::string path = below_folder(folder_, piece.path);
    std::uint64_t line = piece.line;
    if (line == 0) {
      auto before = open_bytes(path, 0, piece.begin);
      if (!before) return pass_on(before);
      const auto extent = measure(**before, kToEnd, kToEnd, false);
      if (!extent) return pass_on(extent);
      line = extent->lines + 1;
    }
    auto input = open_bytes(path, piece.begin, piece.end);
    if (!input) return pass_on(input);
    name_ = std::make_shared<const std::string>(piece.path);
    reader_ = std::make_unique<RecordReader>(std::move(*input), pool_, piece.path, piece.begin, line);
    return {};
  }

  void close_piece() {
    done_ += weights_[piece_++];
    reader_.reset();
  }

  std::vector<Piece> pieces_;
  std::vector<std::uint64_t> weights_;
  std::uint64_t total_ = 0;
  std::uint32_t partitions_;
  std::shared_ptr<BufferPool> pool_;
  std::string folder_;

  std::size_t piece_ = 0;
  std::uint64_t done_ = 0;  // weight of the pieces that are read
  std::uint32_t partition_ = 0;
  std::shared_ptr<const std::string> name_;
  std::unique_ptr<RecordReader> reader_;
};

struct FileInput {
  std::string name;
  std::string path;
  bool follow = false;
  Start start = Start::beginning;
  std::uint32_t partitions = 1;
};

class FileSource final : public Source {
 public:
  FileSource(std::shared_ptr<const FileInput> input, std::string folder)
      : input_(std::move(input)), folder_(std::move(folder)) {}

  Result<std::string> start() override {
    if (auto found = find_files(); !found) return pass_on(found);
    Cursor cursor;
    for (const std::string& path : paths_) {
      FileFacts facts;
      auto file = open_file(below_folder(folder_, path), facts);
      if (!file) return pass_on(file);
      if (input_->follow && facts.compression != Compression::none) {
        return failure(fmt::format("'{}' is compressed, and what is compressed cannot be followed", path));
      }
      if (input_->start == Start::end) {
        auto bytes = open_bytes(below_folder(folder_, path), 0, facts.size);
        if (!bytes) return pass_on(bytes);
        const auto extent = measure(**bytes, kToEnd, kToEnd, false);
        if (!extent) return pass_on(extent);
        cursor.files[path] = {extent->bytes, extent->lines + 1};
      }
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
    std::uint64_t lines_left = limits.records.value_or(kToEnd);
    std::uint64_t bytes_left = limits.bytes.value_or(kToEnd);
    const bool limited = limits.records || limits.bytes;
    SourceRange range;
    range.from = from;
    range.exhausted = !input_->follow;
    for (const std::string& path : paths_) {
      const auto known = cursor.files.find(path);
      const Place at = known == cursor.files.end() ? Place{} : known->second;
      if (at.offset == kToEnd) continue;
      if (lines_left == 0 || bytes_left == 0) {
        range.exhausted = false;
        break;
      }
      FileFacts facts;
      const std::string full = below_folder(folder_, path);
      auto file = open_file(full, facts);
      if (!file) return pass_on(file);
      const bool compressed = facts.compression != Compression::none;
      if (!compressed && facts.size < at.offset) {
        return failure(
            fmt::format("'{}' has {} bytes, but {} were read already: it was cut or replaced; put the file "
                        "back, or start afresh",
                        path, facts.size, at.offset));
      }
      if (!compressed && facts.size == at.offset) continue;
      if (!limited && !input_->follow) {
        cursor.files[path] = compressed ? Place{kToEnd, 0} : Place{facts.size, 0};
        range.empty = false;
        continue;
      }
      auto bytes = open_bytes(full, at.offset, compressed ? kToEnd : facts.size);
      if (!bytes) return pass_on(bytes);
      const auto extent = measure(**bytes, lines_left, bytes_left, !input_->follow || limits.available_now);
      if (!extent) return pass_on(extent);
      // A first line may be longer than the limit, but not behind others.
      if (!range.empty && extent->bytes > bytes_left) {
        range.exhausted = false;
        break;
      }
      if (extent->bytes != 0) {
        range.empty = false;
        cursor.files[path] = {at.offset + extent->bytes, at.line == 0 ? 0 : at.line + extent->lines};
        lines_left -= std::min(lines_left, extent->lines);
        bytes_left -= std::min(bytes_left, extent->bytes);
      } else if (compressed && extent->whole) {
        cursor.files[path] = {kToEnd, 0};
      }
      const bool more = compressed ? !extent->whole : at.offset + extent->bytes < facts.size;
      if (more && !input_->follow) {
        range.exhausted = false;
        break;
      }
    }
    range.until = to_text(cursor);
    return range;
  }

  Result<std::unique_ptr<RangeReader>> read(const SourceRange& range) override {
    const auto from = to_cursor(range.from);
    if (!from) return pass_on(from);
    const auto until = to_cursor(range.until);
    if (!until) return pass_on(until);
    std::vector<Piece> pieces;
    for (const auto& [path, end] : until->files) {
      const auto known = from->files.find(path);
      const Place begin = known == from->files.end() ? Place{} : known->second;
      if (begin.offset == end.offset) continue;
      pieces.push_back({path, begin.offset, end.offset, begin.line});
    }
    auto reader = std::make_unique<FileReader>(std::move(pieces), input_->partitions, pool_, folder_);
    if (auto prepared = reader->prepare(); !prepared) return pass_on(prepared);
    return reader;
  }

  bool ended() const override { return !input_->follow; }

 private:
  // Paths as the user wrote them, in byte order. A path that is there is no glob, whatever it holds.
  Result<> find_files() {
    paths_.clear();
    struct stat status{};
    const std::string full = below_folder(folder_, input_->path);
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
  std::string folder_;
  std::vector<std::string> paths_;
  std::shared_ptr<BufferPool> pool_ = std::make_shared<BufferPool>();
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
  input->name = context.name;
  input->path = options.path.value;
  input->follow = options.follow;
  input->start = options.start.value;
  input->partitions = std::max<std::uint32_t>(1, context.partitions);

  BoundSource bound;
  bound.hidden = {{"_file", TypeKind::string}, {"_line", TypeKind::int64}};
  bound.bounded = !options.follow;
  bound.partitions = input->partitions;
  bound.reads = {options.path};
  bound.detail = options.follow ? options.path.value + ", followed" : options.path.value;
  bound.open = [input = std::shared_ptr<const FileInput>(std::move(input))](const Environment& environment) {
    return std::make_unique<FileSource>(input, environment.working_folder);
  };
  return bound;
}

}  // namespace

SourceDescriptor describe_file_source() {
  return describe_source<FileOptions>(
      "file", "a file or a glob of files, read once or followed", "file: {path: data/in.jsonl}\nformat: text", true,
      Options<FileOptions>{}
          .required("path", &FileOptions::path, "a path or a glob; globs are read in byte order of their paths")
          .optional("follow", &FileOptions::follow, "false", "true: goes on as the files grow and new ones appear")
          .optional("start", &FileOptions::start, "beginning", "`end`: only what comes from now on")
          .table(),
      &bind);
}

}  // namespace streamrun
