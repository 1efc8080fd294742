// What formats share: their decoding, and the patterns of times.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/diagnostic.h"
#include "runner/data/codec.h"
#include "runner/data/time_pattern.h"
#include "runner/operator/format.h"

namespace streamrun {

// Decodes the options that stand beside `format:`, among others.
template <class S>
auto format_decode(OptionTable options) {
  return [table = std::move(options)](const SyntaxNode& node, std::string_view what,
                                      DecodeContext& context) -> OptionsPtr {
    auto decoded = std::make_shared<S>();
    return table.decode_known(node, decoded.get(), what, context) ? decoded : nullptr;
  };
}

// Options of a format that has none.
struct NoFormatOptions {};

// Where an option stands, or `otherwise` where it was left out.
template <class T>
Span place_of(const Located<T>& option, Span otherwise) {
  return option.span == Span{} ? otherwise : option.span;
}

// Options of formats whose texts may be times: their own derive from it.
struct TimeOptions {
  Located<std::string> date_format;
  Located<std::string> timestamp_format;

  TimeFormats formats() const { return {date_format.value, timestamp_format.value}; }
};

template <class S>
Options<S>& add_time_options(Options<S>& options) {
  Located<std::string> S::* const date = &S::date_format;
  Located<std::string> S::* const timestamp = &S::timestamp_format;
  return options.optional("date_format", date, "", "pattern of dates; default yyyy-MM-dd")
      .optional("timestamp_format", timestamp, "", "pattern of timestamps; default ISO 8601, in UTC");
}

inline bool check_patterns(const TimeOptions& options, Diagnostics& diagnostics) {
  bool good = true;
  for (const auto* pattern : {&options.date_format, &options.timestamp_format}) {
    if (pattern->value.empty()) continue;
    if (const auto compiled = TimePattern::compile(pattern->value); !compiled) {
      diagnostics.error("bad-pattern", pattern->span, compiled.error().message);
      good = false;
    }
  }
  return good;
}

// An option that is about what stands between records or before them.
inline void refuse_in_messages(std::string_view option, Span place, std::string_view reason,
                               const FormatReadContext& context) {
  context.diagnostics.error("bad-option", place,
                            fmt::format("source '{}' gives messages, each of them a record: {}; leave `{}` out",
                                        context.source, reason, option));
}

// Of a format that has one column only: what is declared must be that.
inline bool check_only_column(const Field& column, std::string_view format, const FormatReadContext& context) {
  if (context.declared == nullptr || context.declared->schema.columns == std::vector{column}) return true;
  context.diagnostics.error("bad-format", context.place,
                            fmt::format("format {} has one column, ({} {})", format, column.name, column.type.name()));
  return false;
}

}  // namespace streamrun
