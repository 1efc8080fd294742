#include "runner/expr/functions/placing.h"

#include <numeric>

#include "runner/expr/node.h"

namespace streamrun {

void place_rows(const KernelCall& call, const ColumnPtr& values, const std::vector<std::uint32_t>& rows) {
  std::uint32_t i = 0;
  with_storage(call.out.type().kind(), [&]<class T>() {
    if constexpr (std::is_void_v<T>) {
      std::vector<std::uint32_t> from(call.out.slots(), kNoValue);
      call.selection.for_each([&](std::uint32_t row) {
        const std::uint32_t at = rows[i++];
        if (at == kNoValue || values->is_null(at)) {
          call.out.set_null(call.out.slot(row));
        } else {
          from[call.out.slot(row)] = at;
        }
      });
      call.out.children.clear();
      for (const ColumnPtr& field : values->children) call.out.children.push_back(take_rows(*field, from));
    } else {
      T* out = call.out.values<T>();
      call.selection.for_each([&](std::uint32_t row) {
        const std::uint32_t at = rows[i++];
        if (at == kNoValue || values->is_null(at)) {
          out[row] = T{};
          call.out.set_null(call.out.slot(row));
        } else {
          out[row] = values->value<T>(at);
        }
      });
      call.out.children = values->children;
    }
  });
  call.out.keep_heaps_of(*values);
}

void place_rows(const KernelCall& call, const ColumnPtr& values) {
  std::vector<std::uint32_t> rows(values->rows());
  std::iota(rows.begin(), rows.end(), 0U);
  place_rows(call, values, rows);
}

}  // namespace streamrun
