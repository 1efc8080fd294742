// Rows expected and rows that came, one below the other.
#pragma once

#include <string>
#include <vector>

namespace streamrun {

// `  row` for those that are alike, `- row` for those that are missing, `+ row` for those that are not expected.
std::string row_diff(const std::vector<std::string>& expected, const std::vector<std::string>& got,
                     const std::string& indent);

}  // namespace streamrun
