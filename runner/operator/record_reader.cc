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
static_assert(kKeptBytes + kMorselBytes < kMaxRecordBytes);

std::string too_long(std::uint64_t lines) {
  if (lines == 1) return fmt::format("the line is longer than {} MiB", kMaxRecordBytes >> 20);
  return fmt::format("the record is longer than {} MiB: a quote that it opens goes on for {} lines; is it not closed?",
                     kMaxRecordBytes >> 20, lines);
}

// Without the line end.
std::string_view trimmed(const char* begin, const char* end, bool cr_ends_line) {
  if (end != begin && end[-1] == '\n') {
    --end;
    cr_ends_line = true;
  }
  if (end != begin && end[-1] == '\r' && cr_ends_line) --end;
  return {begin, static_cast<std::size_t>(end - begin)};
}

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

RecordReader::RecordReader(std::unique_ptr<ByteInput> input, std::shared_ptr<const std::string> name,
                           std::shared_ptr<BufferPool> pool, const RecordFraming& framing, RecordStart start)
    : input_(std::move(input)),
      name_(std::move(name)),
      pool_(std::move(pool)),
      framing_(framing),
      start_(std::move(start)),
      splitter_(framing, start_.begins_input()) {}

// Reads until there is a whole record, into a buffer of its own: morsels may still use the old one.
Result<bool> RecordReader::fill() {
  records_.clear();
  faults_.clear();
  shifts_.clear();
  next_ = 0;
  if (failed_) return std::unexpected(*failed_);
  for (;;) {
    const std::size_t carried = end_ - begin_;
    const std::size_t wanted = std::max(kPooledBytes, carried > kMorselBytes / 4 ? carried * 2 + kMorselBytes : 0);
    std::shared_ptr<char> fresh = pool_->take(wanted);
    if (carried != 0) std::memcpy(fresh.get(), buffer_.get() + begin_, carried);
    buffer_ = std::move(fresh);
    capacity_ = wanted;
    scanned_ -= begin_;
    cut_ = begin_ = 0;
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
    if (auto good = refuse_other_encodings(); !good) return pass_on(good);
    cut();
    if (!records_.empty()) return true;
    if (failed_) return std::unexpected(*failed_);
    if (at_end_) return false;
    if (framing_.length == 0 && end_ > kMaxRecordBytes) return cut_long_record();
  }
}

Result<> RecordReader::refuse_other_encodings() const {
  if (!start_.begins_input() || !framing_.text) return {};
  const std::string_view begin(buffer_.get(), std::min<std::size_t>(end_, kMagicBytes));
  if (const std::string_view why = unread_compression(begin); !why.empty()) {
    return failure(fmt::format("'{}' {}", *name_, why));
  }
  const std::string_view first = begin.substr(0, 2);
  if (first != "\xFF\xFE" && first != "\xFE\xFF") return {};
  return failure(
      fmt::format("'{}' is UTF-16, as its byte order mark says, and text is read as UTF-8; convert it: "
                  "iconv -f UTF-16 -t UTF-8",
                  *name_));
}

void RecordReader::cut() {
  if (framing_.length == 0) {
    const std::size_t from = std::exchange(scanned_, end_);
    splitter_.scan({buffer_.get() + from, end_ - from}, [&](std::size_t end, std::uint64_t lines) {
      add(from + end, lines);
      return true;
    });
  } else {
    scanned_ = end_;
    for (cut_ = 0; end_ - cut_ >= framing_.length; cut_ += framing_.length) {
      records_.emplace_back(buffer_.get() + cut_, framing_.length);
    }
  }
  if (at_end_ && cut_ != end_) {
    if (framing_.length != 0) {
      records_.emplace_back(buffer_.get() + cut_, end_ - cut_);
      fault(records_.size() - 1,
            fmt::format("the input ends within the record: {} of {} bytes", end_ - cut_, framing_.length));
      cut_ = end_;
    } else {
      add(end_, splitter_.lines() + 1);
    }
  }
  if (framing_.length != 0 || end_ <= kMaxRecordBytes) return;
  for (std::size_t i = 0; i < records_.size(); ++i) {
    if (records_[i].size() <= kMaxRecordBytes) continue;
    const auto record = static_cast<std::uint32_t>(i);
    auto shift = std::ranges::lower_bound(shifts_, record, {}, &LineShift::record);
    if (shift == shifts_.end() || shift->record != record) shift = shifts_.insert(shift, {record, 0});
    shift->lines += input_->left_out_lines();
    fault(i, too_long(shift->lines + 1));
  }
}

// Of a record that is too long already the beginning is kept, and its end looked for.
Result<bool> RecordReader::cut_long_record() {
  char* const rest = buffer_.get() + kKeptBytes;
  skipped_ = end_ - kKeptBytes;
  end_ = kKeptBytes;
  std::uint64_t lines = 0;
  while (!at_end_ && lines == 0) {
    const auto n = input_->read(rest, kMorselBytes);
    if (!n) {
      failed_ = n.error();
      return pass_on(n);
    }
    at_end_ = *n == 0;
    const std::size_t used = splitter_.scan({rest, *n}, [&](std::size_t, std::uint64_t found) {
      lines = found;
      return false;
    });
    skipped_ += used;
    std::memmove(rest, rest + used, *n - used);
    end_ += *n - used;
  }
  if (lines == 0) lines = splitter_.lines() + 1;
  lines += input_->left_out_lines();
  records_.emplace_back(buffer_.get(), kKeptBytes);
  if (lines != 1) shifts_.push_back({0, lines - 1});
  fault(0, too_long(lines));
  cut_ = scanned_ = kKeptBytes;
  return true;
}

void RecordReader::fault(std::size_t record, std::string message) {
  records_[record] = records_[record].substr(0, kKeptBytes);
  faults_.push_back({static_cast<std::uint32_t>(record), std::move(message)});
}

// Up to `end`, line end included.
void RecordReader::add(std::size_t end, std::uint64_t lines) {
  if (lines != 1) shifts_.push_back({static_cast<std::uint32_t>(records_.size()), lines - 1});
  records_.push_back(trimmed(buffer_.get() + cut_, buffer_.get() + end, framing_.cr_ends_line));
  cut_ = end;
}

Result<bool> RecordReader::next(RawRecords& out, std::uint64_t boundary) {
  if (next_ == records_.size()) {
    const auto more = fill();
    if (!more || !*more) return more;
  }
  if (start_.offset >= boundary) return false;
  const char* const limit =
      boundary - start_.offset >= end_ - begin_ ? nullptr : buffer_.get() + begin_ + (boundary - start_.offset);
  const auto first = records_.begin() + static_cast<std::ptrdiff_t>(next_);
  auto last = limit == nullptr ? records_.end()
                               : std::lower_bound(first, records_.end(), limit,
                                                  [](std::string_view l, const char* p) { return l.data() < p; });
  if (last - first > static_cast<std::ptrdiff_t>(kMorselRecords)) last = first + kMorselRecords;
  const std::size_t behind = last == records_.end() ? cut_ : static_cast<std::size_t>(last->data() - buffer_.get());
  out = {};
  out.keep = buffer_;
  out.at_start = start_.begins_input() && framing_.text;
  context_ = {};
  context_.framed = framing_.cr_ends_line;
  const auto within = [&](std::uint32_t record) {
    return record >= next_ && record < static_cast<std::size_t>(last - records_.begin());
  };
  const auto number = [&](std::uint32_t record) { return record - static_cast<std::uint32_t>(next_); };
  given_.clear();
  for (const RowError& one : faults_) {
    if (within(one.row)) given_.push_back({number(one.row), one.message});
  }
  std::uint64_t shift = 0;
  given_shifts_.clear();
  for (const LineShift& one : shifts_) {
    if (within(one.record)) given_shifts_.push_back({number(one.record), shift += one.lines});
  }
  if (first == records_.begin() && last == records_.end()) {
    const std::size_t count = records_.size();
    out.records = std::move(records_);
    records_ = {};
    records_.reserve(count + count / 8);
    next_ = 0;
  } else {
    out.records.assign(first, last);
    next_ += out.records.size();
  }
  if (framing_.header) find_header(out);
  start_.line += out.records.size() + shift;
  start_.offset += behind - begin_ + std::exchange(skipped_, 0);
  begin_ = behind;
  return true;
}

void RecordReader::find_header(const RawRecords& given) {
  for (std::uint32_t i = 0; !start_.header && i < given.size(); ++i) {
    const std::string_view record = i == 0 && given.at_start ? without_mark(given.records[0]) : given.records[i];
    if (is_blank(record, framing_.delimiter) || framing_.is_comment(record)) continue;
    start_.header = std::make_shared<const std::string>(record);
    context_.header_at = i;
  }
  if (!start_.header) context_.header_at = given.size();
  context_.header = start_.header;
}

}  // namespace streamrun
