// Records of CSV into columns. Fields that nobody wants are passed over.
#include <fmt/format.h>

#include <cstring>
#include <string>
#include <utility>

#include "runner/data/cell.h"
#include "runner/data/codec.h"
#include "runner/data/csv_fields.h"
#include "runner/data/csv_layout.h"
#include "runner/data/record_splitter.h"
#include "runner/data/stream_context.h"
#include "runner/data/text_scan.h"
#include "runner/data/text_value.h"

namespace streamrun {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{64} << 10;

struct Target {
  Type type;
  std::string name;
  std::uint32_t column_index = 0;  // in the schema
  std::uint32_t position = 0;      // in the record
  MutableColumn column;
  std::shared_ptr<StringArena> arena;
  std::byte* values = nullptr;
  std::size_t width = 0;
};

// The layout that the header at hand asks for.
struct CsvScratch final : DecodeScratch {
  std::shared_ptr<const std::string> header;
  CsvLayout layout;
};

std::string_view without_line_end(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

template <class Int>
bool read_integer(std::string_view text, Int& out) {
  if (!text.empty()) {
    const bool negative = text.front() == '-';
    const std::size_t sign = negative ? 1 : 0;
    std::uint64_t value = 0;
    const unsigned digits = text.size() - sign < 18 ? read_digits(text.data() + sign, value) : 0;
    // What stands behind the text may be a digit too; then there are too many.
    if (digits != 0 && digits + sign == text.size() && (sizeof(Int) == 8 || value <= 0x7FFF'FFFFU)) {
      out = static_cast<Int>(negative ? -static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value));
      return true;
    }
  }
  if constexpr (sizeof(Int) == 8) {
    return parse_bigint(text, out);
  } else {
    return parse_int(text, out);
  }
}

bool read_double(std::string_view text, double& out) {
  constexpr double kTens[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
  constexpr std::uint64_t kShift[] = {1, 10, 100, 1000, 10'000, 100'000, 1'000'000};
  if (!text.empty() && text.size() < 16) {
    const bool negative = text.front() == '-';
    const std::size_t sign = negative ? 1 : 0;
    std::uint64_t value = 0;
    std::size_t used = read_digits(text.data() + sign, value) + sign;
    unsigned places = 0;
    bool good = used > sign && used < 11;
    if (good && used < text.size() && text[used] == '.') {
      std::uint64_t fraction = 0;
      places = read_digits(text.data() + used + 1, fraction);
      used += places + 1;
      good = places > 0 && places < 7;
      if (good) value = value * kShift[places] + fraction;
    }
    if (good && used == text.size() && value <= std::uint64_t{1} << 53) {
      const double size = static_cast<double>(value) / kTens[places];
      out = negative ? -size : size;
      return true;
    }
  }
  return parse_double(text, out);
}

class CsvDecoder final : public Decoder {
 public:
  CsvDecoder(const Schema& schema, const std::vector<bool>& wanted, CsvOptions options)
      : schema_(schema),
        wanted_(wanted),
        options_(std::move(options)),
        cutter_(options_.delimiter, options_.quote),
        by_position_(positional_layout(schema)) {
    for (std::uint32_t i = 0; i < schema.columns.size(); ++i) {
      if (i >= wanted.size() || !wanted[i]) continue;
      Target target;
      target.type = schema.columns[i].type;
      target.name = schema.columns[i].name;
      target.column_index = i;
      targets_.push_back(std::move(target));
    }
    time_ = compile_time(options_.time);
  }

  std::unique_ptr<DecodeScratch> scratch() const override { return std::make_unique<CsvScratch>(); }

  std::vector<ColumnPtr> decode(const RawRecords& records, const StreamContext& context, std::uint32_t first,
                                std::uint32_t count, DecodeScratch* scratch, RowErrors& errors,
                                std::vector<std::uint32_t>& skipped) const override {
    CsvScratch own;
    const CsvLayout& layout = layout_of(context.header, scratch != nullptr ? static_cast<CsvScratch&>(*scratch) : own);
    std::vector<Target> targets = targets_;
    for (Target& target : targets) {
      target.arena = std::make_shared<StringArena>();
      target.column = Column::make(target.type, count);
      target.width = storage_size(target.type.kind());
      target.values = target.column->values<std::byte>();
      if (layout.fault.empty()) target.position = layout.positions[target.column_index];
    }
    std::vector<CsvField> fields(layout.fields);
    std::string spare;
    const std::span all = std::span(records.records).subspan(first, count);
    // Rows before it are the header and what is blank above it.
    const std::uint32_t body = context.header_at == StreamContext::kNoHeader || context.header_at < first
                                   ? 0
                                   : std::min(context.header_at - first + 1, count);
    std::uint32_t checked = 0;  // records before this one are known to be UTF-8, or not, as `valid` says
    bool valid = true;
    for (std::uint32_t row = 0; row < count; ++row) {
      std::string_view text = all[row];
      if (text.data() == nullptr) {
        set_nulls(targets, row);
        continue;
      }
      if (row >= checked) {
        checked = run_end(all, row, kBlockBytes);
        const std::string_view last = all[checked - 1];
        valid = is_utf8({text.data(), static_cast<std::size_t>(last.data() + last.size() - text.data())});
      }
      if (row == 0 && first == 0 && records.at_start) text = without_mark(text);
      if (!context.framed) text = without_line_end(text);
      if (row < body || is_none(text, layout.fields, context.framed)) {
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
      } else if (!valid && !is_utf8(text)) {
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
    for (Target& target : targets) {
      if (records.keep) target.column->keep(records.keep);
      if (target.arena->bytes() != 0) target.column->keep(target.arena);
      result[target.column_index] = std::move(target.column);
    }
    return result;
  }

 private:
  static void set_nulls(std::vector<Target>& targets, std::uint32_t row) {
    for (Target& target : targets) set_null(target, row);
  }
  static void set_null(Target& target, std::uint32_t row) {
    target.column->set_null(row);
    // A string that is null must not dangle either.
    std::memset(target.values + row * target.width, 0, target.width);
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

  // A blank line is no record, but of one column an empty one is a null; an empty message is none of either.
  bool is_none(std::string_view text, std::size_t fields, bool framed) const {
    if (!is_blank(text, options_.delimiter)) [[likely]]
      return false;
    return text.empty() ? fields != 1 || !framed : text != options_.null_value;
  }

  // Of what was not cut at line ends.
  bool is_one_record(std::string_view text, std::string& fault) const {
    if (text.find('\n') == std::string_view::npos && text.find('\r') == std::string_view::npos) return true;
    const RecordFraming framing{.cr_ends_line = true, .quote = options_.quote, .delimiter = options_.delimiter};
    RecordSplitter(framing, false).scan(text, [&](std::size_t, std::uint64_t) {
      fault = "a line end outside of quotes: " + excerpt(text);
      return false;
    });
    return fault.empty();
  }

  // Into as many fields as there must be, no more and no less.
  bool cut(std::string_view text, std::vector<CsvField>& fields, std::string& fault) const {
    const std::size_t found = cutter_.cut(text, fields, fault);
    if (found == fields.size()) [[likely]]
      return true;
    if (fault.empty()) {
      fault = fmt::format("expected {} {}, found {}", fields.size(), fields.size() == 1 ? "field" : "fields", found);
    }
    return false;
  }

  bool cell(const CsvField& field, Target& target, std::uint32_t row, std::string& spare, std::string& fault) const {
    std::string_view text = field.text;
    if (!field.quoted && (text.empty() || text == options_.null_value)) {
      set_null(target, row);
      return true;
    }
    if (field.doubled) text = undouble(text, options_.quote, spare);
    std::byte* const out = target.values + row * target.width;
    bool good = false;
    switch (target.type.kind()) {
      case TypeKind::int64: good = read_integer(text, *reinterpret_cast<std::int64_t*>(out)); break;
      case TypeKind::int32: good = read_integer(text, *reinterpret_cast<std::int32_t*>(out)); break;
      case TypeKind::float64: good = read_double(text, *reinterpret_cast<double*>(out)); break;
      case TypeKind::string:
        if (!field.doubled) {
          *reinterpret_cast<StringRef*>(out) = string_ref(text.data(), static_cast<std::uint32_t>(text.size()));
          return true;
        }
        [[fallthrough]];
      default: good = parse_cell(target.type, text, time_, *target.arena, out); break;
    }
    if (good) [[likely]]
      return true;
    fault = fmt::format("column '{}': '{}' is no {}", target.name, excerpt(text), target.type.name());
    return false;
  }

  Schema schema_;
  std::vector<bool> wanted_;
  CsvOptions options_;
  CsvCutter cutter_;
  CsvLayout by_position_;
  CompiledTime time_;
  std::vector<Target> targets_;
};

}  // namespace

RecordFraming csv_framing(const CsvOptions& options) {
  return {.cr_ends_line = true,
          .quote = options.multiline ? options.quote : '\0',
          .delimiter = options.delimiter,
          .header = options.header != CsvHeader::none,
          .header_is_line = options.header == CsvHeader::skipped};
}

std::unique_ptr<Decoder> make_csv_decoder(const Schema& schema, const std::vector<bool>& wanted,
                                          const CsvOptions& options) {
  return std::make_unique<CsvDecoder>(schema, wanted, options);
}

}  // namespace streamrun
