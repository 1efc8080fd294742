#include "runner/operator/byte_spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <utility>

#include "runner/base/units.h"
#include "runner/operator/temporary_name.h"

namespace streamrun {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 20;

std::string folder_for(const std::string& wanted) {
  if (!wanted.empty()) return wanted;
  const char* const usual = std::getenv("TMPDIR");
  return usual != nullptr && *usual != '\0' ? usual : "/tmp";
}

constexpr std::string_view kSmaller = "make batches smaller with `max_batch_bytes` or `max_batch_records`";

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
Result<bool> SpoolPool::make_room(std::size_t bytes) {
  if (in_memory_ + bytes <= limits_.memory) return true;
  if (bytes > limits_.memory) return false;
  while (in_memory_ != 0 && in_memory_ + bytes > limits_.memory / 4 * 3) {
    const auto largest = std::max_element(spools_.begin(), spools_.end(),
                                          [](const auto* a, const auto* b) { return a->in_memory_ < b->in_memory_; });
    if (auto done = to_disk(**largest); !done) return pass_on(done);
  }
  return true;
}

Result<> SpoolPool::to_disk(ByteSpool& spool) {
  std::deque<ByteSpool::Piece>& pieces = spool.pieces_;
  for (ByteSpool::Piece& piece : pieces) {
    if (!piece.bytes) continue;
    const auto offset = write(*piece.bytes, 0);
    if (!offset) return pass_on(offset);
    in_memory_ -= piece.bytes->capacity();
    spool.in_memory_ -= piece.bytes->capacity();
    piece.bytes.reset();
    piece.offset = *offset;
  }
  // Those that stand side by side are one.
  std::size_t kept = 0;
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    if (pieces[kept].offset + pieces[kept].size == pieces[i].offset) {
      pieces[kept].size += pieces[i].size;
    } else {
      pieces[++kept] = std::move(pieces[i]);
    }
  }
  pieces.resize(std::min(pieces.size(), kept + 1));
  return {};
}

bool SpoolPool::open() {
  if (!open_file()) return false;
  half_free_ = limits_.file_system->available(file_.get()) / 2;
  return true;
}

// Without a name where the file system can; else the name goes at once.
bool SpoolPool::open_file() {
  Disk& disk = *limits_.file_system;
  folder_ = folder_for(limits_.folder);
  file_.reset(disk.open(AT_FDCWD, folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file_) return true;
  const std::string path = below_folder(folder_, TemporaryNames(disk).make("spool"));
  file_.reset(disk.open(AT_FDCWD, path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
  if (!file_) return false;
  disk.unlink(AT_FDCWD, path.c_str());
  return true;
}

void SpoolPool::close() {
  if (file_) limits_.file_system->close(file_.release());
  file_end_ = 0;
}

std::unexpected<Error> SpoolPool::failed(std::string_view what, std::uint64_t uncounted) const {
  return failure(
      fmt::format("cannot {} a temporary file in '{}' for {} bytes that wait: {}; give it room elsewhere with "
                  "`spool: {{path: …}}`, or {}",
                  what, folder_, in_memory_ + on_disk_ + uncounted, std::strerror(errno), kSmaller),
      ErrorKind::transient);
}

Result<std::uint64_t> SpoolPool::write(std::string_view bytes, std::uint64_t uncounted) {
  if (!file_ && !open()) return failed("make", uncounted);
  if (on_disk_ + bytes.size() > limits_.disk.value_or(half_free_)) {
    const std::string why = limits_.disk ? fmt::format("and `spool: {{size: {}}}` allows no more; allow more",
                                                       format_byte_size({*limits_.disk}))
                                         : fmt::format(
                                               "more than half of what was free in '{}'; allow more with "
                                               "`spool: {{size: …}}`",
                                               folder_);
    return failure(fmt::format("{} bytes have to wait on disk, {}, or {}", on_disk_ + bytes.size(), why, kSmaller),
                   ErrorKind::transient);
  }
  const std::uint64_t offset = file_end_;
  std::uint64_t end = offset;
  while (end - offset < bytes.size()) {
    const std::string_view rest = bytes.substr(end - offset);
    const ssize_t n = limits_.file_system->write(file_.get(), rest.data(), rest.size(), static_cast<off_t>(end));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      auto error = failed("write", uncounted);
      // Where that fails, the next bytes are written over it.
      limits_.file_system->truncate(file_.get(), static_cast<off_t>(offset));
      return error;
    }
    end += static_cast<std::uint64_t>(n);
  }
  file_end_ = end;
  on_disk_ += bytes.size();
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
  close();
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

// Room is made before anything is taken. What is too much for all of the memory goes to disk at once.
Result<> ByteSpool::append(std::string&& bytes) {
  if (bytes.empty()) return {};
  const std::scoped_lock lock(pool_->mutex_);
  const auto fits = pool_->make_room(bytes.capacity());
  pool_->held_.set(pool_->in_memory_);
  if (!fits) return pass_on(fits);
  if (*fits) {
    keep_in_memory(std::move(bytes));
    pool_->held_.set(pool_->in_memory_);
    return {};
  }
  const auto offset = pool_->write(bytes, bytes.size());
  if (!offset) return pass_on(offset);
  pieces_.push_back({size_, bytes.size(), nullptr, *offset});
  size_ += std::exchange(bytes, {}).size();
  return {};
}

// Small pieces are joined, large ones are kept as they are.
void ByteSpool::keep_in_memory(std::string&& bytes) {
  const std::size_t added = bytes.size();
  std::size_t grown = bytes.capacity();
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
}

// A piece may go to disk while it is read: its memory stays until the reader has dropped it.
Result<SpooledBytes> ByteSpool::read_piece(const Piece& piece, std::uint64_t from, std::uint64_t size) const {
  if (piece.bytes) return SpooledBytes{piece.bytes, std::string_view(*piece.bytes).substr(from - piece.begin, size)};
  auto read = std::make_shared<std::string>(size, '\0');
  for (std::size_t at = 0; at < read->size();) {
    const ssize_t n = ::pread(pool_->file_.get(), read->data() + at, read->size() - at,
                              static_cast<off_t>(piece.offset + (from - piece.begin) + at));
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) errno = EIO;
    if (n <= 0) {
      const std::scoped_lock lock(pool_->mutex_);
      return pool_->failed("read back", 0);
    }
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
