// What a reader of a stream of bytes knows of a morsel's records besides their bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace streamrun {

struct StreamContext {
  static constexpr std::uint32_t kNoHeader = ~std::uint32_t{0};

  bool framed = false;  // records were cut at line ends, so that none stands outside of quotes
  // The record that names the columns of the file they are of, if the format has one. records[header_at] is it, and
  // what stands before it is blank; kNoHeader: it is in a morsel before.
  std::shared_ptr<const std::string> header;
  std::uint32_t header_at = kNoHeader;
};

}  // namespace streamrun
