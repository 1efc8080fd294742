// Where lines came from: place `in.jsonl:2`, hidden columns `_file` and `_line`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "runner/data/raw_records.h"
#include "runner/data/record_batch.h"

namespace streamrun {

class LineOrigin final : public Origin {
 public:
  // `first_line`: of the first record, from 1. Keeps the records' bytes.
  LineOrigin(std::shared_ptr<const std::string> file, std::uint64_t first_line, RawRecords records)
      : file_(std::move(file)), first_line_(first_line), records_(std::move(records)) {}

  std::string place(std::uint32_t record) const override { return *file_ + ":" + std::to_string(first_line_ + record); }
  const std::string_view* raw(std::uint32_t record) const override { return &records_.records[record]; }
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
        column->values<std::int64_t>()[i] = static_cast<std::int64_t>(first_line_ + first + i);
      }
      return column;
    }
    return nullptr;
  }

 private:
  std::shared_ptr<const std::string> file_;
  std::uint64_t first_line_;
  RawRecords records_;
};

}  // namespace streamrun
