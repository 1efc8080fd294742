// Files that a user wrote, the places in them, and texts that were taken out of them.
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

// The file of a pipeline, and behind it those that it includes: an offset says in which of them it is, and where.
class SourceText {
 public:
  // `name` is the path as the user gave it. `text` is valid UTF-8 without a byte order mark.
  SourceText(std::string name, std::string text);
  // One more file; where its text begins.
  std::uint32_t add(std::string name, std::string_view text);

  // The name of the file that holds the place.
  const std::string& name(std::uint32_t offset = 0) const { return file(offset).name; }
  // Whether a place is in the file that came first.
  bool in_first(std::uint32_t offset) const { return &file(offset) == files_.data(); }
  // Of all files, a line end behind each that another follows.
  std::string_view text() const { return text_; }
  // In its own file.
  LineColumn locate(std::uint32_t offset) const;
  // `FILE:LINE:COLUMN`
  std::string place(std::uint32_t offset) const;
  // The line that holds the place, without its line end.
  std::string_view line(std::uint32_t offset) const;
  // Puts marks in place of characters that nobody may read; places stay as they are.
  void hide(Span span);

 private:
  struct File {
    std::string name;
    std::uint32_t begin = 0;
  };
  const File& file(std::uint32_t offset) const;
  void find_lines(std::uint32_t begin);

  std::vector<File> files_;
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
  // Where its file's text begins at `offset` of a SourceText.
  void move_by(std::uint32_t offset);

 private:
  std::uint32_t file_offset(std::uint32_t value_offset) const;

  std::string value_;
  Span whole_;
  std::vector<Run> runs_;
};

}  // namespace streamrun
