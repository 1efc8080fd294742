// Staged rows of an output that is reached out of partition order, kept until the pass has ended.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
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
  explicit HeldRows(std::shared_ptr<SpoolPool> spools) : spools_(std::move(spools)) {}

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
    explicit Partition(const std::shared_ptr<SpoolPool>& spools) : bytes(spools) {}
    ByteSpool bytes;
    std::vector<Piece> pieces;
  };

  std::shared_ptr<SpoolPool> spools_;
  std::map<PartitionIndex, Partition> partitions_;
};

}  // namespace streamrun
