// Sources over a log of what was read: they keep what they read there, and give what stands there.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runner/exec/read_log.h"
#include "runner/operator/source.h"

namespace streamrun {

// What cannot be read again, with `receiver_log`. A cursor is the time of the batch that took what stands before it.
class ReceivedSource final : public Source {
 public:
  ReceivedSource(std::unique_ptr<Source> inner, std::string name) : inner_(std::move(inner)), name_(std::move(name)) {}

  // Before start(). `again_only`: what stands there is read, and nothing else.
  void keep_in(ReadLog& log, bool again_only) {
    log_ = &log;
    again_only_ = again_only;
  }
  void want_hidden(const std::vector<std::string>& names) override { inner_->want_hidden(names); }
  void on_end(const std::function<void()>& tell) override { inner_->on_end(tell); }
  Result<std::string> start(const std::optional<std::string>& resume) override;
  Result<SourceRange> plan(const std::string& from, const BatchLimits& limits, BatchTime batch) override;
  Result<std::unique_ptr<RangeReader>> read(const SourceRange& range) override;
  void committed(const std::string& cursor, BatchTime batch) override;
  Result<> close() override { return again_only_ ? Result<>() : inner_->close(); }
  void interrupt() override { inner_->interrupt(); }
  bool ended() const override { return inner_->ended(); }

 private:
  const std::string& place(const std::string& cursor) const;

  const std::unique_ptr<Source> inner_;
  const std::string name_;
  ReadLog* log_ = nullptr;
  bool again_only_ = false;
  std::string begin_;  // of the input
  // By cursor, what the input has before it that was planned since the start.
  std::map<std::string, SourceRange, std::less<>> planned_;
};

// A table: what `inner` gives at `batch`, which is kept.
class KeptTable final : public Source {
 public:
  KeptTable(Source& inner, std::string name, BatchTime batch, ReadLog& log)
      : inner_(inner), name_(std::move(name)), batch_(batch), log_(log) {}

  Result<std::string> start(const std::optional<std::string>& resume) override { return inner_.start(resume); }
  Result<SourceRange> plan(const std::string& from, const BatchLimits& limits, BatchTime batch) override {
    return inner_.plan(from, limits, batch);
  }
  Result<std::unique_ptr<RangeReader>> read(const SourceRange& range) override;

 private:
  Source& inner_;
  const std::string name_;
  const BatchTime batch_;
  ReadLog& log_;
  const std::shared_ptr<std::int64_t> parts_ = std::make_shared<std::int64_t>(0);
};

// A table as it was kept.
class LoggedTable final : public Source {
 public:
  LoggedTable(std::string name, BatchTime batch, ReadLog& log) : name_(std::move(name)), batch_(batch), log_(log) {}

  Result<std::string> start(const std::optional<std::string>&) override { return std::string("0"); }
  Result<SourceRange> plan(const std::string&, const BatchLimits&, BatchTime) override {
    return SourceRange{"0", "1", false, true};
  }
  Result<std::unique_ptr<RangeReader>> read(const SourceRange& range) override;

 private:
  const std::string name_;
  const BatchTime batch_;
  ReadLog& log_;
};

}  // namespace streamrun
