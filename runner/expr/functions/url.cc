// parse_url, by RFC 2396 as java.net.URI reads it.
#include <re2/re2.h>

#include <array>
#include <cctype>
#include <optional>

#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"

namespace streamrun {
namespace {

using re2::RE2;
using Piece = re2::StringPiece;

// What a URL is made of; a part without data is not there.
struct Url {
  Piece scheme, authority, path, query, fragment;
  Piece user, host;
  bool opaque = false;  // mailto:… and the like: no path, no query
};

bool hex(char c) {
  return std::isxdigit(static_cast<unsigned char>(c)) != 0;
}

// Only bytes that may stand in a URL, and percent signs before two hexadecimal digits.
bool legal(std::string_view text) {
  constexpr std::string_view kIllegal = " \"<>\\^`{|}";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7F || kIllegal.find(text[i]) != std::string_view::npos) return false;
    if (text[i] == '%' && (i + 2 >= text.size() || !hex(text[i + 1]) || !hex(text[i + 2]))) return false;
  }
  return true;
}

bool parse(std::string_view text, Url& url) {
  static const RE2 kParts(R"((?:([A-Za-z][A-Za-z0-9+.\-]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?)");
  static const RE2 kServer(
      R"((?:([^@]*)@)?(\[[0-9A-Fa-f:.%\w]+\]|[A-Za-z0-9](?:[A-Za-z0-9.\-]*[A-Za-z0-9.])?)(?::[0-9]*)?)");
  if (!legal(text)) return false;
  if (!RE2::FullMatch(Piece(text.data(), text.size()), kParts, &url.scheme, &url.authority, &url.path, &url.query,
                      &url.fragment)) {
    return false;
  }
  if (url.scheme.data() == nullptr && url.path.find(':') < url.path.find('/')) return false;  // an empty scheme
  if (url.fragment.find('#') != Piece::npos) return false;
  const bool rooted = url.authority.data() != nullptr || (!url.path.empty() && url.path[0] == '/');
  url.opaque = url.scheme.data() != nullptr && !rooted;
  if (url.opaque && url.path.empty()) return false;
  if (url.authority.empty()) url.authority = Piece();
  if (url.authority.data() != nullptr) RE2::FullMatch(url.authority, kServer, &url.user, &url.host);
  return true;
}

using Part = std::optional<std::string_view>;
Part present(const Piece& piece) {
  if (piece.data() == nullptr) return std::nullopt;
  return std::string_view(piece.data(), piece.size());
}

// From the path to the query's end.
Part file_of(const Url& url) {
  if (url.opaque) return std::nullopt;
  if (url.query.data() == nullptr) return present(url.path);
  return std::string_view(url.path.data(), static_cast<std::size_t>(url.query.end() - url.path.begin()));
}

struct NamedPart {
  std::string_view name;
  Part (*find)(const Url& url);
};
constexpr std::array<NamedPart, 8> kNamedParts = {{
    {"HOST", [](const Url& url) { return present(url.host); }},
    {"PATH", [](const Url& url) { return url.opaque ? std::nullopt : present(url.path); }},
    {"QUERY", [](const Url& url) { return url.opaque ? std::nullopt : present(url.query); }},
    {"REF", [](const Url& url) { return present(url.fragment); }},
    {"PROTOCOL", [](const Url& url) { return present(url.scheme); }},
    {"FILE", file_of},
    {"AUTHORITY", [](const Url& url) { return present(url.authority); }},
    {"USERINFO", [](const Url& url) { return present(url.user); }},
}};

Part query_value(std::string_view query, std::string_view key) {
  while (true) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    if (pair.starts_with(key) && pair.substr(key.size()).starts_with('=')) return pair.substr(key.size() + 1);
    if (end == std::string_view::npos) return std::nullopt;
    query.remove_prefix(end + 1);
  }
}

Part part_of(const KernelCall& call, std::uint32_t row, const Url& url) {
  const std::string_view wanted = text_at(call, 1, row);
  for (const NamedPart& part : kNamedParts) {
    if (part.name != wanted) continue;
    const Part found = part.find(url);
    if (call.arguments.size() < 3) return found;
    return found && wanted == "QUERY" ? query_value(*found, text_at(call, 2, row)) : std::nullopt;
  }
  return std::nullopt;
}

template <bool attempt>
void parse_url(const KernelCall& call) {
  StringRef* out = call.out.values<StringRef>();
  call.out.keep_heaps_of(*call.arguments[0]);
  call.selection.for_each([&](std::uint32_t row) {
    Url url;
    const std::string_view text = text_at(call, 0, row);
    Part part;
    if (parse(text, url)) {
      part = part_of(call, row, url);
    } else if (!attempt) {
      call.context.errors.add(row, "'" + std::string(text) + "' is no URL");
    }
    out[row] = StringRef(part.value_or(std::string_view()));
    if (!part) call.out.set_null(call.out.slot(row));
  });
}

}  // namespace

std::vector<Function> url_functions() {
  const Type text = TypeKind::string;
  const auto entry = [&](std::string_view name, std::string_view signature, std::string_view summary,
                         std::string_view example, CallKernel kernel, bool can_fail) {
    return Function{{name},
                    "Strings",
                    signature,
                    summary,
                    example,
                    FunctionKind::scalar,
                    fixed({std::string(name), {text, text, text}, 2, text, kernel, can_fail})};
  };
  return {
      entry("parse_url", "parse_url(url, part[, key]) -> string",
            "HOST, PATH, QUERY, REF, PROTOCOL, FILE, AUTHORITY or USERINFO of a URL; the value of a key in QUERY",
            "parse_url('http://a.b/c?d=1', 'QUERY', 'd') = '1'", parse_url<false>, true),
      entry("try_parse_url", "try_parse_url(url, part[, key]) -> string", "as parse_url, null where the text is no URL",
            "try_parse_url('a b', 'HOST') is null", parse_url<true>, false),
  };
}

}  // namespace streamrun
