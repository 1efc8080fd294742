#include "runner/operator/byte_input.h"

#include <fmt/format.h>
#include <isa-l/igzip_lib.h>
#include <lz4frame.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <vector>

namespace streamrun {
namespace {

constexpr std::size_t kCompressedBuffer = std::size_t{256} << 10;

class FileRange final : public ByteInput {
 public:
  FileRange(FileDescriptor file, std::string name, std::uint64_t begin, std::uint64_t end)
      : file_(std::move(file)), name_(std::move(name)), at_(begin), end_(end) {}

  Result<std::size_t> read(char* into, std::size_t size) override {
    size = static_cast<std::size_t>(std::min<std::uint64_t>(size, end_ - at_));
    if (size == 0) return std::size_t{0};
    for (;;) {
      const ssize_t n = ::pread(file_.get(), into, size, static_cast<off_t>(at_));
      if (n > 0) {
        at_ += static_cast<std::uint64_t>(n);
        return static_cast<std::size_t>(n);
      }
      if (n == 0) {
        return failure(fmt::format("'{}' was cut while it was read: it ends at byte {}, but {} were planned; do not "
                                   "change input files in place",
                                   name_, at_, end_),
                       ErrorKind::transient);
      }
      if (errno != EINTR) {
        return failure(fmt::format("{}, at byte {}", system_failure("read", name_).error().message, at_),
                       ErrorKind::transient);
      }
    }
  }

 private:
  FileDescriptor file_;
  std::string name_;
  std::uint64_t at_;
  std::uint64_t end_;
};

// What the three decompressors share: a buffer of compressed bytes and what is left of it.
class Decompressor : public ByteInput {
 public:
  Decompressor(std::unique_ptr<ByteInput> input, std::string name)
      : input_(std::move(input)), name_(std::move(name)), buffer_(kCompressedBuffer) {}

  Result<std::size_t> read(char* into, std::size_t size) override {
    for (;;) {
      if (left_.empty() && !at_end_) {
        const auto n = input_->read(buffer_.data(), buffer_.size());
        if (!n) return pass_on(n);
        at_end_ = *n == 0;
        left_ = {buffer_.data(), *n};
        read_ += *n;
      }
      if (at_end_ && left_.empty() && !within_member_) return std::size_t{0};
      const std::size_t before = left_.size();
      auto n = step(into, size);
      if (!n || *n != 0) return n;
      if (at_end_ && left_.size() == before) {
        return failure(fmt::format("'{}' ends within its compressed data: it is not complete", name_));
      }
    }
  }

  // Bytes of whole members, as far as it has read.
  std::uint64_t whole() const { return whole_; }

 protected:
  // Takes from left_, sets within_member_; the number of bytes made.
  virtual Result<std::size_t> step(char* into, std::size_t size) = 0;
  // Left_ is what follows it.
  void end_member() {
    within_member_ = false;
    whole_ = read_ - left_.size();
  }
  std::unexpected<Error> broken(std::string_view why) const {
    return failure(fmt::format("'{}' is not what its first bytes promise: {}", name_, why));
  }

  std::string_view left_;
  bool within_member_ = false;

 private:
  std::unique_ptr<ByteInput> input_;
  std::string name_;
  std::vector<char> buffer_;
  bool at_end_ = false;
  std::uint64_t read_ = 0;
  std::uint64_t whole_ = 0;
};

// By ISA-L, which inflates faster than zlib; zlib compresses.
class Gunzip final : public Decompressor {
 public:
  using Decompressor::Decompressor;

 private:
  Result<std::size_t> step(char* into, std::size_t size) override {
    if (!within_member_) {
      // Zeroes behind the last member are padding, as gzip has it.
      while (members_ != 0 && !left_.empty() && left_.front() == '\0') left_.remove_prefix(1);
      if (left_.empty()) return std::size_t{0};
      if (left_.front() != '\x1f') return broken(reason(ISAL_INVALID_WRAPPER));
      begin_member();
    }
    size = std::min(size, std::size_t{1} << 30);
    state_->next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(left_.data()));
    state_->avail_in = static_cast<std::uint32_t>(left_.size());
    state_->next_out = reinterpret_cast<std::uint8_t*>(into);
    state_->avail_out = static_cast<std::uint32_t>(size);
    int status = within_header_ ? isal_read_gzip_header(state_.get(), &header_) : ISAL_DECOMP_OK;
    within_header_ = within_header_ && status != ISAL_DECOMP_OK;
    if (!within_header_) status = isal_inflate(state_.get());
    left_.remove_prefix(left_.size() - state_->avail_in);
    if (status < 0) return broken(reason(status));
    if (state_->block_state == ISAL_BLOCK_FINISH) {
      end_member();
      ++members_;
    }
    return size - state_->avail_out;
  }

  // Its header is read by itself: isal_inflate forgets which parts of one are to come where the input is cut in it.
  void begin_member() {
    if (!state_) state_ = std::make_unique<inflate_state>();
    isal_inflate_init(state_.get());
    state_->crc_flag = ISAL_GZIP_NO_HDR_VER;
    isal_gzip_header_init(&header_);
    within_member_ = within_header_ = true;
  }

  std::string_view reason(int status) const {
    switch (status) {
      case ISAL_INCORRECT_CHECKSUM: return "the checksum of its content is another one";
      case ISAL_INVALID_WRAPPER:
      case ISAL_UNSUPPORTED_METHOD:
        return members_ == 0 ? "its header is not gzip's" : "what follows a compressed member is none";
      default: return "its compressed data is damaged";
    }
  }

  std::unique_ptr<inflate_state> state_;
  isal_gzip_header header_{};
  bool within_header_ = false;
  std::size_t members_ = 0;
};

class Unzstd final : public Decompressor {
 public:
  using Decompressor::Decompressor;
  ~Unzstd() override { ZSTD_freeDStream(stream_); }

 private:
  Result<std::size_t> step(char* into, std::size_t size) override {
    ZSTD_inBuffer in{left_.data(), left_.size(), 0};
    ZSTD_outBuffer out{into, size, 0};
    const std::size_t status = ZSTD_decompressStream(stream_, &out, &in);
    if (ZSTD_isError(status) != 0) return broken(ZSTD_getErrorName(status));
    left_.remove_prefix(in.pos);
    within_member_ = true;
    if (status == 0) end_member();
    return out.pos;
  }

  ZSTD_DStream* stream_ = ZSTD_createDStream();
};

class Unlz4 final : public Decompressor {
 public:
  using Decompressor::Decompressor;
  ~Unlz4() override { LZ4F_freeDecompressionContext(context_); }

 private:
  Result<std::size_t> step(char* into, std::size_t size) override {
    if (context_ == nullptr && LZ4F_isError(LZ4F_createDecompressionContext(&context_, LZ4F_VERSION)) != 0) {
      return broken("lz4 cannot start");
    }
    std::size_t taken = left_.size();
    std::size_t made = size;
    const std::size_t status = LZ4F_decompress(context_, into, &made, left_.data(), &taken, nullptr);
    if (LZ4F_isError(status) != 0) return broken(LZ4F_getErrorName(status));
    left_.remove_prefix(taken);
    within_member_ = true;
    if (status == 0) end_member();
    return made;
  }

  LZ4F_dctx* context_ = nullptr;
};

std::unique_ptr<Decompressor> make_decompressor(Compression compression, std::unique_ptr<ByteInput> compressed,
                                                std::string name) {
  switch (compression) {
    case Compression::none: break;
    case Compression::gzip: return std::make_unique<Gunzip>(std::move(compressed), std::move(name));
    case Compression::zstd: return std::make_unique<Unzstd>(std::move(compressed), std::move(name));
    case Compression::lz4: return std::make_unique<Unlz4>(std::move(compressed), std::move(name));
  }
  return nullptr;
}

class Gzip final : public Compressor {
 public:
  ~Gzip() override {
    if (open_) deflateEnd(&stream_);
  }
  Result<> add(std::string_view bytes, std::string& out) override { return run(bytes, Z_NO_FLUSH, out); }
  Result<> finish(std::string& out) override {
    auto done = run({}, Z_FINISH, out);
    if (done) deflateReset(&stream_);
    return done;
  }

 private:
  Result<> run(std::string_view bytes, int flush, std::string& out) {
    if (!open_ && deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
      return failure("zlib cannot start");
    }
    open_ = true;
    do {
      const std::string_view part = bytes.substr(0, std::size_t{1} << 30);
      bytes.remove_prefix(part.size());
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(part.data()));
      stream_.avail_in = static_cast<uInt>(part.size());
      do {
        const std::size_t old = out.size();
        out.resize(old + (std::size_t{64} << 10));
        stream_.next_out = reinterpret_cast<Bytef*>(out.data() + old);
        stream_.avail_out = static_cast<uInt>(out.size() - old);
        if (deflate(&stream_, flush) == Z_STREAM_ERROR) return failure("zlib refuses to compress");
        out.resize(out.size() - stream_.avail_out);
      } while (stream_.avail_out == 0);
    } while (!bytes.empty());
    return {};
  }

  z_stream stream_{};
  bool open_ = false;
};

class Zstd final : public Compressor {
 public:
  ~Zstd() override { ZSTD_freeCCtx(context_); }
  Result<> add(std::string_view bytes, std::string& out) override { return run(bytes, ZSTD_e_continue, out); }
  Result<> finish(std::string& out) override { return run({}, ZSTD_e_end, out); }

 private:
  Result<> run(std::string_view bytes, ZSTD_EndDirective end, std::string& out) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    for (;;) {
      const std::size_t old = out.size();
      out.resize(old + ZSTD_CStreamOutSize());
      ZSTD_outBuffer room{out.data() + old, out.size() - old, 0};
      const std::size_t left = ZSTD_compressStream2(context_, &room, &in, end);
      out.resize(old + room.pos);
      if (ZSTD_isError(left) != 0) return failure(fmt::format("zstd: {}", ZSTD_getErrorName(left)));
      if (end == ZSTD_e_end ? left == 0 : in.pos == in.size) return {};
    }
  }

  ZSTD_CCtx* context_ = ZSTD_createCCtx();
};

class Lz4 final : public Compressor {
 public:
  ~Lz4() override { LZ4F_freeCompressionContext(context_); }
  Result<> add(std::string_view bytes, std::string& out) override {
    if (auto begun = begin(out); !begun) return begun;
    return grow(LZ4F_compressBound(bytes.size(), nullptr), out, [&](char* at, std::size_t room) {
      return LZ4F_compressUpdate(context_, at, room, bytes.data(), bytes.size(), nullptr);
    });
  }
  Result<> finish(std::string& out) override {
    if (auto begun = begin(out); !begun) return begun;
    within_ = false;
    return grow(LZ4F_compressBound(0, nullptr), out,
                [&](char* at, std::size_t room) { return LZ4F_compressEnd(context_, at, room, nullptr); });
  }

 private:
  Result<> begin(std::string& out) {
    if (within_) return {};
    if (context_ == nullptr && LZ4F_isError(LZ4F_createCompressionContext(&context_, LZ4F_VERSION)) != 0) {
      return failure("lz4 cannot start");
    }
    within_ = true;
    return grow(LZ4F_HEADER_SIZE_MAX, out,
                [&](char* at, std::size_t room) { return LZ4F_compressBegin(context_, at, room, nullptr); });
  }
  template <class F>
  static Result<> grow(std::size_t room, std::string& out, F&& f) {
    const std::size_t old = out.size();
    out.resize(old + room);
    const std::size_t made = f(out.data() + old, room);
    if (LZ4F_isError(made) != 0) return failure(fmt::format("lz4: {}", LZ4F_getErrorName(made)));
    out.resize(old + made);
    return {};
  }

  LZ4F_cctx* context_ = nullptr;
  bool within_ = false;
};

}  // namespace

Compression compression_of(std::string_view first_bytes) {
  if (first_bytes.starts_with("\x1f\x8b")) return Compression::gzip;
  if (first_bytes.starts_with("\x28\xb5\x2f\xfd")) return Compression::zstd;
  if (first_bytes.starts_with("\x04\x22\x4d\x18")) return Compression::lz4;
  return Compression::none;
}

std::string_view name_of(Compression compression) {
  switch (compression) {
    case Compression::none: break;
    case Compression::gzip: return "gzip";
    case Compression::zstd: return "zstd";
    case Compression::lz4: return "lz4";
  }
  return "none";
}

std::string_view unread_compression(std::string_view first_bytes) {
  if (first_bytes.starts_with("\x02\x21\x4c\x18")) {
    return "is compressed in lz4's legacy format, which is not read; use lz4 without -l";
  }
  if (first_bytes.starts_with(std::string_view("\xfd"
                                               "7zXZ\0",
                                               6))) {
    return "is compressed with xz, which is not read; use gzip, zstd or lz4";
  }
  if (first_bytes.size() >= 8 && first_bytes.starts_with("BZh") && first_bytes.substr(4) == "1AY&") {
    return "is compressed with bzip2, which is not read; use gzip, zstd or lz4";
  }
  if (first_bytes.starts_with("PK\x03\x04")) return "is a zip archive, which is not read; unpack it first";
  return {};
}

std::uint64_t skipped_frame(std::string_view first_bytes) {
  const auto byte = [&](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(first_bytes[i])}; };
  if (first_bytes.size() < 8 || (byte(0) & 0xF0U) != 0x50 || first_bytes.substr(1, 3) != "\x2a\x4d\x18") return 0;
  return 8 + (byte(4) | byte(5) << 8 | byte(6) << 16 | byte(7) << 24);
}

std::unique_ptr<ByteInput> read_file_range(FileDescriptor file, std::string name, std::uint64_t begin,
                                           std::uint64_t end) {
  return std::make_unique<FileRange>(std::move(file), std::move(name), begin, end);
}

std::unique_ptr<ByteInput> decompress(Compression compression, std::unique_ptr<ByteInput> compressed,
                                      std::string name) {
  if (compression == Compression::none) return compressed;
  return make_decompressor(compression, std::move(compressed), std::move(name));
}

Result<WholeMembers> whole_members(Compression compression, std::unique_ptr<ByteInput> compressed, std::string name,
                                   const std::function<void(std::string_view text)>& see) {
  const auto input = make_decompressor(compression, std::move(compressed), std::move(name));
  std::vector<char> made(kCompressedBuffer);
  WholeMembers found;
  for (;;) {
    const auto n = input->read(made.data(), made.size());
    if (!n && n.error().kind != ErrorKind::input) return pass_on(n);
    found.bytes = input->whole();
    if (!n || *n == 0) return found;
    found.last = made[*n - 1];
    see({made.data(), *n});
  }
}

std::unique_ptr<Compressor> make_compressor(Compression compression) {
  switch (compression) {
    case Compression::none: break;
    case Compression::gzip: return std::make_unique<Gzip>();
    case Compression::zstd: return std::make_unique<Zstd>();
    case Compression::lz4: return std::make_unique<Lz4>();
  }
  return nullptr;
}

}  // namespace streamrun
