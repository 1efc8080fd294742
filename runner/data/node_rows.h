// Rows that stand in a pipeline file: of a `queue`, of `tables: {rows: …}`, of tests.
#pragma once

#include <span>
#include <vector>

#include "runner/base/diagnostic.h"
#include "runner/base/syntax_tree.h"
#include "runner/data/column.h"

namespace streamrun {

// Each row is a mapping of the schema's columns (hidden ones too); one that is left out is null. Values are
// read from the scalars' texts in the forms of JSON, so decimals and bigints keep every digit. An unknown
// column, or a value that is not of its type, is a diagnostic at its place.
std::vector<ColumnPtr> columns_of_rows(std::span<const SyntaxNode> rows, const Schema& schema,
                                       Diagnostics& diagnostics);

// The type of column `value` where rows are bare scalars: bigint, double, boolean or string, as YAML reads
// them, widened over all (bigint with double is double; anything else mixed is string).
Type type_of_scalars(std::span<const SyntaxNode> rows, Type so_far);
// Bare scalars as column `value`.
ColumnPtr column_of_scalars(std::span<const SyntaxNode> rows, const Type& type, Diagnostics& diagnostics);

}  // namespace streamrun
