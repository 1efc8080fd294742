// Where lines came from: place `in.jsonl:2`, hidden columns `_file` and `_line`.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runner/data/raw_records.h"
#include "runner/data/record_batch.h"

namespace streamrun {

// A record of several lines: those behind it stand so many lines further down than their numbers say, in all.
struct LineShift {
  std::uint32_t record = 0;
  std::uint64_t lines = 0;
};

class LineOrigin final : public Origin {
 public:
  // `first_line`: of the first record, from 1; `shifts`: ascending. Keeps the records' bytes.
  LineOrigin(std::shared_ptr<const std::string> file, std::uint64_t first_line, RawRecords records,
             std::vector<LineShift> shifts)
      : file_(std::move(file)), first_line_(first_line), records_(std::move(records)), shifts_(std::move(shifts)) {}

  std::string place(std::uint32_t record) const override { return *file_ + ":" + std::to_string(line_of(record)); }
  const std::string_view* raw(std::uint32_t record) const override { return &records_.records[record]; }
  const std::string& file() const { return *file_; }
  std::uint64_t first_line() const { return first_line_; }
  const std::vector<LineShift>& shifts() const { return shifts_; }
  ColumnPtr hidden(std::string_view name, std::uint32_t first, std::uint32_t count) const override {
    if (name == "_file") {
      const MutableColumn column = Column::make_constant(TypeKind::string, count);
      column->values<StringRef>()[0] = StringRef(*file_);
      column->keep(file_);
      return column;
    }
    if (name == "_line") {
      const MutableColumn column = Column::make(TypeKind::int64, count);
      for (std::uint32_t i = 0; i < count; ++i) {
        column->values<std::int64_t>()[i] = static_cast<std::int64_t>(line_of(first + i));
      }
      return column;
    }
    return nullptr;
  }

 private:
  // A record's place is its first line.
  std::uint64_t line_of(std::uint32_t record) const {
    const auto behind = std::ranges::lower_bound(shifts_, record, {}, &LineShift::record);
    return first_line_ + record + (behind == shifts_.begin() ? 0 : std::prev(behind)->lines);
  }

  std::shared_ptr<const std::string> file_;
  std::uint64_t first_line_;
  RawRecords records_;
  std::vector<LineShift> shifts_;
};

}  // namespace streamrun
