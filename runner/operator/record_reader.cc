#include "runner/operator/record_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "runner/data/text_scan.h"
#include "runner/operator/source.h"

namespace streamrun {
namespace {

constexpr std::size_t kPooledBytes = kMorselBytes + kMorselBytes / 4;
constexpr std::size_t kPooledBuffers = 16;

}  // namespace

std::shared_ptr<char> BufferPool::take(std::size_t bytes) {
  if (bytes > kPooledBytes) return {new char[bytes + kPadding], std::default_delete<char[]>()};
  std::unique_ptr<char[]> taken;
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      taken = std::move(free_.back());
      free_.pop_back();
    }
  }
  if (!taken) {
    taken = std::make_unique_for_overwrite<char[]>(kPooledBytes + kPadding);
    std::memset(taken.get() + kPooledBytes, 0, kPadding);
  }
  return {taken.release(), [pool = shared_from_this()](char* p) {
            std::unique_ptr<char[]> back(p);
            const std::lock_guard lock(pool->mutex_);
            if (pool->free_.size() < kPooledBuffers) pool->free_.push_back(std::move(back));
          }};
}

std::size_t cut_lines(const char* text, std::size_t size, std::vector<std::string_view>& out) {
  const char* begin = text;
  for_each_byte({text, size}, '\n', [&](std::size_t at) {
    const char* const end = text + at;
    const std::size_t length = static_cast<std::size_t>(end - begin);
    out.emplace_back(begin, length - (length != 0 && end[-1] == '\r' ? 1 : 0));
    begin = end + 1;
    return true;
  });
  return static_cast<std::size_t>(begin - text);
}

std::size_t skip_lines(const char* text, std::size_t size, std::uint64_t& lines) {
  std::size_t used = 0;
  std::uint64_t found = 0;
  if (lines != 0) {
    for_each_byte({text, size}, '\n', [&](std::size_t at) {
      used = at + 1;
      return ++found != lines;
    });
  }
  lines = found;
  return used;
}

RecordReader::RecordReader(std::unique_ptr<ByteInput> input, std::shared_ptr<BufferPool> pool, std::string name,
                           std::uint64_t offset, std::uint64_t line)
    : input_(std::move(input)), pool_(std::move(pool)), name_(std::move(name)), offset_(offset), line_(line) {}

// Reads until there is a whole line, into a buffer of its own: morsels may still use the old one.
Result<bool> RecordReader::fill() {
  lines_.clear();
  next_ = 0;
  for (;;) {
    const std::size_t carried = end_ - begin_;
    const std::size_t wanted = std::max(kPooledBytes, carried > kMorselBytes / 4 ? carried * 2 + kMorselBytes : 0);
    std::shared_ptr<char> fresh = pool_->take(wanted);
    if (carried != 0) std::memcpy(fresh.get(), buffer_.get() + begin_, carried);
    buffer_ = std::move(fresh);
    capacity_ = wanted;
    begin_ = 0;
    end_ = carried;
    while (!at_end_ && end_ < capacity_ && end_ - carried < kMorselBytes) {
      const auto n = input_->read(buffer_.get() + end_, std::min(capacity_ - end_, kMorselBytes - (end_ - carried)));
      if (!n) return pass_on(n);
      at_end_ = *n == 0;
      end_ += *n;
    }
    std::memset(buffer_.get() + end_, 0, std::min(kPadding, capacity_ + kPadding - end_));
    // What was carried holds no line end.
    cut_ = 0;
    const std::size_t used = cut_lines(buffer_.get(), end_, lines_);
    cut_ = used;
    if (at_end_ && cut_ != end_) {
      lines_.emplace_back(buffer_.get() + cut_, end_ - cut_);
      cut_ = end_;
    }
    if (!lines_.empty()) return true;
    if (at_end_) return false;
    if (end_ > kMaxLineBytes) {
      return failure(fmt::format("'{}' has a line (number {}) of more than {} MiB: is it a file of lines?", name_,
                                 line_, kMaxLineBytes >> 20));
    }
  }
}

Result<bool> RecordReader::next(RawRecords& out, std::uint64_t boundary) {
  if (next_ == lines_.size()) {
    const auto more = fill();
    if (!more || !*more) return more;
  }
  if (offset_ >= boundary) return false;
  const char* const limit =
      boundary - offset_ >= end_ - begin_ ? nullptr : buffer_.get() + begin_ + (boundary - offset_);
  const auto first = lines_.begin() + static_cast<std::ptrdiff_t>(next_);
  const auto last = limit == nullptr ? lines_.end()
                                     : std::lower_bound(first, lines_.end(), limit,
                                                        [](std::string_view l, const char* p) { return l.data() < p; });
  const std::size_t behind = last == lines_.end() ? cut_ : static_cast<std::size_t>(last->data() - buffer_.get());
  out.keep = buffer_;
  out.at_start = offset_ == 0;
  if (first == lines_.begin() && last == lines_.end()) {
    const std::size_t count = lines_.size();
    out.records = std::move(lines_);
    lines_ = {};
    lines_.reserve(count + count / 8);
    next_ = 0;
    line_ += count;
  } else {
    out.records.assign(first, last);
    next_ += out.records.size();
    line_ += out.records.size();
  }
  offset_ += behind - begin_;
  begin_ = behind;
  return true;
}

}  // namespace streamrun
