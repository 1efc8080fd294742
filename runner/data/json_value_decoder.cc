// Records of JSON as variants, each a value of any shape. Blocks of them are indexed at once (json_records.h).
#include <string>

#include "runner/data/codec.h"
#include "runner/data/json_records.h"
#include "runner/data/json_variant.h"

namespace streamrun {
namespace {

struct ValueScratch final : DecodeScratch {
  JsonIndex index;
  JsonContext context;
  std::string json;
};

// One call of decode.
class ValueRun {
 public:
  // `values`: null where nobody reads them.
  ValueRun(ValueScratch& scratch, Column* column, StringArena& arena, RowErrors& errors)
      : scratch_(scratch), column_(column), arena_(arena), errors_(errors) {}

  void read(const RawRecords& records, std::uint32_t first, std::uint32_t count, std::vector<std::uint32_t>& skipped) {
    JsonRecords(*this, scratch_.index, cursor_, skipped).read(records, first, count);
  }

 private:
  friend class JsonRecords<ValueRun>;

  void set_null(std::uint32_t row) {
    if (column_ == nullptr) return;
    column_->set_null(row);
    column_->values<StringRef>()[row] = StringRef();
  }

  void reject(std::uint32_t row, std::string_view reason) {
    errors_.add(row, "not a JSON value: " + std::string(reason));
    set_null(row);
  }

  bool record(std::uint32_t row) {
    scratch_.json.clear();
    scratch_.context.variant_fields.clear();
    const bool good = append_variant(cursor_, scratch_.context, 0, scratch_.json);
    if (!good || !cursor_.done()) {
      reject(row, !good ? cursor_.done() ? "it ends too early" : cursor_.reason : "something follows the value");
      return false;
    }
    if (scratch_.json == "null") {
      set_null(row);
    } else if (column_ != nullptr) {
      column_->values<StringRef>()[row] = arena_.copy(scratch_.json);
    }
    return true;
  }

  ValueScratch& scratch_;
  Column* column_;
  StringArena& arena_;
  RowErrors& errors_;
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
    ValueRun run(scratch != nullptr ? static_cast<ValueScratch&>(*scratch) : own, column.get(), *arena, errors);
    run.read(records, first, count, skipped);
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
