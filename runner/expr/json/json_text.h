// A value's text as JSON tokens, and rewritten in a normal form: what the JSON and variant functions share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runner/data/json_cursor.h"
#include "runner/data/json_index.h"

namespace streamrun {

// What Spark's readers let pass beyond the standard.
enum Leniency : std::uint8_t {
  kStrictJson = 0,
  kSingleQuotes = 1,
  kControlBytes = 2,  // within strings
  kNotNumbers = 4,    // NaN, Infinity and the like, read as strings
};

// The tokens of one text at a time; buffers are kept from text to text. One thread.
class JsonText {
 public:
  // False: no tokens can be told, or there are none. Else the cursor is at the first one. What follows the first
  // value is not looked at.
  bool open(std::string_view text, std::uint8_t leniency);
  JsonCursor& cursor() { return cursor_; }

 private:
  bool index(std::size_t size);

  std::string buffer_;
  JsonIndex index_;
  JsonCursor cursor_;
};

// How a value is written again: its numbers, and the order of its names.
struct JsonForm {
  void (*number)(std::string_view text, bool whole, std::string& out) = nullptr;
  bool sorted = false;  // names in order, the last of those that come twice
  bool unique = false;  // and a name that comes twice is refused
};
extern const JsonForm kJacksonForm;  // fractions as Java's doubles
extern const JsonForm kReadForm;     // a variant from any JSON: its numbers in their one form, names sorted
extern const JsonForm kParsedForm;   // likewise, names unique
extern const JsonForm kVariantForm;  // a variant again: numbers as they stand, names sorted

// Appends the value at hand, checked all through, and passes it. False: the cursor says why.
bool rewrite_json(JsonCursor& cursor, int depth, const JsonForm& form, std::string& out);

// The string at hand, escapes resolved, into `out`; passes it. False: it is none.
bool take_json_string(JsonCursor& cursor, std::string& out);

}  // namespace streamrun
