// Records of CSV into columns. Fields that nobody wants are passed over.
#include <fmt/format.h>

#include <string>
#include <utility>

#include "runner/data/cell_column.h"
#include "runner/data/codec.h"
#include "runner/data/csv_fields.h"
#include "runner/data/csv_layout.h"
#include "runner/data/record_splitter.h"
#include "runner/data/stream_context.h"
#include "runner/data/utf8_runs.h"

namespace streamrun {
namespace {

// A column of the schema that is read, and its place in the record.
struct Target {
  CellColumn cells;
  std::uint32_t position = 0;
};

// The layout that the header at hand asks for.
struct CsvScratch final : DecodeScratch {
  std::shared_ptr<const std::string> header;
  CsvLayout layout;
};

class CsvDecoder final : public Decoder {
 public:
  CsvDecoder(const Schema& schema, const std::vector<bool>& wanted, CsvOptions options)
      : schema_(schema),
        wanted_(wanted),
        options_(std::move(options)),
        cutter_(options_),
        by_position_(positional_layout(schema)) {
    time_ = compile_time(options_.time);
  }

  std::unique_ptr<DecodeScratch> scratch() const override { return std::make_unique<CsvScratch>(); }

  std::vector<ColumnPtr> decode(const RawRecords& records, const StreamContext& context, std::uint32_t first,
                                std::uint32_t count, DecodeScratch* scratch, RowErrors& errors,
                                std::vector<std::uint32_t>& skipped) const override {
    CsvScratch own;
    const CsvLayout& layout = layout_of(context.header, scratch != nullptr ? static_cast<CsvScratch&>(*scratch) : own);
    std::vector<Target> targets;
    for (std::uint32_t i = 0; i < schema_.columns.size(); ++i) {
      if (i >= wanted_.size() || !wanted_[i]) continue;
      targets.push_back({CellColumn(schema_.columns[i], i, count), layout.fault.empty() ? layout.positions[i] : 0});
    }
    std::vector<CsvField> fields(layout.fields);
    std::string spare;
    const std::span all = std::span(records.records).subspan(first, count);
    // Rows before it are the header and what is blank above it.
    const std::uint32_t body = context.header_at == StreamContext::kNoHeader || context.header_at < first
                                   ? 0
                                   : std::min(context.header_at - first + 1, count);
    Utf8Runs runs(all);
    for (std::uint32_t row = 0; row < count; ++row) {
      std::string_view text = all[row];
      if (text.data() == nullptr) {
        set_nulls(targets, row);
        continue;
      }
      const bool valid = runs.valid(row);
      if (row == 0 && first == 0 && records.at_start) text = without_mark(text);
      if (!context.framed) text = without_line_end(text);
      if (row < body || is_none(text, layout.fields)) {
        const bool header = first + row == context.header_at;
        if (header && !layout.fault.empty()) {
          errors.add(row, layout.fault);
        } else {
          skipped.push_back(row);
        }
        set_nulls(targets, row);
        continue;
      }
      std::string fault;
      if (!layout.fault.empty()) {
        fault = layout.fault;
      } else if (!valid) {
        fault = "the record is not UTF-8";
      } else if ((context.framed || is_one_record(text, fault)) && cut(text, fields, fault)) {
        for (Target& target : targets) {
          if (!cell(fields[target.position], target, row, spare, fault)) break;
        }
      }
      if (!fault.empty()) {
        errors.add(row, std::move(fault));
        set_nulls(targets, row);
      }
    }
    std::vector<ColumnPtr> result(schema_.size());
    for (Target& target : targets) result[target.cells.index()] = target.cells.finish(records.keep);
    return result;
  }

 private:
  static void set_nulls(std::vector<Target>& targets, std::uint32_t row) {
    for (Target& target : targets) target.cells.set_null(row);
  }

  // Records without a header, as of messages, have their fields in order.
  const CsvLayout& layout_of(const std::shared_ptr<const std::string>& header, CsvScratch& scratch) const {
    if (options_.header != CsvHeader::names || !header) return by_position_;
    if (scratch.header != header) {
      scratch.header = header;
      scratch.layout = named_layout(schema_, wanted_, options_, *header);
    }
    return scratch.layout;
  }

  // A blank record is none, but of one column an empty one is a null.
  bool is_none(std::string_view text, std::size_t fields) const {
    if (!is_blank(text, options_.delimiter)) [[likely]]
      return options_.comment != '\0' && text.front() == options_.comment;
    return text.empty() ? fields != 1 : !options_.is_null(text);
  }

  // Of what was not cut at line ends.
  bool is_one_record(std::string_view text, std::string& fault) const {
    if (text.find('\n') == std::string_view::npos && text.find('\r') == std::string_view::npos) return true;
    RecordFraming framing = csv_framing(options_);
    framing.quote = options_.quote;
    RecordSplitter(framing, false).scan(text, [&](std::size_t, std::uint64_t) {
      fault = "a line end outside of quotes: " + excerpt(text);
      return false;
    });
    return fault.empty();
  }

  // Into as many fields as there must be, no more and no less, but for ragged records.
  bool cut(std::string_view text, std::vector<CsvField>& fields, std::string& fault) const {
    const std::size_t found = cutter_.cut(text, fields, fault);
    if (found == fields.size()) [[likely]]
      return true;
    if (fault.empty() && options_.ragged) {
      for (std::size_t i = found; i < fields.size(); ++i) fields[i] = {};
      return true;
    }
    if (fault.empty()) {
      fault = fmt::format("expected {} {}, found {}", fields.size(), fields.size() == 1 ? "field" : "fields", found);
    }
    return false;
  }

  bool cell(const CsvField& field, Target& target, std::uint32_t row, std::string& spare, std::string& fault) const {
    std::string_view text = field.text;
    if (!field.quoted) {
      if (options_.trim) text = without_blanks(text, options_.delimiter);
      if (options_.is_null(text)) {
        target.cells.set_null(row);
        return true;
      }
    }
    if (field.escaped) text = cutter_.unescape(text, spare);
    return target.cells.set(row, text, !field.escaped, time_, fault);
  }

  Schema schema_;
  std::vector<bool> wanted_;
  CsvOptions options_;
  CsvCutter cutter_;
  CsvLayout by_position_;
  CompiledTime time_;
};

}  // namespace

RecordFraming csv_framing(const CsvOptions& options) {
  return {.cr_ends_line = true,
          .quote = options.multiline ? options.quote : '\0',
          .delimiter = options.delimiter,
          .escape = options.escape,
          .comment = options.comment,
          .trim = options.trim,
          .header = options.header != CsvHeader::none,
          .header_is_line = options.header == CsvHeader::skipped};
}

std::unique_ptr<Decoder> make_csv_decoder(const Schema& schema, const std::vector<bool>& wanted,
                                          const CsvOptions& options) {
  return std::make_unique<CsvDecoder>(schema, wanted, options);
}

}  // namespace streamrun
