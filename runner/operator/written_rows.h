// Rows that stand in a pipeline file, by batch: a queue's, and those that a test gives in place of a source's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "runner/operator/source.h"

namespace streamrun {

struct WrittenRows {
  enum class Form : std::uint8_t {
    mappings,  // of columns
    scalars,   // the values of the one column
    either,
  };

  std::string name;    // of the source: row 2 of batch 1 has the place `name[1]:2`
  Schema schema = {};  // with the hidden columns that rows may set; `_raw` is written as text
  Form form = Form::mappings;
  bool records = false;  // a row of `_raw` alone is a record for the source's decoder
  std::span<const RowNodes> batches = {};
  const RowNodes* default_rows = nullptr;  // of every batch behind the last: then they never end
  bool one_at_a_time = true;               // a batch of rows for each batch; else the first takes all of them
  std::uint32_t partitions = 1;            // n rows are cut into as many contiguous slices
};

// A source that gives them (its schema and hidden columns are the caller's). Nothing: diagnosed.
std::optional<BoundSource> bind_written_rows(const WrittenRows& rows, Diagnostics& diagnostics);

}  // namespace streamrun
