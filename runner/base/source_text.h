// A file that a user wrote, the places in it, and texts that were taken out of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace streamrun {

// Bytes [begin, end) of a SourceText. An empty span is a caret between two characters.
struct Span {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  friend bool operator==(const Span&, const Span&) = default;
};

// Both from 1; columns are counted in characters (code points), not bytes.
struct LineColumn {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
};

class SourceText {
 public:
  // `name` is the path as the user gave it. `text` is valid UTF-8 without a byte order mark.
  SourceText(std::string name, std::string text);

  const std::string& name() const { return name_; }
  std::string_view text() const { return text_; }
  LineColumn locate(std::uint32_t offset) const;
  // The line (from 1) without its line end.
  std::string_view line(std::uint32_t line) const;
  // Puts marks in place of characters that nobody may read; places stay as they are.
  void hide(Span span);

 private:
  std::string name_;
  std::string text_;
  std::vector<std::uint32_t> line_starts_;
};

// The value of a scalar, and where each of its bytes stands in the file. Escapes, folded lines and
// substituted variables make value and text differ, so the map is a list of runs: value bytes from
// `value` on stand at file bytes from `file` on, one to one if `verbatim`, else all at `file`.
class LocatedText {
 public:
  struct Run {
    std::uint32_t value = 0;
    std::uint32_t file = 0;
    bool verbatim = true;
  };

  LocatedText() = default;
  // One to one from `whole.begin` on, where no runs are given.
  LocatedText(std::string value, Span whole, std::vector<Run> runs = {});

  const std::string& value() const { return value_; }
  // The scalar as it stands in the file, quotes included.
  Span whole() const { return whole_; }
  // Where value bytes [begin, end) stand; clipped to the scalar.
  Span span(std::uint32_t begin, std::uint32_t end) const;

 private:
  std::uint32_t file_offset(std::uint32_t value_offset) const;

  std::string value_;
  Span whole_;
  std::vector<Run> runs_;
};

}  // namespace streamrun
