// Bytes in order, kept until somebody reads them: in memory first, past the pool's memory in a temporary file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "runner/base/disk.h"
#include "runner/base/result.h"
#include "runner/operator/file_descriptor.h"
#include "runner/operator/memory_account.h"

namespace streamrun {

struct SpoolLimits {
  std::uint64_t memory = std::uint64_t{64} << 20;  // bytes of all spools together
  std::string folder;                              // of the temporary file; empty: TMPDIR, or /tmp
  std::optional<std::uint64_t> disk;               // bytes in it at most; else half of what is free there
  std::shared_ptr<MemoryAccount> account;          // where the memory counts; null: nowhere
  Disk* file_system = &Disk::real();               // that the temporary file is made on
};

class ByteSpool;

// What all spools of a run share. When their memory is used up the largest go to disk first: one unlinked file,
// from which a spool's bytes are cut out when it is cleared. Thread-safe.
class SpoolPool {
 public:
  explicit SpoolPool(SpoolLimits limits = {}) : limits_(std::move(limits)), held_(limits_.account) {}
  ~SpoolPool() { close(); }
  SpoolPool(const SpoolPool&) = delete;
  SpoolPool& operator=(const SpoolPool&) = delete;

  std::uint64_t in_memory() const;
  std::uint64_t on_disk() const;

 private:
  friend class ByteSpool;

  // All under mutex_. What fails changes no spool's bytes: each piece is in memory or on disk, whole.
  // For so many bytes more; false: the memory will never take them.
  Result<bool> make_room(std::size_t bytes);
  Result<> to_disk(ByteSpool& spool);
  bool open();
  bool open_file();
  void close();
  // Behind all others. Returns where; what went into the file of bytes that did not fit is cut off again. `uncounted`
  // of them are not in memory yet.
  Result<std::uint64_t> write(std::string_view bytes, std::uint64_t uncounted);
  void release(std::uint64_t offset, std::uint64_t size);
  std::unexpected<Error> failed(std::string_view what, std::uint64_t uncounted) const;

  const SpoolLimits limits_;
  mutable std::mutex mutex_;
  std::unordered_set<ByteSpool*> spools_;
  std::uint64_t in_memory_ = 0;
  HeldMemory held_;  // the same, in the account
  std::uint64_t on_disk_ = 0;
  std::uint64_t half_free_ = 0;  // when the file was opened
  FileDescriptor file_;
  std::string folder_;  // where it is
  std::uint64_t file_end_ = 0;
};

// A view and who keeps its bytes.
struct SpooledBytes {
  std::shared_ptr<const std::string> keep;
  std::string_view bytes;
};

// One thread at a time writes, while other spools of the pool are used by other threads; what is written may be read by
// any.
class ByteSpool {
 public:
  explicit ByteSpool(std::shared_ptr<SpoolPool> pool);
  ~ByteSpool();
  ByteSpool(const ByteSpool&) = delete;
  ByteSpool& operator=(const ByteSpool&) = delete;

  // All of `bytes`, or none: after a failure they are still the caller's.
  Result<> append(std::string&& bytes);
  // Calls `take` with all bytes, in large pieces, in order, until it fails.
  Result<> read(const std::function<Result<>(std::string_view)>& take) const;
  // What one append() has brought.
  Result<SpooledBytes> read_at(std::uint64_t offset, std::size_t size) const;
  std::uint64_t size() const { return size_; }
  void clear();

 private:
  friend class SpoolPool;
  struct Piece {
    std::uint64_t begin = 0;  // in the spool
    std::uint64_t size = 0;
    std::shared_ptr<std::string> bytes;  // null: on disk
    std::uint64_t offset = 0;            // in the pool's file
  };
  void keep_in_memory(std::string&& bytes);
  Result<SpooledBytes> read_piece(const Piece& piece, std::uint64_t from, std::uint64_t size) const;

  std::shared_ptr<SpoolPool> pool_;
  std::deque<Piece> pieces_;
  std::uint64_t in_memory_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace streamrun
