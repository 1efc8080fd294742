#include "operators/sources/file_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runner/operator/line_origin.h"

namespace streamrun {

FileReader::FileReader(std::vector<FilePiece> pieces, std::shared_ptr<const FileInput> input,
                       std::shared_ptr<FileSet> files, std::shared_ptr<BufferPool> pool,
                       std::shared_ptr<Unpacked> unpacked, bool again)
    : pieces_(std::move(pieces)),
      input_(std::move(input)),
      files_(std::move(files)),
      pool_(std::move(pool)),
      unpacked_(std::move(unpacked)),
      again_(again) {
  for (const auto& [place, begin] : pieces_) {
    // A compressed file is not cut: all of it goes where it begins.
    weights_.push_back(place.offset == kToEnd ? place.known : place.offset - begin.offset);
    total_ += weights_.back();
  }
}

Result<bool> FileReader::next(Morsel& morsel) {
  for (; piece_ < pieces_.size(); close_piece()) {
    const auto& [place, begin] = pieces_[piece_];
    auto more = next_of_piece(morsel);
    if (!more) {
      const std::uint64_t at = reader_ ? reader_->offset() : begin.offset;
      if (again_) {
        return failure(
            fmt::format("{}; a batch that comes again needs its bytes {} to {}: put the file "
                        "back as it was, or give up the place of the source with --reset",
                        more.error().message, at, place.offset));
      }
      if (files_->passes_over_lost(place, at, place.offset)) continue;
    }
    if (!more || *more) return more;
  }
  return false;
}

Result<bool> FileReader::next_of_piece(Morsel& morsel) {
  const auto& [place, begin] = pieces_[piece_];
  if (!reader_) {
    if (auto opened = open_piece(pieces_[piece_]); !opened) return pass_on(opened);
  }
  const bool cut = place.offset != kToEnd;
  const std::uint64_t at = done_ + (cut ? reader_->offset() - begin.offset : 0);
  while (partition_ + 1 < input_->partitions && at >= slice_end()) ++partition_;
  std::uint64_t boundary = place.offset;
  if (cut && partition_ + 1 < input_->partitions) {
    boundary = std::min(boundary, begin.offset + (slice_end() - done_));
  }
  RawRecords raw;
  const std::uint64_t line = reader_->line();
  auto more = reader_->next(raw, boundary);
  if (!more) return more;
  if (!*more) {
    if (boundary != place.offset && reader_->offset() < place.offset) {
      return failure("a file ended before its planned end");
    }
    return false;
  }
  morsel.partition = PartitionIndex(partition_);
  morsel.origin = std::make_shared<LineOrigin>(name_, line, raw, reader_->shifts());
  morsel.raw = std::move(raw);
  morsel.context = reader_->context();
  morsel.faults = reader_->faults();
  morsel.rows.reset();
  return true;
}

std::uint64_t FileReader::slice_end() const {
  return static_cast<std::uint64_t>(static_cast<UInt128>(partition_ + 1) * total_ / input_->partitions);
}

Result<std::unique_ptr<ByteInput>> FileReader::open_bytes(const FileCursor& place, std::uint64_t begin,
                                                          std::uint64_t end) {
  auto file = files_->open(place);
  if (!file) return pass_on(file);
  return std::move(*file).bytes(begin, end, end == kToEnd ? nullptr : unpacked_);
}

Result<> FileReader::open_piece(const FilePiece& piece) {
  std::uint64_t line = piece.begin.line;
  if (line == 0) {
    auto before = open_bytes(piece.place, 0, piece.begin.offset);
    if (!before) return pass_on(before);
    const auto extent = measure(**before, input_->framing, true, {.last_counts = true});
    if (!extent) return pass_on(extent);
    line = extent->lines + 1;
  }
  name_ = std::make_shared<const std::string>(piece.place.path);
  auto header = read_header(piece);
  if (!header) return pass_on(header);
  auto bytes = open_bytes(piece.place, piece.begin.offset, piece.place.offset);
  if (!bytes) return pass_on(bytes);
  reader_ = std::make_unique<RecordReader>(std::move(*bytes), name_, pool_, input_->framing,
                                           RecordStart{piece.begin.offset, line, *std::move(header)});
  return {};
}

// Of a file that is read on from its middle.
Result<std::shared_ptr<const std::string>> FileReader::read_header(const FilePiece& piece) {
  if (!input_->framing.header || piece.begin.offset == 0) return nullptr;
  auto file = files_->open(piece.place);
  if (!file) return pass_on(file);
  auto bytes = std::move(*file).bytes(0, piece.begin.offset);
  if (!bytes) return pass_on(bytes);
  RecordReader reader(std::move(*bytes), name_, pool_, input_->framing, {});
  RawRecords raw;
  while (!reader.header()) {
    const auto more = reader.next(raw);
    if (!more) return pass_on(more);
    if (!*more) break;
  }
  return reader.header();
}

void FileReader::close_piece() {
  done_ += weights_[piece_++];
  reader_.reset();
}

}  // namespace streamrun
