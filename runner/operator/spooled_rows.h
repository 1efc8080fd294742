// Rows as bytes, for a spool: read back by the process that wrote them.
#pragma once

#include <string>
#include <vector>

#include "runner/data/column.h"
#include "runner/data/selection.h"
#include "runner/data/type.h"
#include "runner/operator/byte_spool.h"

namespace streamrun {

// Appends the selected rows; columns that are null stay so.
void write_rows(const std::vector<ColumnPtr>& columns, const Selection& selection, std::string& out);
// Of columns that `schema` begins with.
std::vector<ColumnPtr> read_rows(const Schema& schema, SpooledBytes bytes);

}  // namespace streamrun
