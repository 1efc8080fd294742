// Which field of a CSV record is which column.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runner/data/codec.h"

namespace streamrun {

struct CsvLayout {
  std::size_t fields = 0;                // of a record
  std::vector<std::uint32_t> positions;  // of the schema's columns among them
  std::string fault;                     // of the header: nothing behind it can be read
};

// In the order of the schema.
CsvLayout positional_layout(const Schema& schema);
// By the names of a header, in which blanks around a name that is not quoted do not count. Every column of the schema
// must be there, those that are wanted once.
CsvLayout named_layout(const Schema& schema, const std::vector<bool>& wanted, const CsvOptions& options,
                       std::string_view header);

}  // namespace streamrun
