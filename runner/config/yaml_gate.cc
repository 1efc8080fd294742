#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runner/config/yaml.h"
#include "runner/config/yaml_places.h"
#include "runner/operator/file_descriptor.h"

namespace streamrun {
namespace {

constexpr std::size_t kMostBrackets = 10'000;

std::string too_large() {
  return "the file is larger than 1 MiB; a pipeline is text that somebody wrote";
}

Span byte_at(std::size_t at) {
  return {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + 1)};
}

}  // namespace

std::optional<SourceText> load_source_text(const std::string& path, Diagnostics& diagnostics) {
  const auto refusal = [&](std::string code, std::string message) {
    diagnostics.error(std::move(code), {}, std::move(message));
    return std::nullopt;
  };
  // Opening a FIFO for reading would wait for its writer; a device may never end.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) return refusal("unreadable-file", fmt::format("cannot be opened: {}", std::strerror(errno)));
  struct stat facts{};
  if (::fstat(file.get(), &facts) != 0) {
    return refusal("unreadable-file", fmt::format("cannot be read: {}", std::strerror(errno)));
  }
  if (S_ISDIR(facts.st_mode)) return refusal("not-a-file", "is a folder; name the pipeline's file");
  if (!S_ISREG(facts.st_mode)) {
    return refusal("not-a-file", "is no regular file (a pipe or a device); write the pipeline to a file");
  }
  std::string text;
  while (text.size() <= kLargestText) {
    const std::size_t before = text.size();
    text.resize(before + 65536);
    const ssize_t got = ::read(file.get(), text.data() + before, 65536);
    if (got < 0 && errno == EINTR) {
      text.resize(before);
      continue;
    }
    if (got < 0) return refusal("unreadable-file", fmt::format("cannot be read: {}", std::strerror(errno)));
    text.resize(before + static_cast<std::size_t>(got));
    if (got == 0) break;
  }
  if (text.size() > kLargestText) return refusal("too-large", too_large());
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  return SourceText(path, std::move(text));
}

bool check_text(const SourceText& source, Diagnostics& diagnostics) {
  const std::string_view text = source.text();
  if (text.size() > kLargestText) {
    diagnostics.error("too-large", {}, too_large());
    return false;
  }
  const bool marked = text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF");
  if (marked || (text.size() >= 2 && (text[0] == '\0') != (text[1] == '\0'))) {
    diagnostics.error("bad-utf8", {}, "the file looks like UTF-16; save it as UTF-8");
    return false;
  }
  if (const std::size_t at = find_invalid_utf8(text); at != std::string_view::npos) {
    diagnostics.error(
        "bad-utf8", byte_at(at),
        fmt::format("the byte 0x{:02x} is not UTF-8; save the file as UTF-8", static_cast<unsigned char>(text[at])));
    return false;
  }
  std::size_t brackets = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    const bool c0 = (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F;
    // U+0080 to U+009F, which terminals obey too.
    const auto next = at + 1 < text.size() ? static_cast<unsigned char>(text[at + 1]) : 0U;
    const bool c1 = c == 0xC2 && next >= 0x80 && next < 0xA0 && next != 0x85;
    if (c0 || c1) {
      diagnostics.error(
          "control-character", {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + (c1 ? 2 : 1))},
          fmt::format("the control character 0x{:02x} cannot stand in a pipeline; write it as \"\\x{:02x}\" "
                      "if it is meant",
                      c1 ? next : c, c1 ? next : c));
      return false;
    }
    if (c == '\r' && (at + 1 == text.size() || text[at + 1] != '\n')) {
      diagnostics.error("control-character", byte_at(at),
                        "a carriage return alone ends no line; save the file with line ends LF, or CRLF");
      return false;
    }
    if ((c == '[' || c == '{') && ++brackets > kMostBrackets) {
      diagnostics.error("too-many-nodes", byte_at(at), "more than 10,000 brackets and braces in one file");
      return false;
    }
  }
  return true;
}

}  // namespace streamrun
