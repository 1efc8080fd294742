#include "runner/operator/spool.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runner/operator/byte_spool.h"
#include "runner/operator/group_table.h"
#include "runner/operator/projection.h"
#include "runner/operator/spooled_rows.h"

namespace streamrun {
namespace {

struct Chunk {
  PartitionIndex partition;
  std::uint32_t rows = 0;
  std::uint64_t offset = 0;
  std::size_t size = 0;
};

using WrittenChunks = std::vector<std::pair<Chunk, std::string>>;

struct SpoolLocal final : BreakerLocal {
  WrittenChunks chunks;
  GroupTable::Scratch scratch;
  std::vector<std::uint64_t> hashes;
};
struct SpoolPartial final : BreakerPartial {
  std::size_t bytes() const override {
    std::size_t total = 0;
    for (const auto& [chunk, bytes] : chunks) total += bytes.capacity();
    return total;
  }
  WrittenChunks chunks;
};

class SpoolRun final : public BreakerRun {
 public:
  // `distribution`: null: rows stay in their partitions.
  SpoolRun(const Schema& schema, const Distribution* distribution, std::shared_ptr<SpoolPool> pool)
      : schema_(schema), distribution_(distribution), spool_(std::move(pool)) {
    if (distribution_ == nullptr) return;
    std::vector<Type> types;
    for (const Expression& key : distribution_->keys) types.push_back(key.type());
    hashing_.emplace(std::move(types));
  }

  std::unique_ptr<BreakerLocal> local() override { return std::make_unique<SpoolLocal>(); }

  // What outlives its morsel copies its strings: rows are written out at once.
  void add(BreakerLocal& base, RecordBatch&& batch, MorselIndex, KernelContext& context) override {
    auto& local = static_cast<SpoolLocal&>(base);
    if (distribution_ == nullptr) return write(local, batch, batch.selection, batch.partition);
    const std::vector<std::vector<std::uint32_t>> rows = distribute(local, batch, context);
    for (std::uint32_t partition = 0; partition < rows.size(); ++partition) {
      write(local, batch, Selection::of(rows[partition]), PartitionIndex{partition});
    }
  }

  std::unique_ptr<BreakerPartial> end_morsel(BreakerLocal& local) override {
    WrittenChunks& mine = static_cast<SpoolLocal&>(local).chunks;
    if (mine.empty()) return nullptr;
    auto partial = std::make_unique<SpoolPartial>();
    partial->chunks = std::exchange(mine, {});
    return partial;
  }

  Result<> merge(std::unique_ptr<BreakerPartial> partial) override {
    for (auto& [chunk, bytes] : static_cast<SpoolPartial&>(*partial).chunks) {
      chunk.offset = spool_.size();
      chunk.size = bytes.size();
      if (auto added = spool_.append(std::move(bytes)); !added) return added;
      partitions_ = std::max(partitions_, chunk.partition.value + 1);
      chunks_.push_back(std::move(chunk));
    }
    return {};
  }

  Result<> finish(std::vector<std::unique_ptr<BreakerLocal>>) override {
    if (distribution_ != nullptr)
      std::ranges::stable_sort(chunks_, {}, [](const Chunk& c) { return c.partition.value; });
    return {};
  }
  std::uint32_t partitions() const override {
    return distribution_ != nullptr ? distribution_->partitions : partitions_;
  }
  std::uint32_t chunks() const override { return static_cast<std::uint32_t>(chunks_.size()); }

  Result<RecordBatch> chunk(std::uint32_t index, KernelContext&) override {
    const Chunk& chunk = chunks_[index];
    auto bytes = spool_.read_at(chunk.offset, chunk.size);
    if (!bytes) return pass_on(bytes);
    RecordBatch batch;
    batch.rows = chunk.rows;
    batch.selection = Selection::all(chunk.rows);
    batch.partition = chunk.partition;
    batch.columns = read_rows(schema_, std::move(*bytes));
    return batch;
  }

 private:
  static void write(SpoolLocal& local, const RecordBatch& batch, const Selection& selection, PartitionIndex partition) {
    if (selection.empty()) return;
    auto& [chunk, bytes] = local.chunks.emplace_back();
    chunk.partition = partition;
    chunk.rows = selection.count();
    write_rows(batch.columns, selection, bytes);
  }

  // The rows of each partition: by the keys' hashes, or in turn.
  std::vector<std::vector<std::uint32_t>> distribute(SpoolLocal& local, RecordBatch& batch,
                                                     KernelContext& context) const {
    std::vector<std::vector<std::uint32_t>> rows(distribution_->partitions);
    if (distribution_->keys.empty()) {
      batch.selection.for_each(
          [&](std::uint32_t row) { rows[(context.eval.seed_row + row) % rows.size()].push_back(row); });
      return rows;
    }
    std::vector<ColumnPtr> keys;
    for (const Expression& key : distribution_->keys) {
      keys.push_back(evaluate(key, {batch.columns, batch.rows}, batch.selection, context.eval));
    }
    reject_failed(batch, context);
    hashing_->hash(keys, batch.selection, local.hashes, local.scratch);
    for (std::uint32_t i = 0; i < batch.selection.count(); ++i) {
      rows[partition_of(local.hashes[i], distribution_->partitions)].push_back(batch.selection[i]);
    }
    return rows;
  }

  const Schema& schema_;
  const Distribution* distribution_;
  std::optional<GroupTable> hashing_;
  ByteSpool spool_;
  std::vector<Chunk> chunks_;
  std::uint32_t partitions_ = 0;
};

class Spool final : public Breaker {
 public:
  Spool(Schema schema, std::optional<Distribution> distribution)
      : schema_(std::move(schema)), distribution_(std::move(distribution)) {}
  std::unique_ptr<BreakerRun> start(const BreakerResources& resources) const override {
    return std::make_unique<SpoolRun>(schema_, distribution_ ? &*distribution_ : nullptr, resources.spools);
  }
  std::string describe() const override {
    return distribution_ ? fmt::format("exchange into {} partitions", distribution_->partitions) : "spool";
  }

 private:
  Schema schema_;
  std::optional<Distribution> distribution_;
};

}  // namespace

std::unique_ptr<const Breaker> make_spool(Schema schema) {
  return std::make_unique<Spool>(std::move(schema), std::nullopt);
}

StepFactory make_exchange(Schema schema, Distribution distribution) {
  const auto make = [schema = std::move(schema), distribution = std::move(distribution)](std::vector<bool> needed) {
    for (const Expression& key : distribution.keys) need_columns(key, needed);
    return MadeStep::of(std::make_unique<Spool>(schema, distribution), std::move(needed));
  };
  return {.make = make, .keeps_origins = false};
}

}  // namespace streamrun
