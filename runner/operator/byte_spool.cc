#include "runner/operator/byte_spool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>

namespace streamrun {
namespace {

constexpr std::size_t kChunk = std::size_t{1} << 20;

Result<FileDescriptor> open_temporary() {
  const char* folder = std::getenv("TMPDIR");
  if (folder == nullptr || *folder == '\0') folder = "/tmp";
  FileDescriptor made(::open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (made) return made;
  std::string name = std::string(folder) + "/streamrun-XXXXXX";
  made.reset(::mkostemp(name.data(), O_CLOEXEC));
  if (!made) return system_failure("make a temporary file in", folder);
  ::unlink(name.c_str());
  return made;
}

}  // namespace

Result<> ByteSpool::append(std::string&& bytes) {
  if (bytes.empty()) return {};
  in_memory_ += bytes.size();
  // Small pieces are joined, large ones are kept as they are.
  if (!chunks_.empty() && chunks_.back().size() + bytes.size() <= kChunk) {
    chunks_.back() += bytes;
  } else {
    chunks_.push_back(std::move(bytes));
  }
  return in_memory_ > limit_ ? to_disk() : Result<>{};
}

Result<> ByteSpool::to_disk() {
  if (!file_) {
    auto opened = open_temporary();
    if (!opened) return pass_on(opened);
    file_ = std::move(*opened);
  }
  while (!chunks_.empty()) {
    if (auto written = write_all(file_.get(), chunks_.front(), "a temporary file"); !written) return written;
    on_disk_ += chunks_.front().size();
    in_memory_ -= chunks_.front().size();
    chunks_.pop_front();
  }
  return {};
}

Result<> ByteSpool::read(const std::function<Result<>(std::string_view)>& take) const {
  if (on_disk_ != 0) {
    const auto buffer = std::make_unique_for_overwrite<char[]>(kChunk);
    for (std::uint64_t at = 0; at < on_disk_;) {
      const ssize_t n =
          ::pread(file_.get(), buffer.get(), static_cast<std::size_t>(std::min<std::uint64_t>(kChunk, on_disk_ - at)),
                  static_cast<off_t>(at));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return system_failure("read back", "a temporary file");
      if (auto taken = take({buffer.get(), static_cast<std::size_t>(n)}); !taken) return taken;
      at += static_cast<std::uint64_t>(n);
    }
  }
  for (const std::string& chunk : chunks_) {
    if (auto taken = take(chunk); !taken) return taken;
  }
  return {};
}

void ByteSpool::clear() {
  chunks_.clear();
  in_memory_ = 0;
  file_.reset();
  on_disk_ = 0;
}

}  // namespace streamrun
