#include "runner/exec/logged_reads.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

#include "runner/exec/morsel_bytes.h"

namespace streamrun {
namespace {

// Each morsel is durable before anybody sees it.
class KeepingReader final : public RangeReader {
 public:
  KeepingReader(std::unique_ptr<RangeReader> inner, const std::string& source, BatchTime batch, ReadLog& log,
                std::shared_ptr<std::int64_t> parts)
      : inner_(std::move(inner)), source_(source), batch_(batch), log_(log), parts_(std::move(parts)) {}

  Result<bool> next(Morsel& morsel) override {
    auto more = inner_->next(morsel);
    if (!more || !*more) return more;
    if (auto kept = log_.add(source_, batch_, (*parts_)++, morsel_to_bytes(morsel)); !kept) return pass_on(kept);
    return true;
  }

 private:
  const std::unique_ptr<RangeReader> inner_;
  const std::string& source_;
  const BatchTime batch_;
  ReadLog& log_;
  const std::shared_ptr<std::int64_t> parts_;  // before the next, of all ranges of the read
};

class LoggedReader final : public RangeReader {
 public:
  LoggedReader(const std::string& source, BatchTime batch, ReadLog& log) : source_(source), batch_(batch), log_(log) {}

  Result<bool> next(Morsel& morsel) override {
    auto bytes = log_.part(source_, batch_, next_++);
    if (!bytes) return pass_on(bytes);
    if (!*bytes) return false;
    if (auto read = morsel_from_bytes(std::move(**bytes), morsel); !read) return pass_on(read);
    return true;
  }

 private:
  const std::string& source_;
  const BatchTime batch_;
  ReadLog& log_;
  std::int64_t next_ = 0;
};

Result<BatchTime> to_batch(const std::string& cursor) {
  std::int64_t time = 0;
  const auto [behind, code] = std::from_chars(cursor.data(), cursor.data() + cursor.size(), time);
  if (code != std::errc() || behind != cursor.data() + cursor.size()) {
    return failure(fmt::format("'{}' is no place in a receiver_log", cursor));
  }
  return BatchTime(time);
}

}  // namespace

Result<std::string> ReceivedSource::start(const std::optional<std::string>& resume) {
  std::string cursor = resume.value_or("0");
  if (auto good = to_batch(cursor); !good) return pass_on(good);
  if (again_only_) return cursor;
  auto begun = inner_->start({});
  if (!begun) return begun;
  begin_ = std::move(*begun);
  return cursor;
}

const std::string& ReceivedSource::place(const std::string& cursor) const {
  const auto known = planned_.find(cursor);
  return known == planned_.end() ? begin_ : known->second.until;
}

Result<SourceRange> ReceivedSource::plan(const std::string& from, const BatchLimits& limits, BatchTime batch) {
  const std::string before = place(from);
  auto range = inner_->plan(before, limits, batch);
  if (!range) return range;
  SourceRange outer = *range;
  outer.from = outer.until = from;
  if (range->empty && (range->until.empty() || range->until == before)) return outer;
  outer.until = std::to_string(batch.value);
  planned_[outer.until] = std::move(*range);
  return outer;
}

Result<std::unique_ptr<RangeReader>> ReceivedSource::read(const SourceRange& range) {
  const auto batch = to_batch(range.until);
  if (!batch) return pass_on(batch);
  const auto planned = planned_.find(range.until);
  if (planned == planned_.end()) return std::make_unique<LoggedReader>(name_, *batch, *log_);
  auto reader = inner_->read(planned->second);
  if (!reader) return reader;
  return std::make_unique<KeepingReader>(std::move(*reader), name_, *batch, *log_, std::make_shared<std::int64_t>(0));
}

void ReceivedSource::committed(const std::string& cursor, BatchTime batch) {
  const auto known = planned_.find(cursor);
  if (known == planned_.end()) return;
  inner_->committed(known->second.until, batch);
  const auto behind = to_batch(cursor);
  std::erase_if(planned_, [&](const auto& one) { return to_batch(one.first)->value < behind->value; });
}

Result<std::unique_ptr<RangeReader>> KeptTable::read(const SourceRange& range) {
  auto reader = inner_.read(range);
  if (!reader) return reader;
  return std::make_unique<KeepingReader>(std::move(*reader), name_, batch_, log_, parts_);
}

Result<std::unique_ptr<RangeReader>> LoggedTable::read(const SourceRange&) {
  return std::make_unique<LoggedReader>(name_, batch_, log_);
}

}  // namespace streamrun
