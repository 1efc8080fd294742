// Lines of CSV into columns. A record is a line, so a quoted field cannot hold a line end. Fields that nobody
// wants are passed over.
#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <string>
#include <utility>

#include "runner/data/cell.h"
#include "runner/data/codec.h"
#include "runner/data/text_scan.h"
#include "runner/data/text_value.h"

namespace streamrun {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{64} << 10;

struct Target {
  Type type;
  std::string name;
  std::uint32_t position = 0;  // in the schema, which is the place in the line
  MutableColumn column;
  std::shared_ptr<StringArena> arena;
  std::byte* values = nullptr;
  std::size_t width = 0;
};

struct CsvField {
  std::string_view text;  // without the quotes around it, but with doubled ones within
  bool quoted = false;
  bool doubled = false;
};

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
      : columns_(schema.size()), fields_(schema.columns.size()), options_(std::move(options)) {
    for (std::uint32_t i = 0; i < schema.columns.size(); ++i) {
      if (i >= wanted.size() || !wanted[i]) continue;
      Target target;
      target.type = schema.columns[i].type;
      target.name = schema.columns[i].name;
      target.position = i;
      wanted_.push_back(std::move(target));
    }
    time_ = compile_time(options_.time);
  }

  std::vector<ColumnPtr> decode(const RawRecords& records, std::uint32_t first, std::uint32_t count, DecodeScratch*,
                                RowErrors& errors, std::vector<std::uint32_t>& skipped) const override {
    std::vector<Target> targets = wanted_;
    for (Target& target : targets) {
      target.arena = std::make_shared<StringArena>();
      target.column = Column::make(target.type, count);
      target.width = storage_size(target.type.kind());
      target.values = target.column->values<std::byte>();
    }
    std::vector<CsvField> fields(fields_);
    std::string spare;
    const std::span all = std::span(records.records).subspan(first, count);
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
      const bool at_start = row == 0 && first == 0 && records.at_start;
      if (at_start && text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
      if ((at_start && options_.header) || blank(text)) {
        skipped.push_back(row);
        set_nulls(targets, row);
        continue;
      }
      std::string fault;
      if (!valid && !is_utf8(text)) {
        fault = "the record is not UTF-8";
      } else if (split(text, fields, fault)) {
        for (Target& target : targets) {
          if (!cell(fields[target.position], target, row, spare, fault)) break;
        }
      }
      if (!fault.empty()) {
        errors.add(row, std::move(fault));
        set_nulls(targets, row);
      }
    }
    std::vector<ColumnPtr> result(columns_);
    for (Target& target : targets) {
      if (records.keep) target.column->keep(records.keep);
      if (target.arena->bytes() != 0) target.column->keep(target.arena);
      result[target.position] = std::move(target.column);
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

  bool blank(std::string_view text) const {
    for (const char c : text) {
      if ((c != ' ' && c != '\t') || c == options_.delimiter) return false;
    }
    return true;
  }

  // Cuts a line into as many fields as there are columns, no more and no less.
  bool split(std::string_view text, std::vector<CsvField>& fields, std::string& fault) const {
    if (std::memchr(text.data(), options_.quote, text.size()) != nullptr) return split_quoted(text, fields, fault);
    const char* const end = text.data() + text.size();
    const char* begin = text.data();
    std::size_t found = 0;
    for (const char* p = begin; p < end; p += 8) {
      std::uint64_t marks = bytes_equal(load_word(p), options_.delimiter);
      while (marks != 0) {
        const char* const mark = p + std::countr_zero(marks) / 8;
        if (mark >= end) break;
        if (found < fields_) fields[found] = {{begin, static_cast<std::size_t>(mark - begin)}, false, false};
        ++found;
        begin = mark + 1;
        marks &= marks - 1;
      }
    }
    if (found < fields_) fields[found] = {{begin, static_cast<std::size_t>(end - begin)}, false, false};
    return right_number(found + 1, fault);
  }

  bool split_quoted(std::string_view text, std::vector<CsvField>& fields, std::string& fault) const {
    std::size_t found = 0;
    std::size_t i = 0;
    while (true) {
      CsvField field;
      if (i < text.size() && text[i] == options_.quote) {
        field.quoted = true;
        const std::size_t begin = ++i;
        while (true) {
          i = text.find(options_.quote, i);
          if (i == std::string_view::npos) {
            fault = "a quoted field is not closed: " + excerpt(text.substr(begin - 1));
            return false;
          }
          if (i + 1 >= text.size() || text[i + 1] != options_.quote) break;
          field.doubled = true;
          i += 2;
        }
        field.text = text.substr(begin, i - begin);
        ++i;
        if (i < text.size() && text[i] != options_.delimiter) {
          fault = "something follows a quoted field: " + excerpt(text.substr(begin - 1));
          return false;
        }
      } else {
        const std::size_t mark = std::min(text.find(options_.delimiter, i), text.size());
        field.text = text.substr(i, mark - i);
        i = mark;
      }
      if (found < fields_) fields[found] = field;
      ++found;
      if (i >= text.size()) break;
      ++i;  // the delimiter
    }
    return right_number(found, fault);
  }

  bool right_number(std::size_t found, std::string& fault) const {
    if (found == fields_) [[likely]]
      return true;
    fault = fmt::format("expected {} {}, found {}", fields_, fields_ == 1 ? "field" : "fields", found);
    return false;
  }

  bool cell(const CsvField& field, Target& target, std::uint32_t row, std::string& spare, std::string& fault) const {
    std::string_view text = field.text;
    if (!field.quoted && (text.empty() || text == options_.null_value)) {
      set_null(target, row);
      return true;
    }
    if (field.doubled) {
      spare.clear();
      for (std::size_t i = 0; i < text.size(); ++i) {
        spare.push_back(text[i]);
        if (text[i] == options_.quote) ++i;
      }
      text = spare;
    }
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

  std::size_t columns_;
  std::size_t fields_;
  CsvOptions options_;
  CompiledTime time_;
  std::vector<Target> wanted_;
};

}  // namespace

std::unique_ptr<Decoder> make_csv_decoder(const Schema& schema, const std::vector<bool>& wanted,
                                          const CsvOptions& options) {
  return std::make_unique<CsvDecoder>(schema, wanted, options);
}

}  // namespace streamrun
