// A source as the engine drives it, in a folder of its own.
#pragma once

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "operators/builtin_catalog.h"
#include "runner/base/clock.h"
#include "runner/data/codec.h"
#include "tests/operators/option_nodes.h"

namespace streamrun {

struct Record {
  std::string text;
  std::string place;
  std::uint32_t partition = 0;
  friend bool operator==(const Record&, const Record&) = default;
};

class Input {
 public:
  Input(const SourceDescriptor& descriptor, const SyntaxNode& options, Environment environment,
        std::uint32_t partitions = 1, const RecordFraming& framing = {}) {
    environment.clock = &clock_;
    DecodeContext decode{diagnostics};
    const OptionsPtr decoded = descriptor.decode(options, "this source", decode);
    REQUIRE(decoded);
    SourceBindContext context{"q", "p", nullptr, partitions, framing, Duration(1000), nullptr, {}, diagnostics, {}};
    bound = descriptor.bind(decoded.get(), context);
    REQUIRE(bound);
    source = bound->open(environment);
  }

  std::vector<Record> read(const SourceRange& range) const {
    auto reader = source->read(range);
    REQUIRE(reader);
    std::vector<Record> records;
    for (;;) {
      Morsel morsel;
      const auto more = (*reader)->next(morsel);
      if (!more) FAIL(more.error().message);
      if (!*more) return records;
      if (morsel.rows) {
        morsel.rows->selection.for_each([&](std::uint32_t row) {
          std::string text;
          append_json(*morsel.rows->columns[0], row, text);
          records.push_back({text, morsel.origin->place(morsel.rows->origin_record(row)), morsel.partition.value});
        });
      }
      for (std::uint32_t i = 0; i < morsel.raw.size(); ++i) {
        records.push_back({std::string(morsel.raw.records[i]), morsel.origin->place(i), morsel.partition.value});
        if (*morsel.origin->raw(i) != morsel.raw.records[i]) FAIL("raw is another record");
      }
      for (const RowError& fault : morsel.faults) {
        faults.push_back(morsel.origin->place(fault.row) + ": " + fault.message);
      }
    }
  }

  // What is planned and not run moves nothing.
  void plan_again(const std::string& at, const BatchLimits& limits, BatchTime batch, const SourceRange& range) const {
    const auto again = source->plan(at, limits, batch);
    if (!again) FAIL(again.error().message);
    CHECK(again->until == range.until);
    CHECK(again->empty == range.empty);
    CHECK(again->exhausted == range.exhausted);
  }

  // Every batch to the end of the input; each is planned twice, and read twice where the source can.
  std::vector<std::vector<Record>> batches(const BatchLimits& limits) {
    std::vector<std::vector<Record>> all;
    auto cursor = source->start({});
    if (!cursor) FAIL(cursor.error().message);
    std::string at = *cursor;
    for (std::int64_t batch = 1; batch < 1000; ++batch) {
      auto range = source->plan(at, limits, BatchTime(batch * 1000));
      if (!range) FAIL(range.error().message);
      plan_again(at, limits, BatchTime(batch * 1000), *range);
      auto records = read(*range);
      if (range->empty) CHECK(records.empty());
      if (bound->can_read_again) {
        const auto again = read(*range);
        REQUIRE(again.size() == records.size());
        CHECK(again == records);
      }
      if (limits.records) CHECK(records.size() <= *limits.records);
      if (!records.empty()) all.push_back(std::move(records));
      if (range->exhausted) return all;
      at = range->until;
    }
    FAIL("the source does not end");
    return all;
  }

  Diagnostics diagnostics;
  mutable std::vector<std::string> faults;  // of the records that were read
  SimulatedClock clock_{BatchTime(0)};
  std::optional<BoundSource> bound;
  std::unique_ptr<Source> source;
};

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "source-test-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  void write(const std::string& name, std::string_view text) const {
    std::ofstream(path_ + "/" + name, std::ios::binary) << text;
  }
  void append(const std::string& name, std::string_view text) const {
    std::ofstream(path_ + "/" + name, std::ios::binary | std::ios::app) << text;
  }
  Environment environment() const {
    Environment made;
    made.working_folder = path_;
    return made;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::vector<std::string> texts(const std::vector<std::vector<Record>>& batches) {
  std::vector<std::string> all;
  for (const auto& batch : batches) {
    for (const Record& record : batch) all.push_back(record.text);
  }
  return all;
}

// A source in a folder of its own, batch by batch: what it says is kept.
class BatchedSource {
 public:
  BatchedSource(SourceDescriptor descriptor, std::vector<std::pair<std::string, SyntaxNode>> options)
      : descriptor_(std::move(descriptor)), options_(std::move(options)) {}

  void start() {
    open();
    const auto at = input_->source->start({});
    REQUIRE(at);
    at_ = *at;
  }
  // Another process: all that it has is the cursor.
  void restart() {
    open();
    REQUIRE(input_->source->start({}));
  }

  Result<SourceRange> plan(const BatchLimits& limits = {}) { return input_->source->plan(at_, limits, BatchTime(1)); }
  std::vector<Record> records(const BatchLimits& limits = {}) {
    const auto range = plan(limits);
    if (!range) FAIL(range.error().message);
    CHECK(!range->exhausted);
    input_->plan_again(at_, limits, BatchTime(1), *range);
    auto records = input_->read(*range);
    CHECK(range->empty == records.empty());
    CHECK(input_->read(*range) == records);
    at_ = range->until;
    input_->source->committed(at_, BatchTime(1));
    return records;
  }
  std::vector<std::string> lines(const BatchLimits& limits = {}) { return texts({records(limits)}); }

  // What was said since the last call.
  std::string said() {
    std::string all;
    for (const std::string& one : std::exchange(said_, {})) all += one + "\n";
    return all;
  }
  bool says(const std::string& text) { return said().find(text) != std::string::npos; }

  const Folder folder;
  std::unique_ptr<Input>& input() { return input_; }
  const std::string& at() const { return at_; }

 private:
  void open() {
    Environment environment = folder.environment();
    environment.log = [this](LogLevel level, const std::string& message) {
      CHECK(level == LogLevel::warning);
      said_.push_back(message);
    };
    input_ = std::make_unique<Input>(descriptor_, mapping(options_), environment);
  }

  const SourceDescriptor descriptor_;
  const std::vector<std::pair<std::string, SyntaxNode>> options_;
  std::string at_;
  std::unique_ptr<Input> input_;
  std::vector<std::string> said_;
};

inline std::string numbered_lines(int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += "line " + std::to_string(i) + "\n";
  return all;
}

}  // namespace streamrun
