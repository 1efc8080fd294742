#include "runner/exec/morsel_source.h"

#include <utility>

#include "runner/base/out_of_memory.h"

namespace streamrun {
namespace {

constexpr std::uint32_t kSmallRows = 256;
constexpr std::size_t kSmallBytes = std::size_t{32} << 10;

// From the first record to the last, where they stand in one buffer.
std::size_t bytes_of(const RawRecords& raw) {
  if (raw.records.empty() || raw.records.front().data() == nullptr || raw.records.back().data() == nullptr) return 0;
  return static_cast<std::size_t>(raw.records.back().data() - raw.records.front().data()) + raw.records.back().size();
}

}  // namespace

Result<bool> MorselSource::advance(Driver& driver, MorselTask& task) {
  if (driver.run != nullptr) {
    if (chunk_ == driver.run->chunks()) return false;
    task.chunk = chunk_++;
    // Rows of a chunk are not known before it is made: a range of numbers of its own.
    task.first_row = next_.value << 32U;
    task.small = driver.run->chunks() == 1;
    return true;
  }
  while (true) {
    if (!reader_) {
      if (driver.range.empty) return false;
      Result<std::unique_ptr<RangeReader>> opened = driver.source->read(driver.range);
      if (!opened) return pass_on(opened);
      reader_ = std::move(*opened);
    }
    task.morsel = Morsel{};
    Result<bool> more = reader_->next(task.morsel);
    if (!more) return pass_on(more);
    if (*more) {
      // The buffer, the columns, and what becomes of them.
      const std::size_t bytes = bytes_of(task.morsel.raw);
      window_.weigh(next_, 3 * bytes);
      const std::uint32_t rows = task.morsel.rows ? task.morsel.rows->rows : task.morsel.raw.size();
      task.first_row = rows_;
      rows_ += rows;
      task.small = rows < kSmallRows && bytes < kSmallBytes;
      return true;
    }
    reader_.reset();
    if (!driver.whole || driver.range.exhausted) return false;
    BatchLimits all;
    all.available_now = true;
    Result<SourceRange> range = driver.source->plan(driver.range.until, all, batch_);
    if (!range) return pass_on(range);
    driver.range = std::move(*range);
  }
}

bool MorselSource::next(MorselTask& task) {
  const std::scoped_lock lock(mutex_);
  task.error.reset();
  // Waiting under the lock is meant: while the window is full nobody reads on.
  while (at_ != drivers_.size() && window_.wait_for_room(next_)) {
    Driver& driver = drivers_[at_];
    Result<bool> more =
        if_memory_lasts([&] { return advance(driver, task); },
                        [&] { return Result<bool>(std::unexpected(out_of_memory(driver.node->stage))); });
    if (more && !*more) {
      reader_.reset();
      chunk_ = 0;
      ++at_;
      continue;
    }
    task.driver = &driver;
    task.index = next_;
    ++next_.value;
    if (!more) {
      task.error = more.error();
      reader_.reset();
      at_ = drivers_.size();
    }
    return true;
  }
  return false;
}

}  // namespace streamrun
