#include "runner/operator/name_shape.h"

#include <fnmatch.h>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace streamrun {
namespace {

// Control bytes, which stand in no name: a period where a component begins, which nothing but a period matches, and a
// byte of a value of which nothing is known.
constexpr unsigned char kLeadingPeriod = 2;
constexpr char kAnyByte = 1;

constexpr std::string_view kTwoDigits = "[0-9][0-9]";

// Of conversions that are no more than others, or of one length.
constexpr std::pair<char, std::string_view> kComposed[] = {{'c', "%a %b %e %H:%M:%S %Y"},
                                                           {'D', "%m/%d/%y"},
                                                           {'F', "%Y-%m-%d"},
                                                           {'h', "%b"},
                                                           {'r', "%I:%M:%S %p"},
                                                           {'R', "%H:%M"},
                                                           {'T', "%H:%M:%S"},
                                                           {'x', "%m/%d/%y"},
                                                           {'X', "%H:%M:%S"}};
constexpr std::pair<char, std::string_view> kGlobs[] = {{'a', "[A-Z][a-z][a-z]"},
                                                        {'b', "[A-Z][a-z][a-z]"},
                                                        {'C', "[12][0-9]"},
                                                        {'d', "[0-3][0-9]"},
                                                        {'e', "[ 1-3][0-9]"},
                                                        {'G', "[12][0-9][0-9][0-9]"},
                                                        {'H', "[0-2][0-9]"},
                                                        {'I', "[01][0-9]"},
                                                        {'j', "[0-3][0-9][0-9]"},
                                                        {'m', "[01][0-9]"},
                                                        {'M', "[0-5][0-9]"},
                                                        {'n', "\n"},
                                                        {'p', "[AP]M"},
                                                        {'S', "[0-6][0-9]"},
                                                        {'t', "\t"},
                                                        {'u', "[1-7]"},
                                                        {'U', "[0-5][0-9]"},
                                                        {'V', "[0-5][0-9]"},
                                                        {'w', "[0-6]"},
                                                        {'W', "[0-5][0-9]"},
                                                        {'Y', "[12][0-9][0-9][0-9]"},
                                                        {'z', "+0000"},
                                                        {'Z', "GMT"}};

bool at_component_start(const NameShape& shape) {
  return shape.empty() || (!shape.back().repeats && shape.back().bytes.count() == 1 && shape.back().bytes['/']);
}

// What `?` or one `[…]` matches.
std::bitset<256> bytes_of(const std::string& glob) {
  std::bitset<256> bytes;
  for (unsigned byte = 1; byte < 256; ++byte) {
    const char name[] = {static_cast<char>(byte), '\0'};
    bytes[byte] = ::fnmatch(glob.c_str(), name, FNM_PATHNAME) == 0;
  }
  return bytes.reset(kLeadingPeriod);
}

// Where the `]` of a bracket that begins at `begin` is; npos: it is no bracket.
std::size_t bracket_end(std::string_view glob, std::size_t begin) {
  std::size_t i = begin + 1;
  if (i < glob.size() && (glob[i] == '!' || glob[i] == '^')) ++i;
  if (i < glob.size() && glob[i] == ']') ++i;
  for (; i < glob.size() && glob[i] != '/'; ++i) {
    if (glob[i] == ']') return i;
    if (glob[i] == '\\') ++i;
    if (glob[i] != '[' || i + 1 >= glob.size() || std::string_view(":.=").find(glob[i + 1]) == std::string_view::npos) {
      continue;
    }
    const std::size_t close = glob.find(std::string{glob[i + 1], ']'}, i + 2);
    if (close != std::string_view::npos) i = close + 1;
  }
  return std::string_view::npos;
}

void add_letters(NameShape& shape) {
  add_glob("[A-Z]", shape);
  shape.push_back({bytes_of("[a-z]"), true});
}

}  // namespace

void add_text(std::string_view text, NameShape& shape) {
  for (const char c : text) {
    // However many slashes stand together, they are one.
    if (c == '/' && !shape.empty() && at_component_start(shape)) continue;
    const bool leads = c == '.' && at_component_start(shape);
    shape.emplace_back().bytes.set(leads ? kLeadingPeriod : static_cast<unsigned char>(c));
  }
}

void add_glob(std::string_view glob, NameShape& shape) {
  for (std::size_t i = 0; i < glob.size(); ++i) {
    const std::size_t end = glob[i] == '[' ? bracket_end(glob, i) : std::string_view::npos;
    if (glob[i] == '*' || glob[i] == '?') {
      shape.push_back({bytes_of("?"), glob[i] == '*'});
    } else if (end != std::string_view::npos) {
      shape.push_back({bytes_of(std::string(glob.substr(i, end + 1 - i))), false});
      i = end;
    } else {
      if (glob[i] == '\\' && i + 1 < glob.size()) ++i;
      add_text(glob.substr(i, 1), shape);
    }
  }
}

void add_number(NameShape& shape) {
  add_glob("[0-9]", shape);
  shape.push_back({bytes_of("[0-9]"), true});
}

void add_time(char conversion, NameShape& shape) {
  if (conversion == 's') return add_number(shape);
  if (conversion == 'A' || conversion == 'B') return add_letters(shape);
  if (const auto* const found = std::ranges::find(kComposed, conversion, &std::pair<char, std::string_view>::first);
      found != std::end(kComposed)) {
    for (std::size_t i = 0; i < found->second.size(); ++i) {
      if (found->second[i] == '%') {
        add_time(found->second[++i], shape);
      } else {
        add_text(found->second.substr(i, 1), shape);
      }
    }
    return;
  }
  const auto* const found = std::ranges::find(kGlobs, conversion, &std::pair<char, std::string_view>::first);
  add_glob(found == std::end(kGlobs) ? kTwoDigits : found->second, shape);
}

// More bytes than any likely glob has `?`s.
void add_any_value(NameShape& shape) {
  add_text(std::string(32, kAnyByte), shape);
}

bool have_common_name(const NameShape& a, const NameShape& b) {
  // Of the parts of `a` from one on, by the parts of `b` from one on: whether some name is of both.
  std::vector<bool> behind(b.size() + 1, false);
  for (std::size_t i = a.size() + 1; i-- > 0;) {
    std::vector<bool> here(b.size() + 1, false);
    for (std::size_t j = b.size() + 1; j-- > 0;) {
      const bool more_a = i < a.size();
      const bool more_b = j < b.size();
      bool common = !more_a && !more_b;
      if (more_a && a[i].repeats) common = common || behind[j];
      if (more_b && b[j].repeats) common = common || here[j + 1];
      // One byte of both; of two that repeat it changes nothing.
      if (!common && more_a && more_b && !(a[i].repeats && b[j].repeats) && (a[i].bytes & b[j].bytes).any()) {
        common = a[i].repeats ? here[j + 1] : b[j].repeats ? behind[j] : behind[j + 1];
      }
      here[j] = common;
    }
    behind = std::move(here);
  }
  return behind[0];
}

std::string literal_folder(const NameShape& shape) {
  std::string text;
  for (const NamePart& part : shape) {
    if (part.repeats || part.bytes.count() != 1) break;
    const std::size_t byte = part.bytes._Find_first();
    text += byte == kLeadingPeriod ? '.' : static_cast<char>(byte);
  }
  text.resize(text.rfind('/') + 1);
  return text;
}

}  // namespace streamrun
