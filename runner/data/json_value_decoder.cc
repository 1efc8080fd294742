// Records of JSON as variants, each a value of any shape. Blocks of them are indexed at once (json_index.h).
#include <algorithm>
#include <cstring>
#include <span>
#include <string>

#include "runner/data/codec.h"
#include "runner/data/json_cursor.h"
#include "runner/data/json_index.h"
#include "runner/data/json_variant.h"
#include "runner/data/record_framing.h"
#include "runner/data/text_scan.h"

namespace streamrun {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{64} << 10;

struct ValueScratch final : DecodeScratch {
  JsonIndex index;
  JsonContext context;
  std::string json;
};

// One call of decode.
class ValueRun {
 public:
  // `values`: null where nobody reads them.
  ValueRun(ValueScratch& scratch, Column* column, StringArena& arena, RowErrors& errors,
           std::vector<std::uint32_t>& skipped)
      : scratch_(scratch), column_(column), arena_(arena), errors_(errors), skipped_(skipped) {}

  // Records [row, row + texts.size()), one behind the other in memory.
  void block(std::uint32_t row, std::span<const std::string_view> texts) {
    const char* const base = texts.front().data();
    const auto size = static_cast<std::size_t>(texts.back().data() + texts.back().size() - base);
    if (const char* reason = scratch_.index.build(base, size)) {
      if (texts.size() == 1) return reject(row, reason);
      for (std::uint32_t i = 0; i < texts.size(); ++i) block(row + i, texts.subspan(i, 1));
      return;
    }
    cursor_.base = base;
    cursor_.at = scratch_.index.positions();
    cursor_.stop = cursor_.at + scratch_.index.count();
    cursor_.plain = std::memchr(base, '\\', size) == nullptr;
    for (const std::string_view text : texts) {
      cursor_.end = static_cast<std::uint32_t>(text.data() + text.size() - base);
      record(row++);
    }
  }

  void set_null(std::uint32_t row) {
    if (column_ == nullptr) return;
    column_->set_null(row);
    column_->values<StringRef>()[row] = StringRef();
  }

 private:
  void reject(std::uint32_t row, std::string_view reason) {
    errors_.add(row, "not a JSON value: " + std::string(reason));
    set_null(row);
  }

  void record(std::uint32_t row) {
    if (cursor_.done()) {
      skipped_.push_back(row);
      return set_null(row);
    }
    scratch_.json.clear();
    scratch_.context.variant_fields.clear();
    const bool good = append_variant(cursor_, scratch_.context, 0, scratch_.json);
    if (!good || !cursor_.done()) {
      reject(row, !good ? cursor_.done() ? "it ends too early" : cursor_.reason : "something follows the value");
      cursor_.at = std::lower_bound(scratch_.index.positions(), cursor_.stop, cursor_.end);
    } else if (scratch_.json == "null") {
      set_null(row);
    } else if (column_ != nullptr) {
      column_->values<StringRef>()[row] = arena_.copy(scratch_.json);
    }
  }

  ValueScratch& scratch_;
  Column* column_;
  StringArena& arena_;
  RowErrors& errors_;
  std::vector<std::uint32_t>& skipped_;
  JsonCursor cursor_;
};

class JsonValueDecoder final : public Decoder {
 public:
  explicit JsonValueDecoder(bool wanted) : wanted_(wanted) {}

  std::unique_ptr<DecodeScratch> scratch() const override { return std::make_unique<ValueScratch>(); }

  std::vector<ColumnPtr> decode(const RawRecords& records, const StreamContext& /*context*/, std::uint32_t first,
                                std::uint32_t count, DecodeScratch* scratch, RowErrors& errors,
                                std::vector<std::uint32_t>& skipped) const override {
    ValueScratch own;
    const auto arena = std::make_shared<StringArena>();
    MutableColumn column;
    if (wanted_) column = Column::make(TypeKind::variant, count);
    ValueRun run(scratch != nullptr ? static_cast<ValueScratch&>(*scratch) : own, column.get(), *arena, errors,
                 skipped);
    const std::span all = std::span(records.records).subspan(first, count);
    for (std::uint32_t row = 0; row < count;) {
      std::string_view text = all[row];
      if (text.data() == nullptr) {
        run.set_null(row++);
      } else if (row == 0 && first == 0 && records.at_start && without_mark(text).size() != text.size()) {
        text = without_mark(text);
        run.block(row++, std::span(&text, 1));
      } else {
        const std::uint32_t end = run_end(all, row, kBlockBytes);
        run.block(row, all.subspan(row, end - row));
        row = end;
      }
    }
    if (column && arena->bytes() != 0) column->keep(arena);
    return {std::move(column)};
  }

 private:
  bool wanted_;
};

}  // namespace

std::unique_ptr<Decoder> make_json_value_decoder(bool wanted) {
  return std::make_unique<JsonValueDecoder>(wanted);
}

}  // namespace streamrun
