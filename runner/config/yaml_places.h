// Where the characters of a YAML scalar's value stand in the file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runner/base/source_text.h"

namespace streamrun {

enum class ScalarStyle : std::uint8_t { plain, single_quoted, double_quoted, block };

// The node at `at` without its properties (`&anchor`, `!tag`): where its own text begins, and its tag's place.
struct NodeStart {
  std::uint32_t text = 0;
  Span tag;  // empty: none
};
NodeStart skip_properties(std::string_view file, std::uint32_t at);

ScalarStyle scalar_style(std::string_view file, std::uint32_t at, bool plain);

// `at`: the first byte of the scalar (its quote, its `|`). Values that cannot be found again are at `at` as a whole.
LocatedText locate_scalar(std::string_view file, std::uint32_t at, ScalarStyle style, std::string value);

// The quote that closes the one at `at`, or npos.
std::size_t find_closing_quote(std::string_view file, std::size_t at);

// The UTF-8 of a code point, appended.
void append_utf8(std::string& text, std::uint32_t code_point);
// The position of the first byte that is no UTF-8 (surrogates and overlong forms included), or npos.
std::size_t find_invalid_utf8(std::string_view text);

// Collects runs, joining those that continue one another.
class RunList {
 public:
  void add(std::size_t value, std::size_t file, bool verbatim);
  std::vector<LocatedText::Run> take() && { return std::move(runs_); }

 private:
  std::vector<LocatedText::Run> runs_;
};

}  // namespace streamrun
