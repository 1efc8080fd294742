#include "runner/expr/json/json_path.h"

#include <charconv>
#include <span>

namespace streamrun {
namespace {

using Kind = JsonStep::Kind;
using Steps = std::span<const JsonStep>;

std::unexpected<Error> bad_path(std::string_view text) {
  return failure("'" + std::string(text) + "' is no path; it reads like $.a[0]['b c']");
}

// Passes `[…]` at the start of `rest`; false where it is none.
bool take_bracket(std::string_view& rest, bool wildcards, JsonStep& step) {
  rest.remove_prefix(1);
  if (rest.empty()) return false;
  if (const char quote = rest[0]; quote == '\'' || (quote == '"' && !wildcards)) {
    const std::size_t end = rest.find(quote, 1);
    if (end == std::string_view::npos || !rest.substr(end + 1).starts_with(']')) return false;
    step.name = rest.substr(1, end - 1);
    if (wildcards && step.name == "*") step.kind = Kind::each_field;
    rest.remove_prefix(end + 2);
    return true;
  }
  if (wildcards && rest.starts_with("*]")) {
    step.kind = Kind::each_element;
    rest.remove_prefix(2);
    return true;
  }
  step.kind = Kind::index;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), step.index);
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  if (error != std::errc() || !rest.starts_with(']')) return false;
  rest.remove_prefix(1);
  return true;
}

// Calls each(name) at the value of every field, or each() at every element; it passes the value. False stops.
template <class Each>
bool for_each_field(JsonCursor& cursor, Each&& each) {
  ++cursor.at;
  std::string name;
  for (bool any = false; cursor.token() != '}'; any = true) {
    if (any) {
      if (cursor.token() != ',') return cursor.reason = "a comma or a brace is missing", false;
      ++cursor.at;
    }
    name.clear();
    if (!take_json_string(cursor, name)) return false;
    if (cursor.token() != ':') return cursor.reason = "a colon is missing behind a key", false;
    ++cursor.at;
    if (!each(name)) return false;
  }
  ++cursor.at;
  return true;
}
template <class Each>
bool for_each_element(JsonCursor& cursor, Each&& each) {
  ++cursor.at;
  for (std::uint32_t i = 0; cursor.token() != ']'; ++i) {
    if (i > 0) {
      if (cursor.token() != ',') return cursor.reason = "a comma or a bracket is missing", false;
      ++cursor.at;
    }
    if (!each(i)) return false;
  }
  ++cursor.at;
  return true;
}

// How a string is written that a path ends at, and whether arrays dissolve: Hive's rules, as Spark has them.
enum class Style { raw, quoted, flat };

class Extraction {
 public:
  explicit Extraction(JsonCursor& cursor) : cursor_(cursor) {}

  // Whether something was written; passes the value at hand.
  bool run(Steps steps, Style style, std::string& out) {
    const char first = cursor_.token();
    if (steps.empty()) return whole(first, style, out);
    const JsonStep& step = steps[0];
    const bool element = step.kind == Kind::index || step.kind == Kind::each_element;
    if (first == '{' && !element) return fields(step, steps.subspan(1), style, out);
    if (first == '[' && step.kind == Kind::index) return element_at(step.index, steps.subspan(1), style, out);
    if (first == '[' && step.kind == Kind::each_element) return elements(steps.subspan(1), style, out);
    skip_json(cursor_);
    return false;
  }

 private:
  bool whole(char first, Style style, std::string& out) {
    if (first == '"' && style == Style::raw) return take_json_string(cursor_, out);
    if (first != '[' || style != Style::flat) return rewrite_json(cursor_, 0, kJacksonForm, out);
    bool any = false;
    const bool sound = for_each_element(cursor_, [&](std::uint32_t) {
      separate(out);
      any = run({}, style, out) || any;
      return cursor_.reason == nullptr;
    });
    return sound && any;
  }

  // The first field that gives something counts.
  bool fields(const JsonStep& step, Steps rest, Style style, std::string& out) {
    bool found = false;
    const bool sound = for_each_field(cursor_, [&](const std::string& name) {
      const bool meant = !found && (step.kind == Kind::each_field || name == step.name);
      if (meant && !(cursor_.token() == 'n' && step.kind == Kind::name)) {
        found = run(rest, style, out);
      } else if (!skip_json(cursor_)) {
        return false;
      }
      return cursor_.reason == nullptr;
    });
    return sound && found;
  }

  bool element_at(std::uint32_t index, Steps rest, Style style, std::string& out) {
    const bool listed = !rest.empty() && rest[0].kind == Kind::each_element;
    bool found = false;
    const bool sound = for_each_element(cursor_, [&](std::uint32_t i) {
      if (i == index) {
        found = run(rest, listed ? Style::quoted : style, out);
      } else if (!skip_json(cursor_)) {
        return false;
      }
      return cursor_.reason == nullptr;
    });
    return sound && found;
  }

  // `[*]`: an array of what the elements give, or the one thing that they give.
  bool elements(Steps rest, Style style, std::string& out) {
    const bool twice = !rest.empty() && rest[0].kind == Kind::each_element;
    if (twice) rest = rest.subspan(1);
    const bool always = style == Style::quoted || twice;
    const Style inner = twice ? Style::flat : style == Style::raw ? Style::quoted : style;
    std::string list;
    std::size_t count = 0;
    const bool sound = for_each_element(cursor_, [&](std::uint32_t) {
      const std::size_t before = list.size();
      separate(list);
      if (run(rest, inner, list)) {
        ++count;
      } else {
        list.resize(before);
      }
      return cursor_.reason == nullptr;
    });
    if (!sound || count == 0) return false;
    separate(out);
    if (always || count > 1) {
      out.append(1, '[').append(list).append(1, ']');
    } else {
      out.append(list);
    }
    return true;
  }

  static void separate(std::string& list) {
    if (!list.empty() && list.back() != '[' && list.back() != ',') list += ',';
  }

  JsonCursor& cursor_;
};

}  // namespace

Result<JsonPath> parse_json_path(std::string_view text, bool wildcards) {
  JsonPath path;
  if (!text.starts_with('$')) return bad_path(text);
  for (std::string_view rest = text.substr(1); !rest.empty();) {
    JsonStep step;
    if (rest[0] == '[') {
      if (!take_bracket(rest, wildcards, step)) return bad_path(text);
    } else if (rest[0] == '.') {
      const std::size_t end = std::min(rest.find_first_of(".[", 1), rest.size());
      step.name = rest.substr(1, end - 1);
      if (step.name.empty()) return bad_path(text);
      if (wildcards && step.name == "*") step.kind = Kind::each_field;
      rest.remove_prefix(end);
    } else {
      return bad_path(text);
    }
    path.push_back(std::move(step));
  }
  return path;
}

bool follow_json_path(JsonCursor& cursor, const JsonPath& path) {
  for (const JsonStep& step : path) {
    const char first = cursor.token();
    const bool named = step.kind == Kind::name;
    if (first != (named ? '{' : '[')) return false;
    bool found = false;
    const auto visit = [&](bool meant) {
      found = meant;
      return !meant && skip_json(cursor);
    };
    if (named) {
      for_each_field(cursor, [&](const std::string& name) { return visit(name == step.name); });
    } else {
      for_each_element(cursor, [&](std::uint32_t i) { return visit(i == step.index); });
    }
    if (!found) return false;
  }
  return true;
}

bool extract_json_path(JsonCursor& cursor, const JsonPath& path, std::string& out) {
  return Extraction(cursor).run(path, Style::raw, out) && cursor.reason == nullptr;
}

}  // namespace streamrun
