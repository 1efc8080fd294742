// Rows that must stay apart while they wait: each behind its length, since a row may hold line ends.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "runner/base/result.h"

namespace streamrun {

// Appends what `encode(out)` appends, as one row.
template <class Encode>
void append_frame(std::string& out, Encode&& encode) {
  const std::size_t at = out.size();
  out.resize(at + sizeof(std::uint32_t));
  encode(out);
  const auto size = static_cast<std::uint32_t>(out.size() - at - sizeof(std::uint32_t));
  std::memcpy(out.data() + at, &size, sizeof size);
}

// Bytes that a row takes with its length.
inline std::size_t frame_size(std::string_view row) {
  return sizeof(std::uint32_t) + row.size();
}

// Takes bytes that may be cut anywhere, gives whole rows.
class FrameReader {
 public:
  template <class Take>
  Result<> read(std::string_view bytes, Take&& take) {
    while (!bytes.empty()) {
      if (carried_.empty() && bytes.size() >= kLength && bytes.size() >= end_of(bytes)) {
        if (auto taken = take(bytes.substr(kLength, end_of(bytes) - kLength)); !taken) return taken;
        bytes.remove_prefix(end_of(bytes));
        continue;
      }
      const std::size_t wanted = carried_.size() < kLength ? kLength : end_of(carried_);
      const std::string_view part = bytes.substr(0, wanted - carried_.size());
      carried_ += part;
      bytes.remove_prefix(part.size());
      if (carried_.size() < kLength || carried_.size() < end_of(carried_)) continue;
      if (auto taken = take(std::string_view(carried_).substr(kLength)); !taken) return taken;
      carried_.clear();
    }
    return {};
  }

 private:
  static constexpr std::size_t kLength = sizeof(std::uint32_t);
  static std::size_t end_of(std::string_view frame) {
    std::uint32_t size = 0;
    std::memcpy(&size, frame.data(), sizeof size);
    return kLength + size;
  }

  std::string carried_;
};

}  // namespace streamrun
