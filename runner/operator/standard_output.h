// Standard output, shared by the sinks that write to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "runner/base/result.h"
#include "runner/operator/environment.h"

namespace streamrun {

// What data holds of control bytes is shown, not obeyed, where a person's terminal reads it. One thread at a time.
class StandardOutput {
 public:
  explicit StandardOutput(const Environment& environment);

  // A text that goes out in several writes. An attempt that failed is made again from the text's beginning: what has
  // gone out already is passed over, to the byte.
  class Text {
   public:
    explicit Text(const StandardOutput& output) : output_(output) {}
    void begin() { at_ = 0; }
    Result<> write(std::string_view bytes);
    // All of it is written: the next one has nothing to pass over.
    void end() { written_ = at_ = 0; }

   private:
    const StandardOutput& output_;
    std::uint64_t at_ = 0;       // where the attempt stands
    std::uint64_t written_ = 0;  // bytes of the text that have gone out
    std::size_t shown_ = 0;      // and of what is shown for those behind them
  };

 private:
  Disk& disk_;
  int descriptor_;
  bool terminal_;
};

// An error where the file that a source reads, known by device and inode, is the one that standard output goes to, and
// an output of the run writes there: it would read what it has made, without end.
Result<> check_not_standard_output(const Environment& environment, const std::string& path, std::uint64_t device,
                                   std::uint64_t inode);

// `\x1B` for what a terminal would act on: C0 and C1 controls but tab and line feed.
std::string show_controls(std::string_view text);

}  // namespace streamrun
