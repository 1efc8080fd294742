#include "runner/data/json_cursor.h"

#include <vector>

#include "runner/data/json_variant.h"

namespace streamrun {
namespace {

bool digit(char c) {
  return static_cast<unsigned char>(c - '0') <= 9;
}

int hex_digit(char c) {
  if (digit(c)) return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Four hexadecimal digits, or -1.
int hex_unit(std::string_view text) {
  if (text.size() < 4) return -1;
  int unit = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const int one = hex_digit(text[i]);
    if (one < 0) return -1;
    unit = unit * 16 + one;
  }
  return unit;
}

// Which of the values that are open are objects. As many as a record has room for; few take no memory.
class OpenLevels {
 public:
  bool empty() const { return depth_ == 0; }
  bool top() const { return depth_ > kNear ? far_.back() : (near_ & 1U) != 0; }
  void push(bool object) {
    if (depth_++ < kNear) {
      near_ = near_ << 1U | (object ? 1U : 0U);
    } else {
      far_.push_back(object);
    }
  }
  void pop() {
    if (--depth_ < kNear) {
      near_ >>= 1U;
    } else {
      far_.pop_back();
    }
  }

 private:
  static constexpr std::size_t kNear = 64;
  std::uint64_t near_ = 0;
  std::size_t depth_ = 0;
  std::vector<bool> far_;
};

constexpr const char* kBadString = "a string is malformed";

// The text of the string at hand, escapes resolved.
JsonRead text_at(JsonCursor& cursor, JsonContext& context, std::string_view& text) {
  if (*cursor.here() != '"') return JsonRead::mismatch;
  if (!cursor.string(text)) return cursor.broken(kBadString);
  if (cursor.plain || text.find('\\') == std::string_view::npos) return JsonRead::ok;
  context.spare.clear();
  if (const char* reason = json_unescape(text, context.spare)) return cursor.broken(reason);
  text = context.spare;
  return JsonRead::ok;
}

template <class T>
JsonRead stored(JsonCursor& cursor, bool good, const T& value, std::byte* out) {
  if (!good) return JsonRead::mismatch;
  std::memcpy(out, &value, sizeof value);
  ++cursor.at;
  return JsonRead::ok;
}

}  // namespace

bool json_number(std::string_view text, bool& whole) {
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t begin = i;
    while (i < text.size() && digit(text[i])) ++i;
    return i > begin;
  };
  whole = true;
  if (i < text.size() && text[i] == '-') ++i;
  const std::size_t first = i;
  if (!digits() || (text[first] == '0' && i - first > 1)) return false;
  if (i < text.size() && text[i] == '.') {
    whole = false;
    ++i;
    if (!digits()) return false;
  }
  if (i < text.size() && (text[i] | 0x20) == 'e') {
    whole = false;
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (!digits()) return false;
  }
  return i == text.size();
}

const char* json_unescape(std::string_view raw, std::string& out) {
  while (true) {
    const std::size_t slash = raw.find('\\');
    out.append(raw.substr(0, slash));
    if (slash == std::string_view::npos) return nullptr;
    if (slash + 1 >= raw.size()) return kBadString;
    const char kind = raw[slash + 1];
    raw.remove_prefix(slash + 2);
    switch (kind) {
      case '"':
      case '\\':
      case '/': out.push_back(kind); break;
      case 'b': out.push_back('\b'); break;
      case 'f': out.push_back('\f'); break;
      case 'n': out.push_back('\n'); break;
      case 'r': out.push_back('\r'); break;
      case 't': out.push_back('\t'); break;
      case 'u': {
        const int unit = hex_unit(raw);
        if (unit < 0) return "an escape in a string is malformed";
        raw.remove_prefix(4);
        auto point = static_cast<std::uint32_t>(unit);
        if (point >= 0xD800 && point < 0xE000) {
          const int low = point < 0xDC00 && raw.starts_with("\\u") ? hex_unit(raw.substr(2)) : -1;
          if (low < 0xDC00 || low > 0xDFFF) return "a string holds half a surrogate pair";
          raw.remove_prefix(6);
          point = 0x10000 + ((point - 0xD800) << 10) + (static_cast<std::uint32_t>(low) - 0xDC00);
        }
        append_code_point(point, out);
        break;
      }
      default: return "an escape in a string is malformed";
    }
  }
}

JsonRead read_json_escaped(std::string_view raw, JsonCursor& cursor, JsonContext& context, StringArena& arena,
                           StringRef& out) {
  context.spare.clear();
  if (const char* reason = json_unescape(raw, context.spare)) return cursor.broken(reason);
  out = arena.copy(context.spare);
  ++cursor.at;
  return JsonRead::ok;
}

JsonRead read_json_rare(const Type& type, JsonCursor& cursor, JsonContext& context, StringArena& arena,
                        std::byte* out) {
  std::string_view text;
  switch (type.kind()) {
    case TypeKind::boolean: {
      const std::string_view word = cursor.scalar();
      return stored(cursor, word == "true" || word == "false", static_cast<std::uint8_t>(word == "true"), out);
    }
    case TypeKind::decimal: {
      const char first = *cursor.here();
      if (first != '-' && !digit(first)) return JsonRead::mismatch;
      text = cursor.scalar();
      bool whole = false;
      if (!json_number(text, whole)) return cursor.broken("a number is malformed");
      Int128 value = 0;
      const bool good = parse_decimal(text, type.precision(), type.scale(), value) == DecimalParse::ok;
      return stored(cursor, good, value, out);
    }
    case TypeKind::date: {
      const JsonRead read = text_at(cursor, context, text);
      std::int32_t days = 0;
      if (read != JsonRead::ok) return read;
      const bool good = parse_date_cell(text, context.time, days);
      return stored(cursor, good, days, out);
    }
    case TypeKind::timestamp: {
      const JsonRead read = text_at(cursor, context, text);
      std::int64_t micros = 0;
      if (read != JsonRead::ok) return read;
      const bool good = parse_timestamp_cell(text, context.time, micros);
      return stored(cursor, good, micros, out);
    }
    case TypeKind::binary: {
      const JsonRead read = text_at(cursor, context, text);
      if (read != JsonRead::ok) return read;
      std::string bytes;
      const bool good = decode_base64(text, bytes);
      return stored(cursor, good, arena.copy(bytes), out);
    }
    case TypeKind::variant: {
      if (json_null(cursor)) return JsonRead::mismatch;
      std::string json;
      context.variant_fields.clear();
      if (!append_variant(cursor, context, context.depth, json)) return JsonRead::broken;
      const StringRef ref = arena.copy(json);
      std::memcpy(out, &ref, sizeof ref);
      return JsonRead::ok;
    }
    default: return JsonRead::mismatch;
  }
}

bool skip_json_container(JsonCursor& cursor) {
  OpenLevels open;
  const auto fail = [&](const char* why) {
    cursor.reason = why;
    return false;
  };
  // Every round reads one value; the tokens that close levels are read behind it.
  while (true) {
    char c = cursor.token();
    if (c == '{' || c == '[') {
      open.push(c == '{');
      ++cursor.at;
      const char close = c == '{' ? '}' : ']';
      c = cursor.token();
      if (c != close) {
        if (close == '}') {
          if (c != '"') return fail("a key is missing");
          ++cursor.at;
          if (cursor.token() != ':') return fail("a colon is missing behind a key");
          ++cursor.at;
        }
        continue;
      }
      ++cursor.at;
      open.pop();
    } else if (json_scalar_starts(c)) {
      ++cursor.at;
    } else {
      return fail("a value is missing");
    }
    while (true) {  // behind a value
      if (open.empty()) return true;
      const bool object = open.top();
      c = cursor.token();
      if (c == (object ? '}' : ']')) {
        ++cursor.at;
        open.pop();
        continue;
      }
      if (c != ',') return fail(object ? "a comma or a brace is missing" : "a comma or a bracket is missing");
      ++cursor.at;
      if (object) {
        if (cursor.token() != '"') return fail("a key is missing");
        ++cursor.at;
        if (cursor.token() != ':') return fail("a colon is missing behind a key");
        ++cursor.at;
      }
      break;
    }
  }
}

std::string_view JsonCursor::shown() const {
  if (done()) return {};
  if (*here() != '{' && *here() != '[') return scalar();
  JsonCursor rest = *this;
  // Of what does not end, all that there is.
  const std::uint32_t behind = skip_json_container(rest) ? rest.at[-1] + 1 : end;
  return {here(), behind - *at};
}

bool read_json_key(JsonCursor& cursor, std::string& spare, std::string_view& key) {
  if (cursor.token() != '"') {
    cursor.reason = "a key is missing";
    return false;
  }
  if (!cursor.string(key)) {
    cursor.reason = "a key is malformed";
    return false;
  }
  if (!cursor.plain && key.find('\\') != std::string_view::npos) {
    spare.clear();
    if ((cursor.reason = json_unescape(key, spare)) != nullptr) return false;
    key = spare;
  }
  ++cursor.at;
  if (cursor.token() != ':') {
    cursor.reason = "a colon is missing behind a key";
    return false;
  }
  ++cursor.at;
  return true;
}

}  // namespace streamrun
