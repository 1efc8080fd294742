// What formats share: their decoding, and the check of patterns of times.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "runner/base/diagnostic.h"
#include "runner/data/codec.h"
#include "runner/data/time_pattern.h"
#include "runner/operator/options.h"

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

inline bool check_patterns(const TimeFormats& formats, Span place, Diagnostics& diagnostics) {
  bool good = true;
  const auto check = [&](std::string_view option, const std::string& pattern) {
    if (pattern.empty()) return;
    if (const auto compiled = TimePattern::compile(pattern); !compiled) {
      diagnostics.error("bad-pattern", place, std::string(option) + ": " + compiled.error().message);
      good = false;
    }
  };
  check("date_format", formats.date_format);
  check("timestamp_format", formats.timestamp_format);
  return good;
}

}  // namespace streamrun
