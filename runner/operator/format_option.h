// `format:` in a mapping, and the options of that format, which stand beside it.
#pragma once

#include <string_view>
#include <vector>

#include "runner/operator/catalog.h"

namespace streamrun {

struct FormatOption {
  const FormatDescriptor* format = nullptr;  // null: there is none of that name
  OptionsPtr options;
  Span place;  // of the name, or of the mapping that has none
};

// `otherwise`: the format of a mapping that names none. False: diagnosed.
bool decode_format(const SyntaxNode& node, std::string_view otherwise, std::string_view what, DecodeContext& context,
                   FormatOption& out);

// The keys of `node` that are `format` and its options; where it names a format that was not found (null), those of
// all: they are no unknown keys beside that fault.
std::vector<std::string_view> format_keys(const SyntaxNode& node, const FormatDescriptor* format,
                                          const Catalog& catalog);

}  // namespace streamrun
