#include "runner/operator/standard_output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <iterator>

#include "runner/operator/file_descriptor.h"

namespace streamrun {

StandardOutput::StandardOutput(int descriptor) : descriptor_(descriptor), terminal_(::isatty(descriptor) != 0) {}

Result<> StandardOutput::write(std::string_view bytes) {
  return write_all(descriptor_, terminal_ ? show_controls(bytes) : bytes, "standard output");
}

std::string show_controls(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    if ((byte < 0x20 && byte != '\t' && byte != '\n') || byte == 0x7f) {
      fmt::format_to(std::back_inserter(shown), "\\x{:02X}", byte);
    } else if (byte == 0xc2 && next >= 0x80 && next < 0xa0) {
      fmt::format_to(std::back_inserter(shown), "\\x{:02X}", next);
      ++i;
    } else {
      shown += text[i];
    }
  }
  return shown;
}

}  // namespace streamrun
