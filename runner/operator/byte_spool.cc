#include "runner/operator/byte_spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <iterator>

#include "runner/base/units.h"

namespace streamrun {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 20;

Result<FileDescriptor> open_temporary(std::string folder) {
  if (folder.empty()) {
    const char* const usual = std::getenv("TMPDIR");
    folder = usual != nullptr && *usual != '\0' ? usual : "/tmp";
  }
  FileDescriptor made(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (made) return made;
  std::string name = folder + "/streamrun-XXXXXX";
  made.reset(::mkostemp(name.data(), O_CLOEXEC));
  if (!made) return system_failure("make a temporary file in", folder);
  ::unlink(name.c_str());
  return made;
}

}  // namespace

std::uint64_t SpoolPool::in_memory() const {
  const std::scoped_lock lock(mutex_);
  return in_memory_;
}

std::uint64_t SpoolPool::on_disk() const {
  const std::scoped_lock lock(mutex_);
  return on_disk_;
}

// A little more than is needed, so that many small spools are not searched for each of them.
Result<> SpoolPool::make_room() {
  if (in_memory_ <= limits_.memory) return {};
  while (in_memory_ > limits_.memory / 4 * 3) {
    const auto largest = std::max_element(spools_.begin(), spools_.end(),
                                          [](const auto* a, const auto* b) { return a->in_memory_ < b->in_memory_; });
    if (auto done = to_disk(**largest); !done) return done;
  }
  return {};
}

Result<> SpoolPool::to_disk(ByteSpool& spool) {
  if (limits_.disk && on_disk_ + spool.in_memory_ > *limits_.disk) {
    return failure(
        fmt::format("{} bytes have to wait on disk, and `spool: {{size: {}}}` allows no more; allow more, or make "
                    "batches smaller with `max_batch_bytes` or `max_batch_records`",
                    on_disk_ + spool.in_memory_, format_byte_size({*limits_.disk})));
  }
  if (!file_) {
    auto opened = open_temporary(limits_.folder);
    if (!opened) return pass_on(opened);
    file_ = std::move(*opened);
  }
  std::deque<ByteSpool::Piece> pieces;
  for (ByteSpool::Piece& piece : spool.pieces_) {
    if (piece.bytes) {
      const auto offset = write(*piece.bytes);
      if (!offset) return pass_on(offset);
      in_memory_ -= piece.bytes->capacity();
      spool.in_memory_ -= piece.bytes->capacity();
      piece.bytes.reset();
      piece.offset = *offset;
    }
    if (!pieces.empty() && pieces.back().offset + pieces.back().size == piece.offset) {
      pieces.back().size += piece.size;
    } else {
      pieces.push_back(std::move(piece));
    }
  }
  spool.pieces_ = std::move(pieces);
  return {};
}

Result<std::uint64_t> SpoolPool::write(std::string_view bytes) {
  const std::uint64_t offset = file_end_;
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(file_end_));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return system_failure("write", "a temporary file");
    bytes.remove_prefix(static_cast<std::size_t>(n));
    file_end_ += static_cast<std::uint64_t>(n);
  }
  on_disk_ += file_end_ - offset;
  return offset;
}

void SpoolPool::release(std::uint64_t offset, std::uint64_t size) {
  on_disk_ -= size;
  if (on_disk_ != 0) {
    // Where a hole cannot be made the space comes back with the last spool.
    ::fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                static_cast<off_t>(size));
    return;
  }
  file_.reset();
  file_end_ = 0;
}

ByteSpool::ByteSpool(std::shared_ptr<SpoolPool> pool) : pool_(std::move(pool)) {
  const std::scoped_lock lock(pool_->mutex_);
  pool_->spools_.insert(this);
}

ByteSpool::~ByteSpool() {
  clear();
  const std::scoped_lock lock(pool_->mutex_);
  pool_->spools_.erase(this);
}

Result<> ByteSpool::append(std::string&& bytes) {
  if (bytes.empty()) return {};
  const std::scoped_lock lock(pool_->mutex_);
  const std::size_t added = bytes.size();
  std::size_t grown = bytes.capacity();
  // Small pieces are joined, large ones are kept as they are.
  if (!pieces_.empty() && pieces_.back().bytes && pieces_.back().size + added <= kPiece) {
    std::string& last = *pieces_.back().bytes;
    grown = last.capacity();
    last += bytes;
    grown = last.capacity() - grown;
    pieces_.back().size += added;
  } else {
    pieces_.push_back({size_, added, std::make_shared<std::string>(std::move(bytes)), 0});
  }
  size_ += added;
  in_memory_ += grown;
  pool_->in_memory_ += grown;
  Result<> done = pool_->make_room();
  pool_->held_.set(pool_->in_memory_);
  return done;
}

// A piece may go to disk while it is read: its memory stays until the reader has dropped it.
Result<SpooledBytes> ByteSpool::read_piece(const Piece& piece, std::uint64_t from, std::uint64_t size) const {
  if (piece.bytes) return SpooledBytes{piece.bytes, std::string_view(*piece.bytes).substr(from - piece.begin, size)};
  auto read = std::make_shared<std::string>(size, '\0');
  for (std::size_t at = 0; at < read->size();) {
    const ssize_t n = ::pread(pool_->file_.get(), read->data() + at, read->size() - at,
                              static_cast<off_t>(piece.offset + (from - piece.begin) + at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return system_failure("read back", "a temporary file");
    at += static_cast<std::size_t>(n);
  }
  return SpooledBytes{read, *read};
}

Result<> ByteSpool::read(const std::function<Result<>(std::string_view)>& take) const {
  for (std::uint64_t at = 0; at < size_;) {
    const auto piece = read_at(at, kPiece);
    if (!piece) return pass_on(piece);
    if (auto taken = take(piece->bytes); !taken) return taken;
    at += piece->bytes.size();
  }
  return {};
}

Result<SpooledBytes> ByteSpool::read_at(std::uint64_t offset, std::size_t size) const {
  assert(offset < size_);
  std::unique_lock lock(pool_->mutex_);
  const auto behind = std::upper_bound(pieces_.begin(), pieces_.end(), offset,
                                       [](std::uint64_t at, const Piece& piece) { return at < piece.begin; });
  const Piece piece = *std::prev(behind);
  lock.unlock();
  return read_piece(piece, offset, std::min<std::uint64_t>(size, piece.begin + piece.size - offset));
}

void ByteSpool::clear() {
  const std::scoped_lock lock(pool_->mutex_);
  for (const Piece& piece : pieces_) {
    if (!piece.bytes) pool_->release(piece.offset, piece.size);
  }
  pieces_.clear();
  pool_->in_memory_ -= in_memory_;
  pool_->held_.set(pool_->in_memory_);
  in_memory_ = 0;
  size_ = 0;
}

}  // namespace streamrun
