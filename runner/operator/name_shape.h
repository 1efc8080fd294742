// Names of files of which parts are not known yet: what a glob matches, what a path with placeholders may become.
#pragma once

#include <bitset>
#include <string>
#include <string_view>
#include <vector>

namespace streamrun {

// One byte of those that may stand there; or any number of them, none too.
struct NamePart {
  std::bitset<256> bytes;
  bool repeats = false;
};
using NameShape = std::vector<NamePart>;

void add_text(std::string_view text, NameShape& shape);
// As fnmatch has it with FNM_PATHNAME and FNM_PERIOD: `*`, `?` and `[…]` within one component, `\` before what is meant
// as it stands.
void add_glob(std::string_view glob, NameShape& shape);
// What a strftime conversion (`%Y`: 'Y') gives of times from the year 1000 to 2999.
void add_time(char conversion, NameShape& shape);
void add_number(NameShape& shape);
// Of a value of which nothing is known: only what matches every value matches it.
void add_any_value(NameShape& shape);

// Whether some name is of both shapes.
bool have_common_name(const NameShape& a, const NameShape& b);

// Its text up to and with the last slash before what is not known.
std::string literal_folder(const NameShape& shape);

}  // namespace streamrun
