#include "runner/data/csv_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <numeric>
#include <unordered_map>

#include "runner/base/diagnostic.h"
#include "runner/data/csv_fields.h"

namespace streamrun {
namespace {

struct Place {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

bool equal_but_for_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::string missing(const std::string& column, const std::vector<std::string>& names) {
  const auto twin = std::ranges::find_if(names, [&](const auto& name) { return equal_but_for_case(name, column); });
  std::string hint = did_you_mean(column, std::vector<std::string_view>(names.begin(), names.end()));
  if (twin != names.end()) {
    hint = fmt::format("; it has '{}', and names are case-sensitive", *twin);
  } else if (hint.empty()) {
    hint = "; `header: skip` reads fields in the order of the schema";
  }
  return fmt::format("the header has no column '{}'{}", column, hint);
}

}  // namespace

CsvLayout positional_layout(const Schema& schema) {
  CsvLayout layout;
  layout.fields = schema.columns.size();
  layout.positions.resize(layout.fields);
  std::iota(layout.positions.begin(), layout.positions.end(), 0);
  return layout;
}

CsvLayout named_layout(const Schema& schema, const std::vector<bool>& wanted, const CsvOptions& options,
                       std::string_view header) {
  CsvLayout layout;
  // What reads by words must not look behind the header.
  const std::string padded = std::string(header) + std::string(kPadding, '\0');
  const std::string_view text = std::string_view(padded).substr(0, header.size());
  const CsvCutter cutter(options);
  layout.fields = cutter.cut(text, {}, layout.fault);
  if (!layout.fault.empty()) {
    layout.fault = "the header: " + layout.fault;
    return layout;
  }
  std::vector<CsvField> fields(layout.fields);
  cutter.cut(text, fields, layout.fault);
  std::vector<std::string> names;
  std::unordered_map<std::string_view, Place> places;
  std::string spare;
  for (const CsvField& field : fields) {
    names.emplace_back(field.escaped  ? cutter.unescape(field.text, spare)
                       : field.quoted ? field.text
                                      : without_blanks(field.text, options.delimiter));
  }
  for (std::uint32_t i = 0; i < names.size(); ++i) {
    Place& place = places[names[i]];
    if (place.count++ == 0) place.first = i;
  }
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    const std::string& column = schema.columns[i].name;
    const auto found = places.find(column);
    if (found == places.end()) {
      layout.fault = missing(column, names);
      return layout;
    }
    if (found->second.count > 1 && i < wanted.size() && wanted[i]) {
      layout.fault = fmt::format(
          "the header has column '{}' {} times; rename them, or read fields in the order of the "
          "schema by `header: skip`",
          column, found->second.count);
      return layout;
    }
    layout.positions.push_back(found->second.first);
  }
  return layout;
}

}  // namespace streamrun
