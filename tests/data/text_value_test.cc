#include "runner/data/text_value.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>

#include "runner/data/time_pattern.h"
#include "runner/data/value_builder.h"

using namespace streamrun;

namespace {

template <class T>
std::string text(void (*append)(T, std::string&), std::type_identity_t<T> value) {
  std::string out = ">";
  append(value, out);
  return out.substr(1);
}

std::string decimal(std::string_view written, int precision, int scale) {
  Int128 value = 0;
  switch (parse_decimal(written, precision, scale, value)) {
    case DecimalParse::malformed: return "malformed";
    case DecimalParse::overflow: return "overflow";
    case DecimalParse::ok: break;
  }
  std::string out;
  append_decimal(value, scale, out);
  return out;
}

std::string timestamp(std::string_view written) {
  std::int64_t micros = 0;
  return parse_timestamp(written, 19782, micros) ? text(append_timestamp_iso, micros) : "none";
}

std::string date(std::string_view written) {
  std::int32_t days = 0;
  return parse_date(written, days) ? text(append_date, days) : "none";
}

std::string whole(std::string_view written) {
  std::int32_t value = 0;
  return parse_int(written, value) ? std::to_string(value) : "none";
}

std::string real(std::string_view written) {
  double value = 0;
  return parse_double(written, value) ? text(append_java_double, value) : "none";
}

}  // namespace

TEST_CASE("text to int") {
  CHECK(whole("\t8\n") == "8");
  CHECK(whole("+5") == "5");
  CHECK(whole("-2147483648") == "-2147483648");
  for (const char* bad : {"", " ", "1.5", "1e3", "2147483648", "1_000", "--1", "+-1", "+", "0x1F", "1L"}) {
    CHECK(whole(bad) == "none");
  }
}

TEST_CASE("text to bigint and boolean") {
  std::int64_t value = 0;
  CHECK(parse_bigint(" -9223372036854775808 ", value));
  CHECK(value == std::numeric_limits<std::int64_t>::min());
  CHECK_FALSE(parse_bigint("9223372036854775808", value));
  bool truth = false;
  CHECK((parse_boolean(" T ", truth) && truth));
  CHECK((parse_boolean("Yes", truth) && truth));
  CHECK((parse_boolean("0", truth) && !truth));
  CHECK_FALSE(parse_boolean("1.5", truth));
  CHECK_FALSE(parse_boolean("", truth));
}

TEST_CASE("text to double") {
  CHECK(real(" 12 ") == "12.0");
  CHECK(real("1d") == "1.0");
  CHECK(real("1.5F") == "1.5");
  CHECK(real("5.") == "5.0");
  CHECK(real(".5e1") == "5.0");
  CHECK(real("inf") == "Infinity");
  CHECK(real("-Infinity") == "-Infinity");
  CHECK(real("NaN") == "NaN");
  CHECK(real("1e400") == "Infinity");
  CHECK(real("-1e-400") == "-0.0");
  for (const char* bad : {"", ".", "1L", "true", "12:30", "infi", "nan(1)", "1ff", "1e", "+-1", "d"}) {
    CHECK(real(bad) == "none");
  }
  float narrow = 0;
  CHECK(parse_float("12.345", narrow));
  CHECK(static_cast<double>(narrow) == 12.345000267028809);
}

TEST_CASE("double to text as Java's") {
  CHECK(text(append_java_double, 1e300) == "1.0E300");
  CHECK(text(append_java_double, 123456789012.5) == "1.234567890125E11");
  CHECK(text(append_java_double, -2.9) == "-2.9");
  CHECK(text(append_java_double, 0.0) == "0.0");
  CHECK(text(append_java_double, -0.0) == "-0.0");
  CHECK(text(append_java_double, 9999999.0) == "9999999.0");
  CHECK(text(append_java_double, 1e7) == "1.0E7");
  CHECK(text(append_java_double, 1e-3) == "0.001");
  CHECK(text(append_java_double, 1e-5) == "1.0E-5");
  CHECK(text(append_java_double, 0.1 + 0.2) == "0.30000000000000004");
  CHECK(text(append_java_double, 1234567.0) == "1234567.0");
  CHECK(text(append_java_float, 3.4028235e38F) == "3.4028235E38");
  CHECK(text(append_java_float, 123456.789F) == "123456.79");
  CHECK(text(append_java_float, 0.1F) == "0.1");
}

TEST_CASE("the least numbers have two digits, as Java's") {
  CHECK(text(append_java_double, 4.9e-324) == "4.9E-324");
  CHECK(text(append_java_double, 1e-323) == "9.9E-324");
  CHECK(text(append_java_double, -1.5e-323) == "-1.5E-323");
  CHECK(text(append_java_double, 2e-323) == "2.0E-323");
  CHECK(text(append_java_double, 2.2250738585072014e-308) == "2.2250738585072014E-308");
  CHECK(text(append_java_float, 1.4e-45F) == "1.4E-45");
  CHECK(text(append_java_float, 2.8e-45F) == "2.8E-45");
}

TEST_CASE("numbers read back as they were") {
  CHECK(text(append_int, std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  std::mt19937_64 random(7);
  for (int i = 0; i < 20'000; ++i) {
    const double value = std::bit_cast<double>(random());
    if (!std::isfinite(value)) continue;
    double java = 0;
    REQUIRE(parse_double(text(append_java_double, value), java));
    REQUIRE(java == value);
  }
}

TEST_CASE("decimals as Java's BigDecimal") {
  const auto java = [](Int128 unscaled, int scale) {
    std::string out;
    append_java_decimal(unscaled, scale, out);
    return out;
  };
  CHECK(java(1, 11) == "1E-11");
  CHECK(java(-123, 11) == "-1.23E-9");
  CHECK(java(0, 11) == "0E-11");
  CHECK(java(1, 6) == "0.000001");
  CHECK(java(1, 7) == "1E-7");
  CHECK(java(110, 2) == "1.10");
  CHECK(java(0, 0) == "0");
}

TEST_CASE("decimals") {
  CHECK(decimal("12.345", 10, 2) == "12.35");
  CHECK(decimal("-12.345", 10, 2) == "-12.35");
  CHECK(decimal("12.344999", 10, 2) == "12.34");
  CHECK(decimal("1e3", 10, 2) == "1000.00");
  CHECK(decimal("0.00001e5", 10, 2) == "1.00");
  CHECK(decimal(" 12 ", 3, 1) == "12.0");
  CHECK(decimal("99.95", 3, 1) == "overflow");
  CHECK(decimal("99.94", 3, 1) == "99.9");
  CHECK(decimal(".5", 3, 0) == "1");
  CHECK(decimal(".05", 3, 0) == "0");
  CHECK(decimal("5.", 3, 1) == "5.0");
  CHECK(decimal("000000000000000000000000000000000000000000001.5", 3, 1) == "1.5");
  CHECK(decimal("1e-400", 10, 2) == "0.00");
  CHECK(decimal("5e-3", 10, 2) == "0.01");
  CHECK(decimal("0e99999", 10, 2) == "0.00");
  CHECK(decimal("1e38", 38, 0) == "overflow");
  CHECK(decimal("99999999999999999999999999999999999999", 38, 0) == "99999999999999999999999999999999999999");
  CHECK(decimal("-0.00000000000000000000000000000000000001", 38, 38) == "-0.00000000000000000000000000000000000001");
  CHECK(decimal("999999999999999999999999999999999999999", 38, 0) == "overflow");
  for (const char* bad : {"", ".", "1L", "0x1F", "12:30", "abc", "1e", "1e+", "1 2", "1e 5", "inf", "1.2.3"}) {
    CHECK(decimal(bad, 10, 2) == "malformed");
  }
  CHECK(decimal("0", 20, 8) == "0.00000000");
  CHECK(decimal("20000000000000000000.5", 38, 1) == "20000000000000000000.5");
}

TEST_CASE("dates") {
  CHECK(date("2024") == "2024-01-01");
  CHECK(date("2024-2") == "2024-02-01");
  CHECK(date(" 2024-2-9 ") == "2024-02-09");
  CHECK(date("2024-02-29 12:30:45+02:00") == "2024-02-29");
  CHECK(date("0001-01-01T") == "0001-01-01");
  CHECK(date("9999-12-31") == "9999-12-31");
  CHECK(date("12345-06-07") == "+12345-06-07");
  CHECK(date("-0044-03-15") == "-0044-03-15");
  for (const char* bad : {"", "abc", "8", "-7", "12:30", "2024-02-30", "2023-02-29", "1900-02-29", "2024-", "24-01-01",
                          "2024-13-01", "2024-00-01", "2024-01-01x", "2024-01 10", "2024-001-01"}) {
    CHECK(date(bad) == "none");
  }
}

TEST_CASE("timestamps") {
  CHECK(timestamp("2024-02-29 12:30:45") == "2024-02-29T12:30:45Z");
  CHECK(timestamp("2024") == "2024-01-01T00:00:00Z");
  CHECK(timestamp(" 2024-02-29") == "2024-02-29T00:00:00Z");
  CHECK(timestamp("2024-02-29T1:2:3.5") == "2024-02-29T01:02:03.5Z");
  CHECK(timestamp("2024-02-29 12:30:45+02:00") == "2024-02-29T10:30:45Z");
  CHECK(timestamp("2024-02-29T12:30:45.5+01:00") == "2024-02-29T11:30:45.5Z");
  CHECK(timestamp("2024-02-29T12:30:45.123456789Z") == "2024-02-29T12:30:45.123456Z");
  CHECK(timestamp("2024-02-29 12:30:45 UTC") == "2024-02-29T12:30:45Z");
  CHECK(timestamp("2024-02-29 12:30:45 GMT-1") == "2024-02-29T13:30:45Z");
  CHECK(timestamp("1969-12-31 23:59:59.9") == "1969-12-31T23:59:59.9Z");
  CHECK(timestamp("12:30") == "2024-02-29T12:30:00Z");
  CHECK(timestamp("T1:30:00.25") == "2024-02-29T01:30:00.25Z");
  for (const char* bad :
       {"", "abc", "2024-02-30", "1709209845", "2024-02-29 24:00:00", "2024-02-29 12:60", "2024-02-29 12:30:45+19:00",
        "2024-02-29 12:30:45 Nowhere/City", "2024-02-29Tx", "2024-02-29T", "2024-02-29 1:2:3+1:0:0:0"}) {
    CHECK(timestamp(bad) == "none");
  }
  CHECK(text(append_timestamp, 100'000) == "1970-01-01 00:00:00.1");
}

TEST_CASE("civil days are a bijection over all years") {
  CHECK(days_from_civil({1970, 1, 1}) == 0);
  CHECK(days_from_civil({2000, 3, 1}) == 11017);
  CivilDate last = civil_from_days(-800'001);
  for (std::int32_t days = -800'000; days < 3'000'000; days += 1) {
    const CivilDate now = civil_from_days(days);
    const bool next = (now.year == last.year && now.month == last.month && now.day == last.day + 1) ||
                      (now.day == 1 && (now.month == last.month + 1 || (now.month == 1 && now.year == last.year + 1)));
    if (!next || days_from_civil(now) != days) FAIL("day " << days);
    last = now;
  }
  SUCCEED();
}

TEST_CASE("JSON strings are escaped wherever the escape stands") {
  for (std::size_t length = 0; length < 40; ++length) {
    const std::string plain(length, 'x');
    CHECK(text<std::string_view>(append_json_string, plain) == '"' + plain + '"');
    for (std::size_t at = 0; at < length; ++at) {
      std::string quoted = plain;
      quoted[at] = '"';
      REQUIRE(text<std::string_view>(append_json_string, quoted) ==
              '"' + std::string(at, 'x') + "\\\"" + std::string(length - at - 1, 'x') + '"');
    }
  }
  CHECK(text<std::string_view>(append_json_string, std::string_view("a\b\f\n\r\t\x01\x1f\\\0é\x7f", 13)) ==
        "\"a\\b\\f\\n\\r\\t\\u0001\\u001f\\\\\\u0000é\x7f\"");
}

TEST_CASE("base64 is the inverse of itself") {
  CHECK(text<std::string_view>(append_base64, "hello") == "aGVsbG8=");
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    std::string back;
    REQUIRE(decode_base64(text<std::string_view>(append_base64, bytes), back));
    REQUIRE(back == bytes);
    bytes += static_cast<char>(i * 7);
  }
  for (const char* bad : {"a", "ab", "abc", "a===", "ab=c", "ab c", "====", "a\nbc"}) {
    std::string out = "kept";
    CHECK_FALSE(decode_base64(bad, out));
    CHECK(out == "kept");
  }
}

TEST_CASE("nested values as text") {
  ValueBuilder list(Type::array(TypeKind::int32));
  list.child(0).append(std::int32_t{1});
  list.child(0).append_null();
  list.end_list();
  std::string out;
  append_text(*list.finish(), 0, out);
  CHECK(out == "[1, null]");

  ValueBuilder map(Type::map(TypeKind::string, TypeKind::int32));
  map.child(0).append_string("a");
  map.child(1).append(std::int32_t{1});
  map.child(0).append_string("b");
  map.child(1).append_null();
  map.end_list();
  map.end_list();
  const ColumnPtr maps = map.finish();
  out.clear();
  append_text(*maps, 0, out);
  append_text(*maps, 1, out);
  CHECK(out == "{a -> 1, b -> null}{}");

  ValueBuilder record(Type::structure({{"a", TypeKind::float64}, {"v", TypeKind::variant}, {"x", TypeKind::string}}));
  record.child(0).append(1e10);
  record.child(1).append_string(R"("q\"t")");
  record.end_struct();
  out.clear();
  append_text(*record.finish(), 0, out);
  CHECK(out == "{1.0E10, q\"t, null}");
}

TEST_CASE("intervals as text") {
  ValueBuilder days(TypeKind::day_interval);
  days.append(std::int64_t{-93'784'500'000});
  std::string out;
  append_text(*days.finish(), 0, out);
  CHECK(out == "INTERVAL '-1 02:03:04.5' DAY TO SECOND");
  ValueBuilder months(TypeKind::month_interval);
  months.append(std::int32_t{-14});
  out.clear();
  append_text(*months.finish(), 0, out);
  CHECK(out == "INTERVAL '-1-2' YEAR TO MONTH");
}

TEST_CASE("UTF-8 is told from other bytes") {
  CHECK(is_utf8("é€😀"));
  CHECK_FALSE(is_utf8("\xC3"));
  CHECK_FALSE(is_utf8("\xED\xA0\x80"));
}
