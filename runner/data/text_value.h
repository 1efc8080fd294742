// Values of simple types and their texts: Spark's casts (ANSI) and the forms of JSON and CSV share these.
// Nothing here allocates but by appending to `out`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runner/data/column.h"

namespace streamrun {

// Without blanks and control characters around it (Spark's trimAll).
std::string_view trim_blanks(std::string_view text);

// Text to value, as Spark's cast from string (blanks around are trimmed; see expression-traps 9): false where
// the text is none. Dates and timestamps: `2024-05-06`, `2024-05-06 07:08:09.123456`, `T`, zone suffixes; years
// of four to seven digits, signed or not; a time alone takes the day of `today` (days since 1970).
bool parse_boolean(std::string_view text, bool& out);
bool parse_int(std::string_view text, std::int32_t& out);
bool parse_bigint(std::string_view text, std::int64_t& out);
bool parse_float(std::string_view text, float& out);
bool parse_double(std::string_view text, double& out);
enum class DecimalParse { ok, malformed, overflow };
// Rounds HALF_UP to `scale`; overflow where more than `precision` digits are left.
DecimalParse parse_decimal(std::string_view text, int precision, int scale, Int128& out);
bool parse_date(std::string_view text, std::int32_t& days);
bool parse_timestamp(std::string_view text, std::int32_t today, std::int64_t& micros);

// Value to text, as Spark's cast to string: doubles as Java's (`1.0E10`), timestamps `2024-05-06 07:08:09.1`.
void append_int(std::int64_t value, std::string& out);
void append_java_double(double value, std::string& out);
void append_java_float(float value, std::string& out);
void append_decimal(Int128 unscaled, int scale, std::string& out);
// As java.math.BigDecimal: `1E-11` below a millionth.
void append_java_decimal(Int128 unscaled, int scale, std::string& out);
void append_date(std::int32_t days, std::string& out);
void append_timestamp(std::int64_t micros, std::string& out);      // with a blank, no zone
void append_timestamp_iso(std::int64_t micros, std::string& out);  // with T and Z
void append_json_string(std::string_view text, std::string& out);  // quoted and escaped, bad UTF-8 as U+FFFD
void append_base64(std::string_view bytes, std::string& out);      // RFC 4648, one line
bool decode_base64(std::string_view text, std::string& out);

// Any value as Spark's cast to string writes it, nested ones included: `[1, null]`, `{a -> 1}`, `{1, x}`.
void append_text(const Column& column, std::uint32_t row, std::string& out);

void append_code_point(char32_t c, std::string& out);  // as UTF-8
bool is_utf8(std::string_view bytes);
// Bad UTF-8 becomes U+FFFD, one for each maximal part, as Java and the decoders of the web do.
std::string as_utf8(std::string_view bytes);

// 10^n for 0 <= n <= 38.
Int128 power_of_ten(int n);

}  // namespace streamrun
