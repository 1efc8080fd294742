#include "runner/expr/json/json_typed.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "runner/data/text_value.h"

namespace streamrun {
namespace {

bool is_number(std::string_view text, bool& whole) {
  return json_number(text, whole);
}

template <class T>
JsonRead put(bool good, T value, JsonCursor& cursor, ValueBuilder& out) {
  if (!good) return JsonRead::mismatch;
  out.append(value);
  ++cursor.at;
  return JsonRead::ok;
}

// The text of the string at hand; the cursor stays.
bool string_at(const JsonCursor& cursor, std::string& out) {
  JsonCursor copy = cursor;
  return take_json_string(copy, out);
}

JsonRead rewritten(JsonCursor& cursor, const JsonForm& form, ValueBuilder& out) {
  std::string text;
  if (!rewrite_json(cursor, 0, form, text)) return JsonRead::broken;
  out.append_string(text);
  return JsonRead::ok;
}

template <class Int>
bool read_integer(std::string_view text, Int& value) {
  bool whole = false;
  if (!is_number(text, whole) || !whole) return false;
  return std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc();
}

template <class Real>
JsonRead read_real(JsonCursor& cursor, ValueBuilder& out) {
  Real value{};
  bool whole = false;
  if (cursor.token() != '"') {
    const std::string_view text = cursor.scalar();
    if (!is_number(text, whole)) return JsonRead::mismatch;
    bool good = false;
    if constexpr (std::is_same_v<Real, float>) {
      good = parse_float(text, value);
    } else {
      good = parse_double(text, value);
    }
    return put(good, value, cursor, out);
  }
  std::string text;
  if (!string_at(cursor, text)) return JsonRead::broken;
  constexpr Real kInfinity = std::numeric_limits<Real>::infinity();
  if (text == "NaN") return put(true, std::numeric_limits<Real>::quiet_NaN(), cursor, out);
  if (text == "Infinity" || text == "+INF" || text == "+Infinity") return put(true, kInfinity, cursor, out);
  if (text == "-Infinity" || text == "-INF") return put(true, -kInfinity, cursor, out);
  return JsonRead::mismatch;
}

JsonRead read_list(const JsonTyping& typing, JsonCursor& cursor, ValueBuilder& out, bool& flawed) {
  const std::uint32_t rows = out.rows();
  ++cursor.at;
  for (bool any = false; cursor.token() != ']'; any = true) {
    if (any) {
      if (cursor.token() != ',') return out.truncate(rows), cursor.broken("a comma or a bracket is missing");
      ++cursor.at;
    }
    const JsonRead read = read_typed_json(typing, cursor, out.child(0), flawed);
    if (read == JsonRead::mismatch || read == JsonRead::broken) return out.truncate(rows), read;
  }
  ++cursor.at;
  out.end_list();
  return JsonRead::ok;
}

// Names, a colon behind each; each() reads the value.
template <class Each>
JsonRead read_names(JsonCursor& cursor, Each&& each) {
  std::string name;
  ++cursor.at;
  for (bool any = false; cursor.token() != '}'; any = true) {
    if (any) {
      if (cursor.token() != ',') return cursor.broken("a comma or a brace is missing");
      ++cursor.at;
    }
    name.clear();
    if (!take_json_string(cursor, name)) return JsonRead::broken;
    if (cursor.token() != ':') return cursor.broken("a colon is missing behind a key");
    ++cursor.at;
    const JsonRead read = each(name);
    if (read == JsonRead::mismatch || read == JsonRead::broken) return read;
  }
  ++cursor.at;
  return JsonRead::ok;
}

JsonRead read_map(const JsonTyping& typing, JsonCursor& cursor, ValueBuilder& out, bool& flawed) {
  const std::uint32_t rows = out.rows();
  if (out.type().key().kind() != TypeKind::string) return JsonRead::mismatch;
  const JsonRead read = read_names(cursor, [&](const std::string& name) {
    const JsonRead value = read_typed_json(typing, cursor, out.child(1), flawed);
    if (value == JsonRead::ok || value == JsonRead::null) out.child(0).append_string(name);
    return value;
  });
  if (read != JsonRead::ok) return out.truncate(rows), read;
  out.end_list();
  return read;
}

JsonRead read_structure(const JsonTyping& typing, JsonCursor& cursor, ValueBuilder& out, bool& flawed) {
  const std::uint32_t rows = out.rows();
  const std::vector<Field>& fields = out.type().fields();
  const auto pass = [&] { return skip_json(cursor) ? JsonRead::ok : JsonRead::broken; };
  const JsonRead read = read_names(cursor, [&](const std::string& name) {
    std::size_t i = 0;
    while (i < fields.size() && fields[i].name != name) ++i;
    if (i == fields.size()) return pass();
    out.child(i).truncate(rows);  // of a name that comes twice the last counts
    const auto begin = cursor.at;
    const JsonRead value = read_typed_json(typing, cursor, out.child(i), flawed);
    if (value != JsonRead::mismatch || !typing.partial) return value;
    flawed = true;
    out.child(i).truncate(rows);
    out.child(i).append_null();
    cursor.at = begin;
    return pass();
  });
  if (read != JsonRead::ok) return out.truncate(rows), read;
  out.end_struct();
  return read;
}

}  // namespace

JsonRead read_typed_json(const JsonTyping& typing, JsonCursor& cursor, ValueBuilder& out, bool& flawed) {
  if (cursor.done()) return cursor.broken("it ends too early");
  const TypeKind kind = out.type().kind();
  if (json_null(cursor) && kind != TypeKind::variant) {
    ++cursor.at;
    out.append_null();
    return JsonRead::null;
  }
  const char first = cursor.token();
  switch (kind) {
    case TypeKind::array: return first == '[' ? read_list(typing, cursor, out, flawed) : JsonRead::mismatch;
    case TypeKind::map: return first == '{' ? read_map(typing, cursor, out, flawed) : JsonRead::mismatch;
    case TypeKind::structure: return first == '{' ? read_structure(typing, cursor, out, flawed) : JsonRead::mismatch;
    case TypeKind::variant: return rewritten(cursor, *typing.variants, out);
    default: return typing.scalar(typing, cursor, out);
  }
}

JsonRead read_json_scalar(const JsonTyping& typing, JsonCursor& cursor, ValueBuilder& out) {
  const Type& type = out.type();
  const bool quoted = cursor.token() == '"';
  std::string text;
  if (quoted && !string_at(cursor, text)) return JsonRead::broken;
  const std::string_view bare = quoted ? std::string_view() : cursor.scalar();
  bool whole = false;
  switch (type.kind()) {
    case TypeKind::string:
      if (!quoted) return rewritten(cursor, kJacksonForm, out);
      out.append_string(text);
      ++cursor.at;
      return JsonRead::ok;
    case TypeKind::boolean:
      return put(bare == "true" || bare == "false", static_cast<std::uint8_t>(bare == "true"), cursor, out);
    case TypeKind::int32: {
      std::int32_t value = 0;
      const bool good = read_integer(bare, value);
      return put(good, value, cursor, out);
    }
    case TypeKind::int64: {
      std::int64_t value = 0;
      const bool good = read_integer(bare, value);
      return put(good, value, cursor, out);
    }
    case TypeKind::float32: return read_real<float>(cursor, out);
    case TypeKind::float64: return read_real<double>(cursor, out);
    case TypeKind::decimal: {
      Int128 value = 0;
      const bool good = (quoted || is_number(bare, whole)) &&
                        parse_decimal(quoted ? std::string_view(text) : bare, type.precision(), type.scale(), value) ==
                            DecimalParse::ok;
      return put(good, value, cursor, out);
    }
    case TypeKind::date: {
      std::int32_t days = 0;
      const bool good = quoted && parse_date_cell(text, typing.time, days);
      return put(good, days, cursor, out);
    }
    case TypeKind::timestamp: {
      std::int64_t micros = 0;
      if (!quoted) {
        const bool good = read_integer(bare, micros) && !__builtin_mul_overflow(micros, 1'000'000, &micros);
        return put(good, micros, cursor, out);
      }
      const bool good = parse_timestamp_cell(text, typing.time, micros);
      return put(good, micros, cursor, out);
    }
    case TypeKind::binary: {
      std::string bytes;
      if (!quoted || !decode_base64(text, bytes)) return JsonRead::mismatch;
      out.append_string(bytes);
      ++cursor.at;
      return JsonRead::ok;
    }
    default: return JsonRead::mismatch;
  }
}

namespace {

// A number of a variant as `type`: whole ones exactly, others by way of a double or their digits.
JsonRead cast_number(std::string_view text, bool whole, JsonCursor& cursor, ValueBuilder& out) {
  const Type& type = out.type();
  double real = 0;
  parse_double(text, real);
  std::int64_t integer = 0;
  const bool exact = whole && std::from_chars(text.data(), text.data() + text.size(), integer).ec == std::errc();
  if (!exact) {
    const double cut = std::trunc(real);
    const bool fits = cut >= -9223372036854775808.0 && cut < 9223372036854775808.0;
    if (!fits && type.is_integer()) return JsonRead::mismatch;
    integer = fits ? static_cast<std::int64_t>(cut) : 0;
  }
  switch (type.kind()) {
    case TypeKind::boolean: return put(true, static_cast<std::uint8_t>(real != 0 ? 1 : 0), cursor, out);
    case TypeKind::int32: {
      const bool fits =
          integer >= std::numeric_limits<std::int32_t>::min() && integer <= std::numeric_limits<std::int32_t>::max();
      return put(fits, static_cast<std::int32_t>(integer), cursor, out);
    }
    case TypeKind::int64: return put(true, integer, cursor, out);
    case TypeKind::float32: return put(true, static_cast<float>(real), cursor, out);
    case TypeKind::float64: return put(true, real, cursor, out);
    case TypeKind::decimal: {
      Int128 value = 0;
      const bool good = parse_decimal(text, type.precision(), type.scale(), value) == DecimalParse::ok;
      return put(good, value, cursor, out);
    }
    case TypeKind::timestamp: {
      if (exact) {
        const bool good = !__builtin_mul_overflow(integer, 1'000'000, &integer);
        return put(good, integer, cursor, out);
      }
      const double micros = real * 1e6;
      const bool good = std::abs(micros) < 9223372036854775808.0;
      return put(good, good ? static_cast<std::int64_t>(micros) : std::int64_t{0}, cursor, out);
    }
    default: return JsonRead::mismatch;
  }
}

// A text as `type`, as a cast from string.
JsonRead cast_text(std::string_view text, JsonCursor& cursor, ValueBuilder& out) {
  const Type& type = out.type();
  const auto parsed = [&]<class T>(T value, bool (*parse)(std::string_view, T&)) {
    const bool good = parse(text, value);
    return put(good, value, cursor, out);
  };
  switch (type.kind()) {
    case TypeKind::boolean: {
      bool value = false;
      const bool good = parse_boolean(text, value);
      return put(good, static_cast<std::uint8_t>(value ? 1 : 0), cursor, out);
    }
    case TypeKind::int32: return parsed(std::int32_t{0}, parse_int);
    case TypeKind::int64: return parsed(std::int64_t{0}, parse_bigint);
    case TypeKind::float32: return parsed(0.0F, parse_float);
    case TypeKind::float64: return parsed(0.0, parse_double);
    case TypeKind::date: return parsed(std::int32_t{0}, parse_date);
    case TypeKind::timestamp: {
      std::int64_t micros = 0;
      const bool good = parse_timestamp_cell(text, {}, micros);
      return put(good, micros, cursor, out);
    }
    case TypeKind::decimal: {
      Int128 value = 0;
      const bool good = parse_decimal(text, type.precision(), type.scale(), value) == DecimalParse::ok;
      return put(good, value, cursor, out);
    }
    case TypeKind::string:
    case TypeKind::binary:
      out.append_string(text);
      ++cursor.at;
      return JsonRead::ok;
    default: return JsonRead::mismatch;
  }
}

}  // namespace

JsonRead cast_variant_scalar(const JsonTyping&, JsonCursor& cursor, ValueBuilder& out) {
  if (cursor.token() == '"') {
    std::string text;
    if (!string_at(cursor, text)) return JsonRead::broken;
    return cast_text(text, cursor, out);
  }
  if (out.type().kind() == TypeKind::string) return rewritten(cursor, kVariantForm, out);
  const std::string_view text = cursor.scalar();
  bool whole = false;
  if (is_number(text, whole)) return cast_number(text, whole, cursor, out);
  if (text == "true" || text == "false") {
    // A truth is cast to numbers as 0 and 1 are, and to nothing else.
    const bool numeric = out.type().is_numeric() || out.type().kind() == TypeKind::boolean;
    return numeric ? cast_number(text == "true" ? "1" : "0", true, cursor, out) : JsonRead::mismatch;
  }
  return JsonRead::mismatch;
}

}  // namespace streamrun
