// Lines of text by a pattern, whose named groups are the columns.
//
// The pattern is that of a whole line, as in Hive's RegexSerDe; a line that it does not match is no record. A group
// that took no part is null. Read only: the pattern does not tell how to write a line.
#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "operators/builtin_catalog.h"
#include "operators/formats/time_options.h"
#include "runner/data/cell_column.h"
#include "runner/data/codec.h"
#include "runner/data/record_framing.h"
#include "runner/data/stream_context.h"
#include "runner/data/utf8_runs.h"
#include "runner/expr/regex_syntax.h"

namespace streamrun {
namespace {

using re2::RE2;

struct RegexFormat : TimeOptions {
  LocatedText pattern;
  std::vector<std::string> null_value;
};

// What all decoders of a source share.
struct CompiledRegex {
  RegexSyntax syntax;
  std::vector<Field> columns;  // of the named groups, in their order
  std::vector<int> groups;     // of the columns
  std::vector<std::string> null_values;
  CompiledTime time;

  bool is_null(std::string_view text) const { return std::ranges::find(null_values, text) != null_values.end(); }
};

struct RegexScratch final : DecodeScratch {
  std::vector<std::string_view> found;  // of the groups that are wanted
};

// A search for so many groups RE2 does in one pass over the text, if the pattern leaves no choice at any byte.
constexpr std::size_t kOnePassGroups = 4;

class RegexDecoder final : public Decoder {
 public:
  RegexDecoder(std::shared_ptr<const CompiledRegex> compiled, const std::vector<bool>& wanted)
      : compiled_(std::move(compiled)) {
    std::vector<int> groups;
    for (std::uint32_t i = 0; i < compiled_->columns.size() && i < wanted.size(); ++i) {
      if (!wanted[i]) continue;
      columns_.push_back(i);
      groups.push_back(compiled_->groups[i]);
    }
    for (std::size_t i = 0; i == 0 || i < groups.size(); i += kOnePassGroups) {
      const auto begin = groups.begin() + static_cast<std::ptrdiff_t>(i);
      const auto count = static_cast<std::ptrdiff_t>(std::min(groups.size() - i, kOnePassGroups));
      parts_.push_back(compile_regex(keep_groups(compiled_->syntax, {begin, begin + count})));
    }
  }

  std::unique_ptr<DecodeScratch> scratch() const override { return std::make_unique<RegexScratch>(); }

  std::vector<ColumnPtr> decode(const RawRecords& records, const StreamContext& context, std::uint32_t first,
                                std::uint32_t count, DecodeScratch* scratch, RowErrors& errors,
                                std::vector<std::uint32_t>& skipped) const override {
    RegexScratch own;
    RegexScratch& room = scratch != nullptr ? static_cast<RegexScratch&>(*scratch) : own;
    room.found.resize(columns_.size());
    std::vector<CellColumn> cells;
    for (const std::uint32_t i : columns_) cells.emplace_back(compiled_->columns[i], i, count);
    const std::span all = std::span(records.records).subspan(first, count);
    Utf8Runs runs(all);
    for (std::uint32_t row = 0; row < count; ++row) {
      std::string_view text = all[row];
      std::string fault;
      if (text.data() == nullptr) {
        set_nulls(cells, row);
      } else if (!runs.valid(row)) {
        fault = "the record is not UTF-8";
      } else {
        if (row == 0 && first == 0 && records.at_start) text = without_mark(text);
        if (!context.framed) text = without_line_end(text);
        if (match(text, room.found)) [[likely]] {
          read(room.found, row, cells, fault);
        } else if (is_blank(text, '\0')) {
          skipped.push_back(row);
          set_nulls(cells, row);
        } else {
          fault = "the pattern does not match the whole line";
        }
      }
      if (!fault.empty()) {
        errors.add(row, std::move(fault));
        set_nulls(cells, row);
      }
    }
    std::vector<ColumnPtr> result(compiled_->columns.size());
    for (CellColumn& one : cells) result[one.index()] = one.finish(records.keep);
    return result;
  }

 private:
  static void set_nulls(std::vector<CellColumn>& cells, std::uint32_t row) {
    for (CellColumn& one : cells) one.set_null(row);
  }

  bool match(std::string_view text, std::vector<std::string_view>& found) const {
    std::array<re2::StringPiece, kOnePassGroups + 1> pieces;
    std::size_t i = 0;
    for (const std::unique_ptr<const RE2>& part : parts_) {
      const std::size_t groups = std::min(found.size() - i, kOnePassGroups);
      // Without a group the whole match need not be found either.
      const int captures = groups == 0 ? 0 : static_cast<int>(groups) + 1;
      if (!part->Match({text.data(), text.size()}, 0, text.size(), RE2::ANCHOR_BOTH, pieces.data(), captures)) {
        return false;
      }
      for (std::size_t group = 1; group <= groups; ++group) found[i++] = {pieces[group].data(), pieces[group].size()};
    }
    return true;
  }

  void read(const std::vector<std::string_view>& found, std::uint32_t row, std::vector<CellColumn>& cells,
            std::string& fault) const {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      CellColumn& one = cells[i];
      const std::string_view text = found[i];
      if (text.data() == nullptr || compiled_->is_null(text)) {
        one.set_null(row);
      } else if (!one.set(row, text, true, compiled_->time, fault)) {
        return;
      }
    }
  }

  std::shared_ptr<const CompiledRegex> compiled_;
  std::vector<std::uint32_t> columns_;             // that are wanted
  std::vector<std::unique_ptr<const RE2>> parts_;  // the pattern with their groups, a few at a time
};

// Settles the columns of a source.
class Binder {
 public:
  Binder(const RegexFormat& format, const FormatReadContext& context) : format_(format), context_(context) {}

  std::shared_ptr<const CompiledRegex> bind() {
    const std::size_t errors = context_.diagnostics.error_count();
    check_patterns(format_, context_.diagnostics);
    auto made = std::make_shared<CompiledRegex>();
    made->syntax = syntax_;
    const std::unique_ptr<const RE2> regex = compile_regex(syntax_);
    if (!regex->ok()) {
      bad_pattern(*regex);
      return nullptr;
    }
    if (syntax_.groups.empty()) {
      error("bad-pattern", format_.pattern.whole(),
            "the pattern has no named group; write (?P<name>…) around each part that is a column");
      return nullptr;
    }
    const auto& numbers = regex->NamedCapturingGroups();
    for (const RegexSyntax::Group& group : syntax_.groups) {
      if (std::ranges::find(made->columns, group.name, &Field::name) != made->columns.end()) {
        error("duplicate-column", within(group.place),
              fmt::format("two groups are named '{}'; give one another name", group.name));
      }
      made->columns.push_back({group.name, type_of(group)});
      made->groups.push_back(numbers.at(group.name));
    }
    check_schema();
    made->null_values = format_.null_value;
    made->time = compile_time(format_.formats());
    return context_.diagnostics.error_count() == errors ? made : nullptr;
  }

 private:
  void error(std::string code, Span place, std::string message) {
    context_.diagnostics.error(std::move(code), place, std::move(message));
  }
  Span within(PatternRange range) const {
    return format_.pattern.span(static_cast<std::uint32_t>(range.begin), static_cast<std::uint32_t>(range.end));
  }

  void bad_pattern(const RE2& failed) {
    const std::string_view pattern = format_.pattern.value();
    // Not the pattern all over again.
    std::string reason = failed.error();
    if (failed.error_arg() == syntax_.re2) reason.resize(reason.size() - syntax_.re2.size() - 2);
    const std::string_view wrong = failed.error_arg();
    const bool around = wrong == "(?=" || wrong == "(?!" || wrong == "(?<";
    error("bad-pattern", within(regex_fault(pattern, failed)),
          fmt::format("bad regular expression: {}{}", reason,
                      around ? "; RE2, which runs in linear time, does not look ahead or behind" : ""));
  }

  Type type_of(const RegexSyntax::Group& group) {
    if (context_.declared == nullptr) return TypeKind::string;
    const auto& columns = context_.declared->schema.columns;
    const auto column = std::ranges::find(columns, group.name, &Field::name);
    if (column != columns.end()) return column->type;
    std::vector<std::string_view> names;
    for (const Field& one : columns) names.push_back(one.name);
    error("unknown-column", within(group.place),
          fmt::format("the schema has no column '{}'{}; a group that is none is (?:…)", group.name,
                      did_you_mean(group.name, names)));
    return TypeKind::string;
  }

  // Every column of it is a group, of a type that a text can be.
  void check_schema() {
    if (context_.declared == nullptr) return;
    std::vector<std::string_view> names;
    for (const RegexSyntax::Group& group : syntax_.groups) names.push_back(group.name);
    const SchemaOption& declared = *context_.declared;
    for (std::size_t i = 0; i < declared.schema.columns.size(); ++i) {
      const Field& column = declared.schema.columns[i];
      const Span place = i < declared.spans.size() ? declared.spans[i] : declared.span;
      if (std::ranges::find(names, column.name) == names.end()) {
        error("unknown-column", place,
              fmt::format("the pattern has no group '{}'{}", column.name, did_you_mean(column.name, names)));
      } else if (column.type.is_nested() || column.type.kind() == TypeKind::variant) {
        error("bad-format", place,
              fmt::format("a group of a pattern is a text, and column '{}' of type {} is none; read a string, and "
                          "compute it",
                          column.name, column.type.name()));
      }
    }
  }

  const RegexFormat& format_;
  const FormatReadContext& context_;
  const RegexSyntax syntax_ = read_regex(format_.pattern.value());
};

}  // namespace

FormatDescriptor describe_regex_format() {
  FormatDescriptor made;
  made.name = "regex";
  made.summary =
      "lines of text that a pattern matches, its named groups the columns; without a schema they are strings";
  made.example =
      "{file: {path: access.log}, format: regex, pattern: '(?<host>\\S+) (?<status>\\d+)', schema: {host: string, "
      "status: int}}";
  Options<RegexFormat> options;
  options
      .required("pattern", &RegexFormat::pattern,
                "a regular expression (RE2) of a whole line; (?<name>…) is a column, null where it took no part")
      .optional("null_value", &RegexFormat::null_value, "",
                "the text of a null, or a list of them (\"\" of a group that matched nothing)");
  made.options = add_time_options(options).table();
  made.decode = format_decode<RegexFormat>(made.options);
  made.bind_read = [](const void* given, const FormatReadContext& context) -> std::optional<BoundFormat> {
    const auto compiled = Binder(*static_cast<const RegexFormat*>(given), context).bind();
    if (!compiled) return std::nullopt;
    return BoundFormat{compiled->columns, [compiled](const std::vector<bool>& wanted) {
                         return std::make_unique<RegexDecoder>(compiled, wanted);
                       }};
  };
  return made;
}

}  // namespace streamrun
