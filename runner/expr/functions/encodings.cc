// Digests and encodings of bytes.
#include <openssl/evp.h>
#include <unicode/unistr.h>
#include <zlib.h>

#include <cctype>

#include "runner/data/cell.h"
#include "runner/data/text_value.h"
#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"

namespace streamrun {

namespace {

void append_hex(std::string_view bytes, std::string_view digits, std::string& out) {
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(digits[byte >> 4]);
    out.push_back(digits[byte & 15U]);
  }
}
constexpr std::string_view kUpper = "0123456789ABCDEF", kLower = "0123456789abcdef";

void digest(std::string_view bytes, const EVP_MD* kind, std::string& out) {
  unsigned char made[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), made, &size, kind, nullptr);
  append_hex({reinterpret_cast<const char*>(made), size}, kLower, out);
}
bool md5_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  digest(text_at(call, 0, row), EVP_md5(), text);
  return true;
}
bool sha1_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  digest(text_at(call, 0, row), EVP_sha1(), text);
  return true;
}
bool sha2_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  const std::int32_t bits = value_at<std::int32_t>(call, 1, row);
  const EVP_MD* kind = bits == 224                ? EVP_sha224()
                       : bits == 0 || bits == 256 ? EVP_sha256()
                       : bits == 384              ? EVP_sha384()
                       : bits == 512              ? EVP_sha512()
                                                  : nullptr;
  if (kind == nullptr) return false;
  digest(text_at(call, 0, row), kind, text);
  return true;
}
constexpr auto crc = [](const StringRef& a) {
  return static_cast<std::int64_t>(crc32(0, reinterpret_cast<const Bytef*>(a.data()), a.size()));
};
bool hex_text(const KernelCall& call, std::uint32_t row, std::string& text) {
  append_hex(text_at(call, 0, row), kUpper, text);
  return true;
}
bool hex_number(const KernelCall& call, std::uint32_t row, std::string& text) {
  auto value = static_cast<std::uint64_t>(value_at<std::int64_t>(call, 0, row));
  do {
    text.insert(text.begin(), kUpper[value & 15U]);
    value >>= 4;
  } while (value != 0);
  return true;
}
bool unhex_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  const std::string_view source = text_at(call, 0, row);
  unsigned pending = 0;
  bool half = source.size() % 2 != 0;  // an odd first digit stands alone
  for (const char c : source) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return false;
    pending = pending * 16 + static_cast<unsigned>(digit);
    if (half) {
      text.push_back(static_cast<char>(pending));
      pending = 0;
    }
    half = !half;
  }
  return true;
}
// MIME's: a line end every 76 characters.
bool base64_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  std::string line;
  append_base64(text_at(call, 0, row), line);
  for (std::size_t i = 0; i < line.size(); i += 76) {
    if (i > 0) text += "\r\n";
    text.append(line, i, 76);
  }
  return true;
}
// MIME's, too: other characters are passed over, and the padding may lack.
bool unbase64_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  const std::string_view given = text_at(call, 0, row);
  std::string line;
  for (const char c : given.substr(0, given.find('='))) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '+' || c == '/') line.push_back(c);
  }
  line.append((4 - line.size() % 4) % 4, '=');
  if (line.ends_with("===") || !decode_base64(line, text)) {
    call.context.errors.add(row, "'" + excerpt(given) + "' is not base64");
  }
  return true;
}
bool url_encode_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  for (const char c : text_at(call, 0, row)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '*' ||
                       c == '-' || c == '_' || c == '.';
    if (plain) {
      text.push_back(c);
    } else if (c == ' ') {
      text.push_back('+');
    } else {
      text.push_back('%');
      append_hex({&c, 1}, kUpper, text);
    }
  }
  return true;
}
template <bool try_decode>
bool url_decode_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  const std::string_view source = text_at(call, 0, row);
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '%') {
      text.push_back(source[i] == '+' ? ' ' : source[i]);
      continue;
    }
    if (i + 2 >= source.size() || digit(source[i + 1]) < 0 || digit(source[i + 2]) < 0) {
      if (try_decode) return false;
      call.context.errors.add(row, "'" + std::string(source) + "' is not URL-encoded");
      return true;
    }
    text.push_back(static_cast<char>(digit(source[i + 1]) * 16 + digit(source[i + 2])));
    i += 2;
  }
  if (!is_utf8(text)) {  // ICU puts U+FFFD for what is none
    const icu::UnicodeString sound = icu::UnicodeString::fromUTF8(text);
    text.clear();
    sound.toUTF8String(text);
  }
  return true;
}

}  // namespace

std::vector<Function> encoding_functions() {
  FunctionList list("Strings");
  const Type text = TypeKind::string, bytes = TypeKind::binary, number = TypeKind::int32;
  list.add({"md5"}, "md5(x) -> string", "the MD5 digest in hex", "md5('') = 'd41d8cd98f00b204e9800998ecf8427e'",
           fixed({"md5", {bytes}, 1, text, string_kernel<md5_of>}));
  list.add({"sha1", "sha"}, "sha1(x) -> string", "the SHA-1 digest in hex", "length(sha1('')) = 40",
           fixed({"sha1", {bytes}, 1, text, string_kernel<sha1_of>}));
  list.add({"sha2"}, "sha2(x, bits) -> string", "the SHA-2 digest of 224, 256, 384 or 512 bits in hex",
           "length(sha2('', 256)) = 64", fixed({"sha2", {bytes, number}, 2, text, string_kernel<sha2_of>}));
  list.add({"crc32"}, "crc32(x) -> bigint", "the cyclic redundancy check", "crc32('') = 0",
           fixed({"crc32", {bytes}, 1, TypeKind::int64, unary<std::int64_t, StringRef, crc>}));
  list.add({"hex"}, "hex(x) -> string", "a number or bytes in hex", "hex(255) = 'FF'",
           [text, bytes](const CallTypes& call) -> Result<ResolvedCall> {
             const bool whole = call.types.size() == 1 && call.types[0].is_integer();
             return fixed({"hex",
                           {whole ? Type(TypeKind::int64) : bytes},
                           1,
                           text,
                           whole ? string_kernel<hex_number> : string_kernel<hex_text>})(call);
           });
  list.add({"unhex"}, "unhex(text) -> binary", "bytes of hex digits, null if they are none", "unhex('41') = X'41'",
           fixed({"unhex", {text}, 1, bytes, string_kernel<unhex_of>}));
  list.add({"base64"}, "base64(x) -> string", "base64, in lines of 76", "base64('a') = 'YQ=='",
           fixed({"base64", {bytes}, 1, text, string_kernel<base64_of>}));
  list.add({"unbase64"}, "unbase64(text) -> binary", "the bytes of base64", "unbase64('YQ==') = X'61'",
           fixed({"unbase64", {text}, 1, bytes, string_kernel<unbase64_of>, true}));
  list.add({"url_encode"}, "url_encode(text) -> string", "as a part of a URL", "url_encode('a b') = 'a+b'",
           fixed({"url_encode", {text}, 1, text, string_kernel<url_encode_of>}));
  list.add({"url_decode"}, "url_decode(text) -> string", "the text of a part of a URL", "url_decode('a+b') = 'a b'",
           fixed({"url_decode", {text}, 1, text, string_kernel<url_decode_of<false>>, true}));
  list.add({"try_url_decode"}, "try_url_decode(text) -> string", "as url_decode, null where it is malformed",
           "try_url_decode('%') is null",
           fixed({"try_url_decode", {text}, 1, text, string_kernel<url_decode_of<true>>}));
  return list.take();
}

}  // namespace streamrun
