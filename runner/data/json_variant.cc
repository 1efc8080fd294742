#include "runner/data/json_variant.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "runner/data/text_value.h"

namespace streamrun {
namespace {

bool fail(JsonCursor& cursor, const char* why) {
  cursor.reason = why;
  return false;
}

// The string at hand with its quotes: as it stands, or in the one form of those that have escapes.
bool append_string(JsonCursor& cursor, JsonContext& context, bool one_form, std::string& out) {
  std::string_view raw;
  if (cursor.token() != '"') return fail(cursor, "a key is missing");
  if (!cursor.string(raw)) return fail(cursor, "a string is malformed");
  const bool escapes = !cursor.plain && raw.find('\\') != std::string_view::npos;
  if (escapes) {
    context.spare.clear();
    if (const char* reason = json_unescape(raw, context.spare)) return fail(cursor, reason);
  }
  if (escapes && one_form) {
    append_json_string(context.spare, out);
  } else {
    out.append(1, '"').append(raw).append(1, '"');
  }
  ++cursor.at;
  return true;
}

// Leaves of fields with one name only the last. `fields`: in order, of the object that begins at `begin` of `out`.
void drop_repeated(std::span<const JsonContext::VariantField> fields, std::size_t begin, std::string& out) {
  const auto name = [&](std::size_t field) {
    return std::string_view(out).substr(fields[field].begin, fields[field].name_bytes);
  };
  std::vector<std::size_t> order(fields.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, name);
  std::vector<bool> dropped(fields.size());
  bool any = false;
  for (std::size_t i = 0; i + 1 < order.size(); ++i) {
    if (name(order[i]) != name(order[i + 1])) continue;
    dropped[order[i]] = true;
    any = true;
  }
  if (!any) return;
  std::string left = "{";
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (dropped[i]) continue;
    if (left.size() > 1) left += ',';
    left.append(out, fields[i].begin, fields[i].end - fields[i].begin);
  }
  out.replace(begin, std::string::npos, left);
}

// Few names are told apart one by one.
bool may_repeat(std::span<const JsonContext::VariantField> fields, const std::string& out) {
  if (fields.size() > 16) return true;
  for (std::size_t i = 1; i < fields.size(); ++i) {
    const std::string_view name(out.data() + fields[i].begin, fields[i].name_bytes);
    for (std::size_t k = 0; k < i; ++k) {
      if (name == std::string_view(out.data() + fields[k].begin, fields[k].name_bytes)) return true;
    }
  }
  return false;
}

bool append_object(JsonCursor& cursor, JsonContext& context, int depth, std::string& out) {
  const std::size_t begin = out.size();
  std::vector<JsonContext::VariantField>& open = context.variant_fields;
  const std::size_t first = open.size();
  out += '{';
  ++cursor.at;
  while (cursor.token() != '}') {
    if (open.size() > first) {
      if (cursor.token() != ',') return fail(cursor, "a comma or a closing bracket is missing");
      ++cursor.at;
      out += ',';
    }
    const std::size_t at = out.size();
    open.push_back({at, 0, 0});
    if (!append_string(cursor, context, true, out)) return false;
    open.back().name_bytes = out.size() - at;
    if (cursor.token() != ':') return fail(cursor, "a colon is missing behind a key");
    ++cursor.at;
    out += ':';
    if (!append_variant(cursor, context, depth + 1, out)) return false;
    open.back().end = out.size();
  }
  ++cursor.at;
  const std::span fields = std::span(open).subspan(first);
  if (may_repeat(fields, out)) drop_repeated(fields, begin, out);
  open.resize(first);
  out += '}';
  return true;
}

bool append_array(JsonCursor& cursor, JsonContext& context, int depth, std::string& out) {
  out += '[';
  ++cursor.at;
  for (bool any = false; cursor.token() != ']'; any = true) {
    if (any) {
      if (cursor.token() != ',') return fail(cursor, "a comma or a closing bracket is missing");
      ++cursor.at;
      out += ',';
    }
    if (!append_variant(cursor, context, depth + 1, out)) return false;
  }
  ++cursor.at;
  out += ']';
  return true;
}

}  // namespace

void append_double_of(std::string_view text, std::string& out) {
  double value = 0;
  parse_double(text, value);
  const bool finite = std::isfinite(value);
  if (!finite) out += '"';
  append_java_double(value, out);
  if (!finite) out += '"';
}

void append_variant_number(std::string_view text, bool whole, std::string& out) {
  const bool power = !whole && text.find_first_of("eE") != std::string_view::npos;
  const auto digits = std::ranges::count_if(text, [](char c) { return c >= '0' && c <= '9'; });
  if (power || digits > 38) return append_double_of(text, out);
  if (!whole) {
    while (text.back() == '0') text.remove_suffix(1);
    if (text.back() == '.') text.remove_suffix(1);
  }
  out.append(text == "-0" ? std::string_view("0") : text);
}

bool append_variant(JsonCursor& cursor, JsonContext& context, int depth, std::string& out) {
  const char c = cursor.token();
  if (c == '"') return append_string(cursor, context, false, out);
  if (c == '{' || c == '[') {
    if (depth + 1 > kJsonDepth) return fail(cursor, "it is nested deeper than 100 levels");
    return c == '{' ? append_object(cursor, context, depth, out) : append_array(cursor, context, depth, out);
  }
  if (!json_scalar_starts(c)) return fail(cursor, "a value is missing");
  const std::string_view text = cursor.scalar();
  bool whole = false;
  if (text == "true" || text == "false" || text == "null") {
    out.append(text);
  } else if (json_number(text, whole)) {
    append_variant_number(text, whole, out);
  } else {
    return fail(cursor, "a value is malformed");
  }
  ++cursor.at;
  return true;
}

}  // namespace streamrun
