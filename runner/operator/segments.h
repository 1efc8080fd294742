// Values in segments of a fixed size: growing copies none, and leaves each where it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace streamrun {

template <class T>
class Segments {
 public:
  static constexpr std::uint32_t kRows = 1024;

  const T& operator[](std::uint32_t i) const { return segments_[i / kRows][i % kRows]; }
  void push_back(const T& value) {
    if (size_ % kRows == 0) segments_.push_back(std::make_unique_for_overwrite<T[]>(kRows));
    segments_[size_ / kRows][size_ % kRows] = value;
    ++size_;
  }
  std::uint32_t size() const { return size_; }
  void clear() {
    segments_ = {};
    size_ = 0;
  }
  std::size_t bytes() const { return segments_.size() * kRows * sizeof(T); }

 private:
  std::vector<std::unique_ptr<T[]>> segments_;
  std::uint32_t size_ = 0;
};

}  // namespace streamrun
