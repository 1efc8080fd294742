// Lines of text and plain bytes: one column, `value`.
#include <string>

#include "runner/data/codec.h"
#include "runner/data/record_framing.h"
#include "runner/data/text_scan.h"
#include "runner/data/text_value.h"
#include "runner/data/utf8_runs.h"

namespace streamrun {
namespace {

class LineDecoder final : public Decoder {
 public:
  LineDecoder(bool wanted, bool utf8) : wanted_(wanted), utf8_(utf8) {}

  std::vector<ColumnPtr> decode(const RawRecords& records, const StreamContext& /*context*/, std::uint32_t first,
                                std::uint32_t count, DecodeScratch*, RowErrors& errors,
                                std::vector<std::uint32_t>&) const override {
    const std::span all = std::span(records.records).subspan(first, count);
    MutableColumn column;
    if (wanted_) {
      column = Column::make(utf8_ ? TypeKind::string : TypeKind::binary, count);
      if (records.keep) column->keep(records.keep);
      StringRef* const values = column->values<StringRef>();
      for (std::uint32_t row = 0; row < count; ++row) {
        const std::string_view text = all[row];
        if (text.data() == nullptr) {
          values[row] = StringRef();
          column->set_null(row);
        } else {
          values[row] = string_ref(text.data(), static_cast<std::uint32_t>(text.size()));
        }
      }
      if (first == 0 && count != 0 && records.at_start) {
        const std::string_view text = without_mark(all[0]);
        values[0] = string_ref(text.data(), static_cast<std::uint32_t>(text.size()));
      }
    }
    if (utf8_) check(all, errors);
    return {std::move(column)};
  }

 private:
  static void check(std::span<const std::string_view> all, RowErrors& errors) {
    Utf8Runs runs(all);
    for (std::uint32_t row = 0; row < all.size(); ++row) {
      if (all[row].data() != nullptr && !runs.valid(row)) errors.add(row, "the record is not UTF-8");
    }
  }

  bool wanted_;
  bool utf8_;
};

class LineEncoder final : public Encoder {
 public:
  LineEncoder(TypeKind kind, bool lines)
      : bytes_(kind == TypeKind::string || kind == TypeKind::binary), lines_(lines) {}

  void encode(const std::vector<ColumnPtr>& columns, const Selection& selection, std::string& out) const override {
    const Column& column = *columns[0];
    selection.for_each([&](std::uint32_t row) {
      if (column.type().kind() != TypeKind::null && !column.is_null(row)) {
        if (bytes_) {
          out += column.value<StringRef>(row).view();
        } else {
          append_text(column, row, out);
        }
      }
      if (lines_) out += '\n';
    });
  }

 private:
  bool bytes_;
  bool lines_;
};

}  // namespace

std::unique_ptr<Decoder> make_text_decoder(bool wanted) {
  return std::make_unique<LineDecoder>(wanted, true);
}
std::unique_ptr<Decoder> make_raw_decoder(bool wanted) {
  return std::make_unique<LineDecoder>(wanted, false);
}
std::unique_ptr<Encoder> make_text_encoder(const Field& column) {
  return std::make_unique<LineEncoder>(column.type.kind(), true);
}
std::unique_ptr<Encoder> make_raw_encoder(const Field& column) {
  return std::make_unique<LineEncoder>(column.type.kind(), false);
}

}  // namespace streamrun
