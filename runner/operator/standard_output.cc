#include "runner/operator/standard_output.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <iterator>
#include <memory>
#include <utility>

#include "runner/operator/file_descriptor.h"

namespace streamrun {

namespace {

// Whether an output of the run writes there.
struct StandardOutputUse {
  bool any = false;

  static StandardOutputUse& of(const Environment& environment) {
    return **environment.shared->get<StandardOutputUse>(
        [] { return Result<std::shared_ptr<StandardOutputUse>>(std::make_shared<StandardOutputUse>()); });
  }
};

}  // namespace

StandardOutput::StandardOutput(const Environment& environment)
    : disk_(*environment.disk), descriptor_(environment.output), terminal_(::isatty(descriptor_) != 0) {
  StandardOutputUse::of(environment).any = true;
}

Result<> check_not_standard_output(const Environment& environment, const std::string& path, std::uint64_t device,
                                   std::uint64_t inode) {
  struct stat status{};
  if (!StandardOutputUse::of(environment).any || ::fstat(environment.output, &status) != 0 ||
      !S_ISREG(status.st_mode) || status.st_dev != device || status.st_ino != inode) {
    return {};
  }
  return failure(
      fmt::format("'{}' is the file that standard output goes to, and an output writes there: its rows would be "
                  "read again; send standard output to a file that is not read",
                  path));
}

Result<> StandardOutput::Text::write(std::string_view bytes) {
  const std::uint64_t from = std::exchange(at_, at_ + bytes.size());
  if (at_ <= written_) return {};
  if (from < written_) bytes.remove_prefix(written_ - from);
  const std::string shown = output_.terminal_ ? show_controls(bytes) : std::string();
  const std::string_view all = output_.terminal_ ? shown : bytes;
  std::string_view rest = all.substr(shown_);
  auto done = write_rest(output_.disk_, output_.descriptor_, rest, "standard output");
  if (done) {
    written_ = at_;
    shown_ = 0;
  } else if (output_.terminal_) {
    shown_ = all.size() - rest.size();
  } else {
    written_ = at_ - rest.size();
  }
  return done;
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
