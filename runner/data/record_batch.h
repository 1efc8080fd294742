// Rows in columns, and where they came from.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/strong_id.h"
#include "runner/data/column.h"
#include "runner/data/selection.h"

namespace streamrun {

// Where the records of a morsel came from. Const and shared by threads.
class Origin {
 public:
  virtual ~Origin() = default;
  // `in.jsonl:2`, `orders[3]@1042`, `q[1]:2`.
  virtual std::string place(std::uint32_t record) const = 0;
  // The record as it came; nothing where there is none (made-up rows, tombstones).
  virtual const std::string_view* raw(std::uint32_t record) const = 0;
  // The source's hidden column (`_file`, `_line`…; not `_raw`; `_batch` where it is not the batch's time) for
  // records [first, first + count); nullptr where this source has no such column.
  virtual ColumnPtr hidden(std::string_view name, std::uint32_t first, std::uint32_t count) const = 0;
};

// Immutable once it is handed on. `columns` follow the schema of the edge the batch is on (visible, then
// hidden); one that nobody reads is null.
struct RecordBatch {
  std::uint32_t rows = 0;  // the columns' length; the selection says which of them count
  Selection selection;
  std::vector<ColumnPtr> columns;
  PartitionIndex partition;

  // Row i came from record origin_record(i); no origin behind a step that made rows of several.
  std::shared_ptr<const Origin> origin;
  std::uint32_t first_record = 0;  // where `records` is empty: row i is record first_record + i
  std::shared_ptr<const std::vector<std::uint32_t>> records;

  std::uint32_t origin_record(std::uint32_t row) const { return records ? (*records)[row] : first_record + row; }
};

}  // namespace streamrun
