// Bytes in, one after the other: of a file, and of what is compressed in one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "runner/base/result.h"
#include "runner/operator/file_descriptor.h"

namespace streamrun {

// One thread at a time.
class ByteInput {
 public:
  virtual ~ByteInput() = default;
  // Up to `size` bytes, at least one; 0 is the end.
  virtual Result<std::size_t> read(char* into, std::size_t size) = 0;
  // Lines of a record that is too long which read() has passed over since this was asked last.
  virtual std::uint64_t left_out_lines() { return 0; }
};

enum class Compression : std::uint8_t { none, gzip, zstd, lz4 };

// Bytes of a file that tell how it is compressed.
constexpr std::size_t kMagicBytes = 8;
Compression compression_of(std::string_view first_bytes);
std::string_view name_of(Compression compression);
// What they say of a compression that is not read, and what to do: empty if they do not.
std::string_view unread_compression(std::string_view first_bytes);
// The length of the frame that begins so, if it is one that zstd and lz4 pass over (as pzstd writes them); else 0.
std::uint64_t skipped_frame(std::string_view first_bytes);

// Bytes [begin, end) of a file by pread; fewer than that is an error that says that the file was cut.
std::unique_ptr<ByteInput> read_file_range(FileDescriptor file, std::string name, std::uint64_t begin,
                                           std::uint64_t end);
// What `compressed` holds; several members, one behind the other, are one text. `name` is for messages.
std::unique_ptr<ByteInput> decompress(Compression, std::unique_ptr<ByteInput> compressed, std::string name);

struct WholeMembers {
  std::uint64_t bytes = 0;  // behind them something is torn, or no member at all
  char last = '\0';         // byte of the text
};
// From the first member on. `see` gets the text, of what is torn too.
Result<WholeMembers> whole_members(Compression, std::unique_ptr<ByteInput> compressed, std::string name,
                                   const std::function<void(std::string_view text)>& see);

// The other way. One thread.
class Compressor {
 public:
  virtual ~Compressor() = default;
  virtual Result<> add(std::string_view bytes, std::string& out) = 0;
  // Ends the member: what comes then begins another.
  virtual Result<> finish(std::string& out) = 0;
};
// Null for none.
std::unique_ptr<Compressor> make_compressor(Compression);

}  // namespace streamrun
