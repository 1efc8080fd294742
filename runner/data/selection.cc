#include "runner/data/selection.h"

namespace streamrun {

Selection without(const Selection& selection, std::span<const std::uint32_t> rows) {
  if (rows.empty()) return selection;
  std::vector<std::uint32_t> left;
  left.reserve(selection.count());
  std::size_t next = 0;
  selection.for_each([&](std::uint32_t row) {
    while (next < rows.size() && rows[next] < row) ++next;
    if (next == rows.size() || rows[next] != row) left.push_back(row);
  });
  if (left.size() == selection.count()) return selection;
  return Selection::of(std::move(left));
}

}  // namespace streamrun
