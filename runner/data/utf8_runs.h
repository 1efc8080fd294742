// Whether records are UTF-8: those that lie side by side are looked at together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "runner/data/text_scan.h"
#include "runner/data/text_value.h"

namespace streamrun {

class Utf8Runs {
 public:
  explicit Utf8Runs(std::span<const std::string_view> records) : records_(records) {}

  // Of a record that is no tombstone; rows ascend.
  bool valid(std::uint32_t row) {
    if (row >= checked_) {
      checked_ = run_end(records_, row, kBlockBytes);
      const char* const begin = records_[row].data();
      const std::string_view last = records_[checked_ - 1];
      valid_ = is_utf8({begin, static_cast<std::size_t>(last.data() + last.size() - begin)});
    }
    return valid_ || is_utf8(records_[row]);
  }

 private:
  static constexpr std::size_t kBlockBytes = std::size_t{64} << 10;

  std::span<const std::string_view> records_;
  std::uint32_t checked_ = 0;  // of records before this one, from the one last asked for on, valid_ tells
  bool valid_ = true;
};

}  // namespace streamrun
