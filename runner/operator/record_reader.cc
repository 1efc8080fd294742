#include "runner/operator/record_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "runner/data/text_scan.h"
#include "runner/operator/source.h"

namespace streamrun {
namespace {

constexpr std::size_t kPooledBytes = kMorselBytes + kMorselBytes / 4;
constexpr std::size_t kPooledBuffers = 16;
// Of a record that is none.
constexpr std::size_t kKeptBytes = std::size_t{64} << 10;
static_assert(kKeptBytes + kMorselBytes < kMaxLineBytes);
const std::string kTooLong = fmt::format("the line is longer than {} MiB", kMaxLineBytes >> 20);

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

RecordReader::RecordReader(std::unique_ptr<ByteInput> input, std::shared_ptr<BufferPool> pool,
                           std::uint32_t record_length, std::uint64_t offset, std::uint64_t line)
    : input_(std::move(input)), pool_(std::move(pool)), record_length_(record_length), offset_(offset), line_(line) {}

// Reads until there is a whole record, into a buffer of its own: morsels may still use the old one.
Result<bool> RecordReader::fill() {
  lines_.clear();
  faults_.clear();
  next_ = 0;
  if (failed_) return std::unexpected(*failed_);
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
      if (!n) {
        failed_ = n.error();
        break;
      }
      at_end_ = *n == 0;
      end_ += *n;
    }
    std::memset(buffer_.get() + end_, 0, std::min(kPadding, capacity_ + kPadding - end_));
    cut();
    if (!lines_.empty()) return true;
    if (failed_) return std::unexpected(*failed_);
    if (at_end_) return false;
    if (record_length_ == 0 && end_ > kMaxLineBytes) return cut_long_line();
  }
}

void RecordReader::cut() {
  if (record_length_ == 0) {
    cut_ = cut_lines(buffer_.get(), end_, lines_);
  } else {
    for (cut_ = 0; end_ - cut_ >= record_length_; cut_ += record_length_) {
      lines_.emplace_back(buffer_.get() + cut_, record_length_);
    }
  }
  if (at_end_ && cut_ != end_) {
    lines_.emplace_back(buffer_.get() + cut_, end_ - cut_);
    if (record_length_ != 0) {
      fault(lines_.size() - 1,
            fmt::format("the input ends within the record: {} of {} bytes", end_ - cut_, record_length_));
    }
    cut_ = end_;
  }
  if (record_length_ != 0 || end_ <= kMaxLineBytes) return;
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    if (lines_[i].size() > kMaxLineBytes) fault(i, kTooLong);
  }
}

// Of a line that is too long already the beginning is kept, and its end looked for.
Result<bool> RecordReader::cut_long_line() {
  char* const rest = buffer_.get() + kKeptBytes;
  skipped_ = end_ - kKeptBytes;
  end_ = kKeptBytes;
  while (!at_end_) {
    const auto n = input_->read(rest, kMorselBytes);
    if (!n) {
      failed_ = n.error();
      return pass_on(n);
    }
    at_end_ = *n == 0;
    const void* const found = std::memchr(rest, '\n', *n);
    if (found == nullptr) {
      skipped_ += *n;
      continue;
    }
    const std::size_t used = static_cast<std::size_t>(static_cast<const char*>(found) - rest) + 1;
    skipped_ += used;
    std::memmove(rest, rest + used, *n - used);
    end_ += *n - used;
    break;
  }
  lines_.emplace_back(buffer_.get(), kKeptBytes);
  fault(0, kTooLong);
  cut_ = kKeptBytes;
  return true;
}

void RecordReader::fault(std::size_t record, std::string message) {
  lines_[record] = lines_[record].substr(0, kKeptBytes);
  faults_.push_back({static_cast<std::uint32_t>(record), std::move(message)});
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
  auto last = limit == nullptr ? lines_.end()
                               : std::lower_bound(first, lines_.end(), limit,
                                                  [](std::string_view l, const char* p) { return l.data() < p; });
  if (last - first > static_cast<std::ptrdiff_t>(kMorselRecords)) last = first + kMorselRecords;
  const std::size_t behind = last == lines_.end() ? cut_ : static_cast<std::size_t>(last->data() - buffer_.get());
  out.keep = buffer_;
  out.at_start = line_ == 1;
  given_.clear();
  for (const RowError& one : faults_) {
    if (one.row < next_ || one.row >= static_cast<std::size_t>(last - lines_.begin())) continue;
    given_.push_back({one.row - static_cast<std::uint32_t>(next_), one.message});
  }
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
  offset_ += behind - begin_ + std::exchange(skipped_, 0);
  begin_ = behind;
  return true;
}

}  // namespace streamrun
