#include "runner/cli/row_diff.h"

#include <algorithm>
#include <cstdint>

#include "runner/base/shown_text.h"

namespace streamrun {
namespace {

constexpr std::size_t kMostPairs = 4'000'000;  // of rows that are set against each other

// lengths[i][j]: the longest common subsequence of what follows row i of `a` and row j of `b`.
std::vector<std::vector<std::uint32_t>> common_lengths(const std::vector<std::string>& a,
                                                       const std::vector<std::string>& b) {
  std::vector<std::vector<std::uint32_t>> lengths(a.size() + 1, std::vector<std::uint32_t>(b.size() + 1, 0));
  for (std::size_t i = a.size(); i-- > 0;) {
    for (std::size_t j = b.size(); j-- > 0;) {
      lengths[i][j] = a[i] == b[j] ? lengths[i + 1][j + 1] + 1 : std::max(lengths[i + 1][j], lengths[i][j + 1]);
    }
  }
  return lengths;
}

}  // namespace

std::string row_diff(const std::vector<std::string>& expected, const std::vector<std::string>& got,
                     const std::string& indent) {
  std::string out;
  std::size_t i = 0;
  std::size_t j = 0;
  const auto add = [&](const char* mark, const std::string& row) { out += indent + mark + shown_text(row) + '\n'; };
  if ((expected.size() + 1) * (got.size() + 1) <= kMostPairs) {
    const auto lengths = common_lengths(expected, got);
    while (i < expected.size() && j < got.size()) {
      if (expected[i] == got[j]) {
        add("  ", expected[i++]);
        ++j;
      } else if (lengths[i + 1][j] >= lengths[i][j + 1]) {
        add("- ", expected[i++]);
      } else {
        add("+ ", got[j++]);
      }
    }
  }
  while (i < expected.size()) add("- ", expected[i++]);
  while (j < got.size()) add("+ ", got[j++]);
  return out;
}

}  // namespace streamrun
