#include "runner/data/raw_records.h"

#include <algorithm>
#include <utility>

namespace streamrun {

std::vector<RowError> RowErrors::take() {
  std::vector<RowError> errors = std::exchange(errors_, {});
  std::ranges::stable_sort(errors, {}, &RowError::row);
  const auto rest = std::ranges::unique(errors, {}, &RowError::row);
  errors.erase(rest.begin(), rest.end());
  return errors;
}

}  // namespace streamrun
