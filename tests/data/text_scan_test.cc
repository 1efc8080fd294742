#include "runner/data/text_scan.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "runner/data/raw_records.h"

namespace streamrun {
namespace {

// Bytes in a block of their own size, so that a sanitizer sees what is read outside of it.
struct Exact {
  explicit Exact(std::string_view text) : bytes(new char[text.size()]), size(text.size()) {
    std::copy(text.begin(), text.end(), bytes.get());
  }
  std::string_view view() const { return {bytes.get(), size}; }
  std::unique_ptr<char[]> bytes;
  std::size_t size;
};

std::string letters(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += static_cast<char>('a' + i % 26);
  return text;
}

TEST_CASE("a reference holds its text, short or long, and nothing but it") {
  for (std::uint32_t size = 0; size <= 40; ++size) {
    const Exact text(letters(size));
    const StringRef ref(text.view());
    CHECK(ref.size() == size);
    CHECK(ref.view() == text.view());
    CHECK(ref == StringRef(text.view()));
    // The same text with other bytes behind it is equal bit by bit, where it is inline.
    const std::string longer = std::string(text.view()) + "################";
    const StringRef padded = string_ref(longer.data(), size);
    CHECK(padded == ref);
    if (size <= StringRef::kInline) CHECK(std::memcmp(&padded, &ref, sizeof ref) == 0);
  }
}

TEST_CASE("references to parts of a text read nothing outside of it") {
  for (const std::size_t whole : {0U, 1U, 11U, 12U, 15U, 16U, 17U, 40U}) {
    const Exact text(letters(whole));
    for (std::size_t begin = 0; begin <= whole; ++begin) {
      for (std::size_t end = begin; end <= whole; ++end) {
        const auto size = static_cast<std::uint32_t>(end - begin);
        const StringRef ref = string_ref_within(text.view(), text.view().data() + begin, size);
        REQUIRE(ref == StringRef(text.view().substr(begin, size)));
      }
    }
  }
}

TEST_CASE("digits are read up to the first byte that is none") {
  const std::string_view all = "123456789012345678901234567890";
  for (std::size_t size = 0; size <= 24; ++size) {
    for (const char behind : {'\0', '/', ':', '.', 'e', '\xB5', '\xFF', ' '}) {
      std::string text(all.substr(0, size));
      text += behind;
      text.resize(text.size() + kPadding, '9');
      const unsigned expected = static_cast<unsigned>(std::min<std::size_t>(size, 18));
      std::uint64_t value = 77;
      REQUIRE(read_digits(text.data(), value) == expected);
      REQUIRE(value == (expected == 0 ? 0 : std::stoull(text.substr(0, expected))));
    }
  }
}

TEST_CASE("bytes are found and counted wherever they stand") {
  for (std::size_t size = 0; size <= 200; ++size) {
    std::string made(size, '.');
    for (std::size_t i = 0; i < size; ++i) {
      if (i * i % 7 == 2 || i + 1 == size) made[i] = '|';
    }
    const Exact text(made);
    std::vector<std::size_t> expected;
    for (std::size_t i = 0; i < size; ++i) {
      if (made[i] == '|') expected.push_back(i);
    }
    std::vector<std::size_t> found;
    for_each_byte(text.view(), '|', [&](std::size_t at) {
      found.push_back(at);
      return true;
    });
    REQUIRE(found == expected);
    REQUIRE(count_byte(text.view(), '|') == expected.size());
    std::size_t calls = 0;
    for_each_byte(text.view(), '|', [&](std::size_t) { return ++calls < 2; });
    REQUIRE(calls == std::min<std::size_t>(expected.size(), 2));
  }
  const std::string many(5000, '|');
  CHECK(count_byte(many, '|') == many.size());
}

}  // namespace
}  // namespace streamrun
