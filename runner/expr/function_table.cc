#include <string>
#include <unordered_map>

#include "runner/expr/functions/lists.h"

namespace streamrun {

namespace {

std::string folded(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

struct Table {
  std::vector<Function> functions;
  std::unordered_map<std::string, std::size_t> by_name;

  void add(std::vector<Function> list) {
    for (Function& function : list) {
      if (by_name.contains(folded(function.names.front()))) continue;
      for (const std::string_view name : function.names) by_name.try_emplace(folded(name), functions.size());
      functions.push_back(std::move(function));
    }
  }
};

const Table& table() {
  static const Table kTable = [] {
    Table out;
    for (const auto make :
         {math_functions,         rounding_functions,      number_functions,     null_functions,      special_functions,
          string_functions,       string_search_functions, concat_functions,     encoding_functions,  format_functions,
          hash_functions,         url_functions,           like_functions,       regex_functions,     time_functions,
          time_text_functions,    time_zone_functions,     array_functions,      array_set_functions, map_functions,
          higher_order_functions, json_functions,          variant_functions,    sum_aggregates,      pick_aggregates,
          moment_aggregates,      collection_aggregates,   arithmetic_functions, comparison_functions}) {
      out.add(make());
    }
    return out;
  }();
  return kTable;
}

}  // namespace

const Function* find_function(std::string_view name) {
  const auto found = table().by_name.find(folded(name));
  return found == table().by_name.end() ? nullptr : &table().functions[found->second];
}

std::span<const Function> all_functions() {
  return table().functions;
}

}  // namespace streamrun
