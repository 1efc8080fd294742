#include "runner/operator/spool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "runner/operator/file_descriptor.h"

namespace streamrun {
namespace {

void write_number(std::uint64_t value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Reads what was written by this process: it is trusted.
class Reader {
 public:
  explicit Reader(std::shared_ptr<const std::string> bytes) : bytes_(std::move(bytes)) {}
  std::uint64_t number() {
    std::uint64_t value;
    copy(&value, sizeof value);
    return value;
  }
  void copy(void* to, std::size_t n) {
    if (n != 0) std::memcpy(to, bytes_->data() + at_, n);
    at_ += n;
  }
  const char* take(std::size_t n) { return bytes_->data() + std::exchange(at_, at_ + n); }
  const std::shared_ptr<const std::string>& bytes() const { return bytes_; }

 private:
  std::shared_ptr<const std::string> bytes_;
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
        write_number(text.size(), out);
        out.append(text.data(), text.size());
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
        const auto size = static_cast<std::uint32_t>(in.number());
        column->values<StringRef>()[i] = StringRef(in.take(size), size);
      }
      column->keep(in.bytes());
    } else if constexpr (!std::is_void_v<T>) {
      in.copy(column->values<T>(), slots * sizeof(T));
    }
  });
  for (const Field& field : type.fields()) column->children.push_back(read_column(field.type, in));
  return column;
}

// What an origin said of some records, kept as a text: record i is row i of the chunk.
class KeptOrigin final : public Origin {
 public:
  KeptOrigin(const std::vector<Field>& hidden, Reader& in) : bytes_(in.bytes()) {
    const std::uint64_t rows = in.number();
    places_.reserve(rows);
    for (std::uint64_t i = 0; i < rows; ++i) {
      const std::uint64_t place = in.number();
      places_.emplace_back(in.take(place), place);
      const bool known = in.number() != 0;
      const bool there = in.number() != 0;
      const std::uint64_t size = in.number();
      const char* data = in.take(size);
      known_.push_back(known);
      raws_.push_back(there ? std::string_view(data, size) : std::string_view());
    }
    for (const Field& field : hidden) {
      hidden_.emplace_back(field.name, in.number() != 0 ? read_column(field.type, in) : nullptr);
    }
  }

  std::string place(std::uint32_t record) const override { return std::string(places_[record]); }
  const std::string_view* raw(std::uint32_t record) const override { return known_[record] ? &raws_[record] : nullptr; }
  ColumnPtr hidden(std::string_view name, std::uint32_t first, std::uint32_t count) const override {
    for (const auto& [own, column] : hidden_) {
      if (own != name || column == nullptr) continue;
      std::vector<std::uint32_t> rows(count);
      for (std::uint32_t i = 0; i < count; ++i) rows[i] = first + i;
      return gather(column, rows);
    }
    return nullptr;
  }

 private:
  std::shared_ptr<const std::string> bytes_;
  std::vector<std::string_view> places_;
  std::vector<std::string_view> raws_;
  std::vector<bool> known_;
  std::vector<std::pair<std::string, ColumnPtr>> hidden_;
};

void write_origin(const RecordBatch& batch, const std::vector<Field>& hidden, std::string& out) {
  write_number(batch.rows, out);
  for (std::uint32_t row = 0; row < batch.rows; ++row) {
    const std::uint32_t record = batch.origin_record(row);
    const std::string place = batch.origin->place(record);
    write_number(place.size(), out);
    out += place;
    const std::string_view* raw = batch.origin->raw(record);
    const bool there = raw != nullptr && raw->data() != nullptr;
    write_number(raw != nullptr ? 1 : 0, out);
    write_number(there ? 1 : 0, out);
    write_number(there ? raw->size() : 0, out);
    if (there) out += *raw;
  }
  for (const Field& field : hidden) {
    ColumnBuilder builder(field.type);
    bool known = true;
    for (std::uint32_t row = 0; row < batch.rows && known; ++row) {
      const ColumnPtr value = batch.origin->hidden(field.name, batch.origin_record(row), 1);
      known = value != nullptr && value->type() == field.type;
      if (known) builder.append(*value, 0);
    }
    write_number(known ? 1 : 0, out);
    if (known) write_column(*builder.finish(), out);
  }
}

Result<FileDescriptor> open_temporary() {
  const char* folder = std::getenv("TMPDIR");
  if (folder == nullptr || *folder == '\0') folder = "/tmp";
  std::string name = std::string(folder) + "/streamrun-XXXXXX";
  FileDescriptor made(::mkostemp(name.data(), O_CLOEXEC));
  if (!made) return system_failure("make a temporary file in", folder);
  ::unlink(name.c_str());
  return made;
}

struct Chunk {
  RecordBatch batch;  // dense; without columns and origin once it is on disk
  std::size_t bytes = 0;
  std::vector<std::optional<Type>> types;  // on disk: of the columns that are there
  bool has_origin = false;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  bool on_disk = false;
};

struct SpoolLocal final : BreakerLocal {
  std::vector<Chunk> chunks;
};
struct SpoolPartial final : BreakerPartial {
  std::vector<Chunk> chunks;
};

class SpoolRun final : public BreakerRun {
 public:
  SpoolRun(std::vector<Field> hidden, std::vector<bool> needed, std::size_t memory)
      : hidden_(std::move(hidden)), needed_(std::move(needed)), memory_(memory) {}

  std::unique_ptr<BreakerLocal> local() override { return std::make_unique<SpoolLocal>(); }

  // What outlives its morsel copies its strings; the origin stays until the chunk goes to disk.
  void add(BreakerLocal& local, RecordBatch&& batch, MorselIndex, KernelContext&) override {
    const std::uint32_t count = batch.selection.count();
    if (count == 0) return;
    std::vector<std::uint32_t> rows;
    rows.reserve(count);
    batch.selection.for_each([&](std::uint32_t row) { rows.push_back(row); });
    Chunk chunk;
    chunk.batch.rows = count;
    chunk.batch.selection = Selection::all(count);
    chunk.batch.partition = batch.partition;
    for (std::size_t i = 0; i < batch.columns.size(); ++i) {
      const ColumnPtr& column = batch.columns[i];
      if (column == nullptr || (i < needed_.size() && !needed_[i])) {
        chunk.batch.columns.push_back(nullptr);
        continue;
      }
      ColumnBuilder builder(column->type());
      builder.append(*column, rows);
      chunk.bytes += builder.bytes();
      chunk.batch.columns.push_back(builder.finish());
    }
    if (batch.origin) {
      std::vector<std::uint32_t> records;
      records.reserve(count);
      for (const std::uint32_t row : rows) {
        records.push_back(batch.origin_record(row));
        const std::string_view* raw = batch.origin->raw(records.back());
        chunk.bytes += sizeof(std::uint32_t) + (raw != nullptr ? raw->size() : 0);
      }
      chunk.batch.origin = std::move(batch.origin);
      chunk.batch.records = std::make_shared<const std::vector<std::uint32_t>>(std::move(records));
      chunk.has_origin = true;
    }
    static_cast<SpoolLocal&>(local).chunks.push_back(std::move(chunk));
  }

  std::unique_ptr<BreakerPartial> end_morsel(BreakerLocal& local) override {
    std::vector<Chunk>& mine = static_cast<SpoolLocal&>(local).chunks;
    if (mine.empty()) return nullptr;
    auto partial = std::make_unique<SpoolPartial>();
    partial->chunks = std::exchange(mine, {});
    return partial;
  }

  Result<> merge(std::unique_ptr<BreakerPartial> partial) override {
    for (Chunk& chunk : static_cast<SpoolPartial&>(*partial).chunks) {
      bytes_ += chunk.bytes;
      partitions_ = std::max(partitions_, chunk.batch.partition.value + 1);
      chunks_.push_back(std::move(chunk));
    }
    return bytes_ > memory_ ? to_disk() : Result<>{};
  }

  Result<> finish(std::vector<std::unique_ptr<BreakerLocal>>) override { return {}; }
  std::uint32_t partitions() const override { return partitions_; }
  std::uint32_t chunks() const override { return static_cast<std::uint32_t>(chunks_.size()); }

  Result<RecordBatch> chunk(std::uint32_t index, KernelContext&) override {
    Chunk& chunk = chunks_[index];
    if (!chunk.on_disk) return std::move(chunk.batch);
    const auto bytes = std::make_shared<std::string>(chunk.size, '\0');
    for (std::size_t at = 0; at < bytes->size();) {
      const ssize_t n =
          ::pread(file_.get(), bytes->data() + at, bytes->size() - at, static_cast<off_t>(chunk.offset + at));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return system_failure("read back", "a temporary file");
      at += static_cast<std::size_t>(n);
    }
    Reader reader(bytes);
    RecordBatch batch = std::move(chunk.batch);
    for (const std::optional<Type>& type : chunk.types) {
      batch.columns.push_back(type ? read_column(*type, reader) : nullptr);
    }
    if (chunk.has_origin) batch.origin = std::make_shared<KeptOrigin>(hidden_, reader);
    return batch;
  }

  std::size_t bytes() const override { return bytes_; }

 private:
  Result<> to_disk() {
    if (!file_) {
      Result<FileDescriptor> opened = open_temporary();
      if (!opened) return pass_on(opened);
      file_ = std::move(*opened);
    }
    std::string out;
    for (; in_memory_ < chunks_.size(); ++in_memory_) {
      Chunk& chunk = chunks_[in_memory_];
      out.clear();

      for (const ColumnPtr& column : chunk.batch.columns) {
        chunk.types.push_back(column ? std::optional(column->type()) : std::nullopt);
        if (column) write_column(*column, out);
      }
      if (chunk.has_origin) write_origin(chunk.batch, hidden_, out);
      if (Result<> written = write_all(file_.get(), out, "a temporary file"); !written) return written;
      chunk.offset = end_;
      chunk.size = out.size();
      chunk.on_disk = true;
      end_ += out.size();
      chunk.batch.columns.clear();
      chunk.batch.origin.reset();
      chunk.batch.records.reset();
      chunk.batch.first_record = 0;
    }
    bytes_ = 0;
    return {};
  }

  const std::vector<Field> hidden_;
  const std::vector<bool> needed_;
  const std::size_t memory_;
  std::vector<Chunk> chunks_;
  std::size_t in_memory_ = 0;  // chunks from here on are in memory
  std::size_t bytes_ = 0;
  std::uint32_t partitions_ = 0;
  FileDescriptor file_;
  std::uint64_t end_ = 0;
};

class Spool final : public Breaker {
 public:
  Spool(std::vector<Field> hidden, std::size_t memory) : hidden_(std::move(hidden)), memory_(memory) {}
  std::vector<bool> prune(const std::vector<bool>& output_needed) override {
    needed_ = output_needed;
    return output_needed;
  }
  std::unique_ptr<BreakerRun> start() const override { return std::make_unique<SpoolRun>(hidden_, needed_, memory_); }
  std::string describe() const override { return "spool"; }

 private:
  std::vector<Field> hidden_;
  std::vector<bool> needed_;
  std::size_t memory_;
};

}  // namespace

std::unique_ptr<Breaker> make_spool(std::vector<Field> hidden, std::size_t memory) {
  return std::make_unique<Spool>(std::move(hidden), memory);
}

}  // namespace streamrun
