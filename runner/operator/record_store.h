// Records of an input that was read to its end, kept in a spool until they are decoded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "runner/base/result.h"
#include "runner/data/raw_records.h"
#include "runner/data/stream_context.h"
#include "runner/operator/byte_spool.h"
#include "runner/operator/line_origin.h"
#include "runner/operator/record_reader.h"

namespace streamrun {

// Filled by one thread, then read by any.
class RecordStore {
 public:
  explicit RecordStore(std::shared_ptr<SpoolPool> pool) : spool_(std::move(pool)) {}

  // A morsel as its reader gave it, but for its records.
  struct Morsel {
    std::uint64_t offset = 0;  // in the spool
    std::size_t size = 0;
    std::uint32_t records = 0;
    std::uint64_t first_line = 1;
    bool at_start = false;
    StreamContext context;
    std::vector<RowError> faults;
    std::vector<LineShift> shifts;
  };

  // All that is left in `reader`.
  Result<> fill(RecordReader& reader);
  const std::vector<Morsel>& morsels() const { return morsels_; }
  Result<RawRecords> read(const Morsel& morsel) const;

 private:
  Result<> keep(const RawRecords& raw, Morsel morsel);

  ByteSpool spool_;
  std::vector<Morsel> morsels_;
};

}  // namespace streamrun
