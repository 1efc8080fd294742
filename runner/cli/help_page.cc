#include "runner/cli/help_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace streamrun {
namespace {

constexpr std::size_t kWidth = 100;      // of a line, in characters
constexpr std::size_t kWidestName = 26;  // wider ones stand on a line of their own

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

// `text` broken at blanks, every line but the first behind `indent` blanks; the first begins at `column`.
std::string wrap(std::string_view text, std::size_t indent, std::size_t column) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (column > indent && column + characters(word) > kWidth) {
      while (out.ends_with(' ')) out.pop_back();
      out += '\n' + std::string(indent, ' ');
      column = indent;
    }
    out += word;
    column += characters(word);
    if (!text.empty()) {
      out += ' ';
      ++column;
    }
  }
  return out + '\n';
}

std::string padded(std::string_view text, std::size_t width) {
  const std::size_t used = characters(text);
  return std::string(text) + std::string(used < width ? width - used : 0, ' ');
}

std::size_t widest(const std::vector<HelpRow>& rows) {
  std::size_t width = 0;
  for (const HelpRow& row : rows) {
    const std::size_t own = characters(row.name);
    if (own <= kWidestName) width = std::max(width, own);
  }
  return width;
}

// The form beside the name, the help below it; without a form the help stands beside the name.
std::string render_rows(const std::vector<HelpRow>& rows, std::size_t width) {
  std::string out;
  const std::size_t indent = width + 4;
  for (const HelpRow& row : rows) {
    out += "  " + padded(row.name, width) + "  ";
    if (characters(row.name) > width) out += '\n' + std::string(indent, ' ');
    if (!row.form.empty()) out += wrap(row.form, indent, indent) + std::string(indent, ' ');
    out += wrap(row.help, indent, indent);
  }
  return out;
}

}  // namespace

std::string render_page(const HelpPage& page) {
  std::string out = wrap(fmt::format("{}: {}", page.name, page.summary), 2, 0);
  for (const std::string& fact : page.facts) out += wrap(fact, 2, 0);
  for (const HelpSection& section : page.sections) {
    if (section.rows.empty()) continue;
    out += fmt::format("\n{}\n{}", section.title, render_rows(section.rows, widest(section.rows)));
  }
  if (page.example.empty()) return out;
  out += "\nExample\n";
  for (std::string_view left = page.example; !left.empty();) {
    const std::size_t end = std::min(left.find('\n'), left.size());
    out += fmt::format("  {}\n", left.substr(0, end));
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  return out;
}

std::string render_index(const std::string& title, const std::vector<HelpSection>& sections, const std::string& more) {
  std::size_t width = 0;
  for (const HelpSection& section : sections) width = std::max(width, widest(section.rows));
  std::string out = title + '\n';
  for (const HelpSection& section : sections) {
    out += '\n';
    if (!section.title.empty()) out += section.title + '\n';
    out += render_rows(section.rows, width);
  }
  if (!more.empty()) out += '\n' + more + '\n';
  return out;
}

}  // namespace streamrun
