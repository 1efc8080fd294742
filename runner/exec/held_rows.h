// Staged rows of an output that is reached out of partition order, kept until the pass has ended.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "runner/base/result.h"
#include "runner/base/strong_id.h"
#include "runner/operator/byte_spool.h"
#include "runner/operator/sink.h"

namespace streamrun {

// One thread at a time.
class HeldRows {
 public:
  Result<> add(PartitionIndex partition, StagedRows&& rows);
  // Everything, partition after partition, as it came; empty afterwards.
  Result<> release(const std::function<Result<>(StagedRows&&)>& take);

 private:
  struct Piece {
    std::string route;
    std::size_t size = 0;
    std::uint64_t rows = 0;
  };
  struct Partition {
    ByteSpool bytes{std::size_t{4} << 20};
    std::vector<Piece> pieces;
  };

  std::map<PartitionIndex, Partition> partitions_;
};

}  // namespace streamrun
