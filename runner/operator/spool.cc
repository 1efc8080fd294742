#include "runner/operator/spool.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runner/operator/byte_spool.h"

namespace streamrun {
namespace {

void write_number(std::uint64_t value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void write_text(std::string_view text, std::string& out) {
  write_number(text.size(), out);
  out += text;
}

// Reads what was written by this process: it is trusted.
class Reader {
 public:
  explicit Reader(SpooledBytes bytes) : bytes_(std::move(bytes)) {}
  std::uint64_t number() {
    std::uint64_t value;
    copy(&value, sizeof value);
    return value;
  }
  void copy(void* to, std::size_t n) {
    if (n != 0) std::memcpy(to, bytes_.bytes.data() + at_, n);
    at_ += n;
  }
  std::string_view take(std::size_t n) { return bytes_.bytes.substr(std::exchange(at_, at_ + n), n); }
  const std::shared_ptr<const std::string>& keep() const { return bytes_.keep; }

 private:
  SpooledBytes bytes_;
  std::size_t at_ = 0;
};

void write_column(const Column& column, std::string& out) {
  write_number(column.rows(), out);
  write_number(column.constant() ? 1 : 0, out);
  const auto words = column.validity.words();
  write_number(words.size(), out);
  out.append(reinterpret_cast<const char*>(words.data()), words.size_bytes());
  with_storage(column.type().kind(), [&]<class T>() {
    if constexpr (std::is_same_v<T, StringRef>) {
      for (std::uint32_t i = 0; i < column.slots(); ++i) {
        const StringRef text = column.validity.test(i) ? column.values<StringRef>()[i] : StringRef();
        write_text(text.view(), out);
      }
    } else if constexpr (!std::is_void_v<T>) {
      out.append(reinterpret_cast<const char*>(column.values<T>()), column.slots() * sizeof(T));
    }
  });
  for (const ColumnPtr& child : column.children) write_column(*child, out);
}

MutableColumn read_column(const Type& type, Reader& in) {
  const auto rows = static_cast<std::uint32_t>(in.number());
  const bool constant = in.number() != 0;
  const MutableColumn column = constant ? Column::make_constant(type, rows) : Column::make(type, rows);
  const std::uint32_t slots = column->slots();
  const std::uint64_t words = in.number();
  for (std::uint64_t w = 0; w < words; ++w) {
    const std::uint64_t bits = in.number();
    for (std::uint32_t b = 0; b < 64; ++b) {
      const std::uint64_t slot = w * 64 + b;
      if (slot < slots && ((bits >> b) & 1U) == 0) column->set_null(static_cast<std::uint32_t>(slot));
    }
  }
  with_storage(type.kind(), [&]<class T>() {
    if constexpr (std::is_same_v<T, StringRef>) {
      for (std::uint32_t i = 0; i < slots; ++i) {
        column->values<StringRef>()[i] = StringRef(in.take(in.number()));
      }
      column->keep(in.keep());
    } else if constexpr (!std::is_void_v<T>) {
      in.copy(column->values<T>(), slots * sizeof(T));
    }
  });
  for (const Field& field : type.fields()) column->children.push_back(read_column(field.type, in));
  return column;
}

struct Chunk {
  PartitionIndex partition;
  std::uint32_t rows = 0;
  std::uint64_t offset = 0;
  std::size_t size = 0;
};

// The selected rows alone. A gather of lists would bring all elements of the others along.
ColumnPtr selected(const ColumnPtr& column, const Selection& selection, const std::vector<std::uint32_t>& rows) {
  if (column->type().is_nested()) {
    ColumnBuilder builder(column->type());
    builder.append(*column, rows);
    return builder.finish();
  }
  return selection.dense() ? column : gather(column, rows);
}

using WrittenChunks = std::vector<std::pair<Chunk, std::string>>;

struct SpoolLocal final : BreakerLocal {
  WrittenChunks chunks;
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
  SpoolRun(const Schema& schema, std::shared_ptr<SpoolPool> pool) : schema_(schema), spool_(std::move(pool)) {}

  std::unique_ptr<BreakerLocal> local() override { return std::make_unique<SpoolLocal>(); }

  // What outlives its morsel copies its strings: rows are written out at once.
  void add(BreakerLocal& local, RecordBatch&& batch, MorselIndex, KernelContext&) override {
    if (batch.selection.empty()) return;
    std::vector<std::uint32_t> rows;
    rows.reserve(batch.selection.count());
    batch.selection.for_each([&](std::uint32_t row) { rows.push_back(row); });
    auto& [chunk, bytes] = static_cast<SpoolLocal&>(local).chunks.emplace_back();
    chunk.partition = batch.partition;
    chunk.rows = batch.selection.count();
    for (const ColumnPtr& column : batch.columns) {
      write_number(column != nullptr ? 1 : 0, bytes);
      if (column == nullptr) continue;
      write_column(*selected(column, batch.selection, rows), bytes);
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

  Result<> finish(std::vector<std::unique_ptr<BreakerLocal>>) override { return {}; }
  std::uint32_t partitions() const override { return partitions_; }
  std::uint32_t chunks() const override { return static_cast<std::uint32_t>(chunks_.size()); }

  Result<RecordBatch> chunk(std::uint32_t index, KernelContext&) override {
    const Chunk& chunk = chunks_[index];
    auto bytes = spool_.read_at(chunk.offset, chunk.size);
    if (!bytes) return pass_on(bytes);
    Reader reader(std::move(*bytes));
    RecordBatch batch;
    batch.rows = chunk.rows;
    batch.selection = Selection::all(chunk.rows);
    batch.partition = chunk.partition;
    for (std::uint32_t i = 0; i < schema_.size(); ++i) {
      batch.columns.push_back(reader.number() != 0 ? read_column(schema_.at(i).type, reader) : nullptr);
    }
    return batch;
  }

 private:
  const Schema& schema_;
  ByteSpool spool_;
  std::vector<Chunk> chunks_;
  std::uint32_t partitions_ = 0;
};

class Spool final : public Breaker {
 public:
  explicit Spool(Schema schema) : schema_(std::move(schema)) {}
  std::vector<bool> prune(const std::vector<bool>& output_needed) override { return output_needed; }
  std::unique_ptr<BreakerRun> start(const BreakerResources& resources) const override {
    return std::make_unique<SpoolRun>(schema_, resources.spools);
  }
  std::string describe() const override { return "spool"; }

 private:
  Schema schema_;
};

}  // namespace

std::unique_ptr<Breaker> make_spool(Schema schema) {
  return std::make_unique<Spool>(std::move(schema));
}

}  // namespace streamrun
