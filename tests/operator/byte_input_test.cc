#include "runner/operator/byte_input.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <string_view>

namespace streamrun {
namespace {

// So many bytes at a time, as a buffer that ends anywhere has them.
class Pieces final : public ByteInput {
 public:
  Pieces(std::string_view bytes, std::size_t size) : bytes_(bytes), size_(size) {}
  Result<std::size_t> read(char* into, std::size_t size) override {
    const std::size_t n = bytes_.copy(into, std::min(size, size_));
    bytes_.remove_prefix(n);
    return n;
  }

 private:
  std::string_view bytes_;
  std::size_t size_;
};

Result<std::string> text_of(std::string_view compressed, std::size_t size) {
  const auto input = decompress(Compression::gzip, std::make_unique<Pieces>(compressed, size), "in.gz");
  std::string text;
  char part[100];
  for (;;) {
    const auto n = input->read(part, sizeof part);
    if (!n) return pass_on(n);
    if (*n == 0) return text;
    text.append(part, *n);
  }
}

// A member whose header has all that it may have but a checksum: flags 4, 8 and 16.
std::string member(std::string_view text) {
  const auto compressor = make_compressor(Compression::gzip);
  std::string bytes;
  REQUIRE(compressor->add(text, bytes));
  REQUIRE(compressor->finish(bytes));
  bytes[3] = 4 | 8 | 16;
  bytes.insert(10, std::string("\x05\0extra", 7) + std::string("part.log\0", 9) + std::string("a comment\0", 10));
  return bytes;
}

TEST_CASE("gzip is read wherever its bytes are cut") {
  const std::string bytes = member("first\n") + member("second\n") + std::string(3, '\0');
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    const auto text = text_of(bytes, size);
    REQUIRE(text);
    CHECK(*text == "first\nsecond\n");
  }
}

TEST_CASE("gzip that is none behind a member, or is cut, is an error") {
  const std::string bytes = member("first\n");
  for (std::size_t size = 1; size <= bytes.size() + 1; ++size) {
    const auto garbage = text_of(bytes + "garbage", size);
    REQUIRE_FALSE(garbage);
    CHECK(garbage.error().message ==
          "'in.gz' is not what its first bytes promise: what follows a compressed member is none");
    const auto cut = text_of(std::string_view(bytes).substr(0, size - 1), 7);
    if (size == 1 || size == bytes.size() + 1) {
      CHECK(cut);
    } else {
      REQUIRE_FALSE(cut);
      CHECK(cut.error().message == "'in.gz' ends within its compressed data: it is not complete");
    }
  }
}

}  // namespace
}  // namespace streamrun
