#include "runner/base/source_text.h"

#include <algorithm>

namespace streamrun {

SourceText::SourceText(std::string name, std::string text) : text_(std::move(text)) {
  files_.push_back({std::move(name), 0});
  find_lines(0);
}

std::uint32_t SourceText::add(std::string name, std::string_view text) {
  // The place behind a file's last byte is its own, too.
  text_ += '\n';
  const auto begin = static_cast<std::uint32_t>(text_.size());
  text_ += text;
  files_.push_back({std::move(name), begin});
  find_lines(begin);
  return begin;
}

void SourceText::find_lines(std::uint32_t begin) {
  line_starts_.push_back(begin);
  for (std::size_t at = text_.find('\n', begin); at != std::string::npos; at = text_.find('\n', at + 1)) {
    line_starts_.push_back(static_cast<std::uint32_t>(at + 1));
  }
}

const SourceText::File& SourceText::file(std::uint32_t offset) const {
  return *(std::ranges::upper_bound(files_, offset, {}, &File::begin) - 1);
}

LineColumn SourceText::locate(std::uint32_t offset) const {
  offset = std::min(offset, static_cast<std::uint32_t>(text_.size()));
  const auto above = std::ranges::upper_bound(line_starts_, offset);
  const auto first = std::ranges::lower_bound(line_starts_, file(offset).begin);
  LineColumn place;
  place.line = static_cast<std::uint32_t>(above - first);
  for (std::uint32_t at = *(above - 1); at < offset; ++at) {
    if ((static_cast<unsigned char>(text_[at]) & 0xC0U) != 0x80U) ++place.column;
  }
  return place;
}

std::string SourceText::place(std::uint32_t offset) const {
  const LineColumn at = locate(offset);
  return name(offset) + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
}

std::string_view SourceText::line(std::uint32_t offset) const {
  const auto above = std::ranges::upper_bound(line_starts_, offset);
  const std::size_t begin = *(above - 1);
  const std::size_t end = above != line_starts_.end() ? *above - 1 : text_.size();
  std::string_view found = std::string_view(text_).substr(begin, end - begin);
  if (found.ends_with('\r')) found.remove_suffix(1);
  return found;
}

void SourceText::hide(Span span) {
  // By the bytes that a character has.
  constexpr std::string_view kMarks[] = {"*", "\u00b7", "\u2022", "\U0001f512"};
  for (std::size_t at = span.begin; at < std::min<std::size_t>(span.end, text_.size());) {
    const auto lead = static_cast<unsigned char>(text_[at]);
    const std::size_t bytes = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (lead != '\n' && lead != '\r') text_.replace(at, bytes, kMarks[bytes - 1]);
    at += bytes;
  }
}

LocatedText::LocatedText(std::string value, Span whole, std::vector<Run> runs)
    : value_(std::move(value)), whole_(whole), runs_(std::move(runs)) {}

std::uint32_t LocatedText::file_offset(std::uint32_t value_offset) const {
  const auto above = std::upper_bound(runs_.begin(), runs_.end(), value_offset,
                                      [](std::uint32_t offset, const Run& run) { return offset < run.value; });
  if (above == runs_.begin()) return whole_.begin + value_offset;
  const Run& run = *(above - 1);
  return run.verbatim ? run.file + (value_offset - run.value) : run.file;
}

void LocatedText::move_by(std::uint32_t offset) {
  whole_.begin += offset;
  whole_.end += offset;
  for (Run& run : runs_) run.file += offset;
}

Span LocatedText::span(std::uint32_t begin, std::uint32_t end) const {
  const auto size = static_cast<std::uint32_t>(value_.size());
  begin = std::min(begin, size);
  end = std::clamp(end, begin, size);
  const auto clip = [this](std::uint32_t at) { return std::clamp(at, whole_.begin, whole_.end); };
  Span found;
  found.begin = clip(file_offset(begin));
  found.end = found.begin;
  if (end == begin) return found;
  // The end is that of the last byte: behind it in a verbatim run, else where the next run starts.
  const std::uint32_t last = end - 1;
  const auto above = std::upper_bound(runs_.begin(), runs_.end(), last,
                                      [](std::uint32_t offset, const Run& run) { return offset < run.value; });
  const bool verbatim = above == runs_.begin() || (above - 1)->verbatim;
  if (verbatim) {
    found.end = clip(file_offset(last) + 1);
  } else {
    found.end = above == runs_.end() ? whole_.end : clip(above->file);
  }
  found.end = std::max(found.end, found.begin);
  return found;
}

}  // namespace streamrun
