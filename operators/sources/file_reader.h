// Reads a range of files: pieces of them, one behind the other.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "operators/sources/file_set.h"
#include "runner/operator/record_reader.h"
#include "runner/operator/source.h"

namespace streamrun {

// What bind() has found out; const, shared.
struct FileInput {
  FilePaths paths;
  bool bounded = true;                     // nothing comes behind the files that are there at the start
  bool grows = false;                      // files do: they are followed
  bool from_end = false;                   // what is there at the start is passed over
  std::optional<std::uint64_t> max_files;  // that a batch begins
  std::uint32_t partitions = 1;
  RecordFraming framing;
};

// Bytes of one file from `begin` up to the place's offset; of a compressed one they count what it holds.
struct FilePiece {
  FileCursor place;
  FileCursor::Begin begin;
};

class FileReader final : public RangeReader {
 public:
  // `unpacked`: of compressed files. `again`: of a batch that a former run has begun, whose records are to be the same.
  FileReader(std::vector<FilePiece> pieces, std::shared_ptr<const FileInput> input, std::shared_ptr<FileSet> files,
             std::shared_ptr<BufferPool> pool, std::shared_ptr<Unpacked> unpacked, bool again);

  Result<bool> next(Morsel& morsel) override;

 private:
  // Records of the piece at hand; false: it is at its end.
  Result<bool> next_of_piece(Morsel& morsel);
  Result<std::unique_ptr<ByteInput>> open_bytes(const FileCursor& place, std::uint64_t begin, std::uint64_t end);
  Result<> open_piece(const FilePiece& piece);
  Result<std::shared_ptr<const std::string>> read_header(const FilePiece& piece);
  void close_piece();
  std::uint64_t slice_end() const;

  std::vector<FilePiece> pieces_;
  std::vector<std::uint64_t> weights_;
  std::uint64_t total_ = 0;
  std::shared_ptr<const FileInput> input_;
  std::shared_ptr<FileSet> files_;
  std::shared_ptr<BufferPool> pool_;
  std::shared_ptr<Unpacked> unpacked_;
  const bool again_;

  std::size_t piece_ = 0;
  std::uint64_t done_ = 0;  // weight of the pieces that are read
  std::uint32_t partition_ = 0;
  std::shared_ptr<const std::string> name_;
  std::unique_ptr<RecordReader> reader_;
};

}  // namespace streamrun
