#include "runner/operator/file_end.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "runner/base/shown_text.h"
#include "runner/data/record_splitter.h"
#include "runner/operator/byte_input.h"
#include "runner/operator/file_descriptor.h"

namespace streamrun {
namespace {

constexpr std::size_t kReadBytes = std::size_t{256} << 10;
constexpr std::size_t kShownBytes = 200;  // of a line, beyond as many as it should have

std::unique_ptr<ByteInput> range(int file, const std::string& path, std::uint64_t begin, std::uint64_t end) {
  return read_file_range(FileDescriptor(::fcntl(file, F_DUPFD_CLOEXEC, 0)), path, begin, end);
}

// Calls `see` with all bytes of [begin, end), in order.
template <class See>
Result<> read_through(int file, const std::string& path, std::uint64_t begin, std::uint64_t end, See&& see) {
  const auto input = range(file, path, begin, end);
  std::string bytes(kReadBytes, '\0');
  for (;;) {
    const auto n = input->read(bytes.data(), bytes.size());
    if (!n) return pass_on(n);
    if (*n == 0) return {};
    see(std::string_view(bytes.data(), *n));
  }
}

Result<> check_compression(const FileRules& rules, int file, std::uint64_t size, const std::string& path) {
  std::string first(std::min<std::uint64_t>(size, kMagicBytes), '\0');
  const auto read = range(file, path, 0, first.size())->read(first.data(), first.size());
  if (!read) return pass_on(read);
  const Compression found = compression_of(first);
  if (const std::string_view why = unread_compression(first); !why.empty() && rules.lines) {
    return failure(fmt::format("'{}' {}; write to another path, or move it away", path, why));
  }
  if (found == rules.compression) return {};
  if (rules.compression == Compression::none) {
    // Bytes that are written as they are may well be compressed.
    if (!rules.lines) return {};
    return failure(
        fmt::format("'{}' is compressed with {}, and rows behind it would not be; say `compression: {}`, or write "
                    "to another path",
                    path, name_of(found), name_of(found)));
  }
  return failure(fmt::format(
      "'{}' is {}, and rows behind it would be compressed with {}; say `compression: {}`, or write to "
      "another path",
      path, found == Compression::none ? "not compressed" : fmt::format("compressed with {}", name_of(found)),
      name_of(rules.compression), name_of(found)));
}

std::unexpected<Error> torn(const std::string& path, std::string_view what, std::uint64_t whole) {
  return failure(
      fmt::format("'{}' {}, as a write that was cut off leaves it; cut it back with `truncate -s {} {}`, or "
                  "move it away",
                  path, what, whole, path));
}

// How far the file holds anything but zero bytes, which a power cut leaves at the end.
Result<std::uint64_t> end_of_text(int file, std::uint64_t size, const std::string& path) {
  while (size != 0) {
    const std::uint64_t begin = size - std::min<std::uint64_t>(size, kReadBytes);
    std::uint64_t at = begin;
    std::uint64_t end = 0;
    auto read = read_through(file, path, begin, size, [&](std::string_view bytes) {
      const std::size_t last = bytes.find_last_not_of('\0');
      if (last != std::string_view::npos) end = at + last + 1;
      at += bytes.size();
    });
    if (!read) return pass_on(read);
    if (end != 0) return end;
    size = begin;
  }
  return size;
}

struct Lines {
  std::uint64_t whole = 0;  // behind the last line end that ends a row
  bool within_quotes = false;
};

Result<Lines> read_lines(const FileRules& rules, int file, std::uint64_t begin, std::uint64_t end,
                         const std::string& path) {
  Lines lines{begin};
  std::uint64_t at = begin;
  RecordSplitter splitter(rules.framing, begin == 0);
  auto read = read_through(file, path, begin, end, [&](std::string_view bytes) {
    splitter.scan(bytes, [&](std::size_t behind, std::uint64_t) {
      lines.whole = at + behind;
      return true;
    });
    at += bytes.size();
  });
  if (!read) return pass_on(read);
  lines.within_quotes = splitter.inside_quotes();
  return lines;
}

Result<FileEnd> inspect_lines(const FileRules& rules, int file, std::uint64_t size, const std::string& path,
                              std::optional<std::uint64_t> ours) {
  const auto end = end_of_text(file, size, path);
  if (!end) return pass_on(end);
  if (ours) {
    const auto lines = read_lines(rules, file, *ours, std::max(*end, *ours), path);
    if (!lines) return pass_on(lines);
    return FileEnd{lines->whole};
  }
  if (*end != size) return torn(path, fmt::format("ends in {} zero bytes", size - *end), *end);
  // A line end does not tell whether a quote is open: only all that is before it does.
  if (rules.framing.quoted()) {
    const auto lines = read_lines(rules, file, 0, size, path);
    if (!lines) return pass_on(lines);
    if (lines->within_quotes) return torn(path, "ends within quotes", lines->whole);
  }
  char last = '\n';
  if (const auto read = range(file, path, size - 1, size)->read(&last, 1); !read) return pass_on(read);
  return FileEnd{size, last != '\n'};
}

// Rows must not go under the names of other columns.
Result<> check_header(const FileRules& rules, int file, std::uint64_t size, const std::string& path) {
  std::string_view header = rules.header;
  if (header.empty()) return {};
  header = header.substr(0, header.find_last_not_of("\r\n") + 1);
  const auto input = decompress(rules.compression, range(file, path, 0, size), path);
  std::string first(header.size() + kShownBytes, '\0');
  std::size_t there = 0;
  while (there != first.size()) {
    const auto n = input->read(first.data() + there, first.size() - there);
    // What is torn is found where the end is looked at.
    if (!n && n.error().kind != ErrorKind::input) return pass_on(n);
    if (!n || *n == 0) break;
    there += *n;
  }
  const std::string_view begin = without_mark(std::string_view(first).substr(0, there));
  if (there == 0) return {};
  if (begin.starts_with(header) && begin.substr(header.size()).find_first_not_of("\r\n") != 0) return {};
  return failure(
      fmt::format("'{}' begins with the line '{}', and the header of this output is '{}': its rows would stand "
                  "under the names of others; give `columns` as they are there, write to another path, or "
                  "move the file away",
                  path, shown_text(begin.substr(0, begin.find_first_of("\r\n"))), shown_text(header)));
}

}  // namespace

Result<FileEnd> inspect_end(const FileRules& rules, int file, std::uint64_t size, const std::string& path,
                            std::optional<std::uint64_t> ours) {
  if (size == 0) return FileEnd{};
  // Of a new file that is ours there may be no more than a beginning.
  if (!ours || *ours != 0) {
    if (auto same = check_compression(rules, file, size, path); !same) return pass_on(same);
  }
  if (!ours) {
    if (auto same = check_header(rules, file, size, path); !same) return pass_on(same);
  }
  if (rules.compression == Compression::none) {
    return rules.lines ? inspect_lines(rules, file, size, path, ours) : FileEnd{size};
  }
  const std::uint64_t begin = ours.value_or(0);
  RecordSplitter splitter(rules.framing, true);
  const auto whole = whole_members(rules.compression, range(file, path, begin, size), path, [&](std::string_view text) {
    if (rules.lines && rules.framing.quoted()) splitter.scan(text, [](std::size_t, std::uint64_t) { return true; });
  });
  if (!whole) return pass_on(whole);
  if (begin + whole->bytes == size) {
    if (!ours && splitter.inside_quotes()) {
      return failure(
          fmt::format("'{}' ends within quotes, and rows behind them would be text in them; move it away, or "
                      "write to another path",
                      path));
    }
    return FileEnd{size, rules.lines && whole->last != '\n' && whole->last != '\0'};
  }
  if (ours) return FileEnd{begin + whole->bytes};
  return torn(path,
              fmt::format("does not end with a whole {} member: the last {} bytes are not complete",
                          name_of(rules.compression), size - whole->bytes),
              whole->bytes);
}

}  // namespace streamrun
