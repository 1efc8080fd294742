#include "runner/data/time_pattern.h"

#include <catch2/catch.hpp>

#include "runner/data/text_value.h"

using namespace streamrun;

namespace {

std::string formatted(std::string_view moment, std::string_view pattern) {
  std::int64_t micros = 0;
  REQUIRE(parse_timestamp(moment, 0, micros));
  const auto compiled = TimePattern::compile(pattern);
  if (!compiled) return "error";
  std::string out;
  compiled->format(micros, out);
  return out;
}

std::string parsed(std::string_view text, std::string_view pattern) {
  const auto compiled = TimePattern::compile(pattern);
  REQUIRE(compiled);
  std::int64_t micros = 0;
  if (!compiled->parse(text, micros)) return "none";
  std::string out;
  append_timestamp_iso(micros, out);
  return out;
}

}  // namespace

TEST_CASE("moments are written by patterns") {
  struct Case {
    const char *moment, *pattern, *text;
  };
  constexpr const char* kOld = "0012-03-04T00:00:00.5";
  constexpr const char* kNoon = "1999-01-01T12:00:00";
  constexpr const char* kLate = "2021-12-31T23:59:59.999999";
  constexpr const char* kEarly = "2024-02-05T07:08:09.012345";
  const Case cases[] = {
      {kOld, "EEE, d MMM yyyy HH:mm:ss Z", "Sun, 4 Mar 0012 00:00:00 +0000"},
      {kNoon, "a", "PM"},
      {kNoon, "MM/dd/yy", "01/01/99"},
      {kNoon, "yyyy-MM-dd'T'HH:mm:ss", "1999-01-01T12:00:00"},
      {kLate, "Q", "4"},
      {kEarly, "k", "7"},
      {kOld, "k", "24"},
      {kOld, "ZZZZZ", "Z"},
      {kNoon, "h:mm a", "12:00 PM"},
      {kOld, "QQQ", "Q1"},
      {kLate, "SS", "99"},
      {kEarly, "SSSSSSSSS", "012345000"},
      {kOld, "O", "GMT"},
      {kEarly, "q", "1"},
      {kEarly, "QQ", "01"},
      {kEarly, "QQQQ", "1st quarter"},
      {kEarly, "[yyyy]", "2024"},
      {kLate, "KK", "11"},
      {kEarly, "g", "60345"},
      {kEarly, "EEE", "Mon"},
      {kEarly, "EEEE", "Monday"},
      {kEarly, "zzzz", "Coordinated Universal Time"},
      {kNoon, "dd/MMM/yyyy:HH:mm:ss ZZZZZ", "01/Jan/1999:12:00:00 Z"},
      {kOld, "MMMM", "March"},
      {kOld, "y", "12"},
      {kNoon, "xxx", "+00:00"},
      {kLate, "LLL", "Dec"},
      {kLate, "VV", "UTC"},
      {kLate, "D", "365"},
      {kOld, "", ""},
      {kNoon, "'it''s' ''yy''", "it's '99'"},
  };
  for (const Case& c : cases) {
    INFO(c.pattern);
    CHECK(formatted(c.moment, c.pattern) == c.text);
  }
}

TEST_CASE("letters that Spark refuses are errors") {
  for (const char* bad : {"hhh", "c", "B", "EEEEE", "yyyyyyy", "V",          "N",  "p",     "n", "w", "A", "u",
                          "Y",   "W", "e", "aa",    "MMMMM",   "SSSSSSSSSS", "OO", "'open", "]", "{", "T"}) {
    INFO(bad);
    CHECK_FALSE(TimePattern::compile(bad));
  }
  CHECK(TimePattern::compile("YYYY").error().message ==
        "time pattern 'YYYY': 'Y' is no letter of it; write y for the year");
}

TEST_CASE("texts are read by patterns") {
  CHECK(parsed("Feb 9, 2024 3:04 PM", "MMM d, yyyy h:mm a") == "2024-02-09T15:04:00Z");
  CHECK(parsed("feb 9, 2024 12:04 am", "MMM d, yyyy h:mm a") == "2024-02-09T00:04:00Z");
  CHECK(parsed("2024-02-29 12:30:45", "yyyy-MM-dd HH:mm:ss") == "2024-02-29T12:30:45Z");
  CHECK(parsed("2024-02-29T12:30:45.5+01:00", "yyyy-MM-dd'T'HH:mm:ss.SXXX") == "2024-02-29T11:30:45.5Z");
  CHECK(parsed("2024-02-29T12:30:45.12Z", "yyyy-MM-dd'T'HH:mm:ss.SSSSSSX") == "2024-02-29T12:30:45.12Z");
  CHECK(parsed("20240229", "yyyyMMdd") == "2024-02-29T00:00:00Z");
  CHECK(parsed("20240229123045", "yyyyMMddHHmmss") == "2024-02-29T12:30:45Z");
  // Spark reads fractions of any width, so a year takes the digits that the other numbers do not need.
  CHECK(parsed("20240229123045123", "yyyyMMddHHmmssSSS") == "none");
  CHECK(parsed("12:30", "HH:mm") == "1970-01-01T12:30:00Z");
  CHECK(parsed("24", "yy") == "2024-01-01T00:00:00Z");
  CHECK(parsed("2024-060", "yyyy-DDD") == "2024-02-29T00:00:00Z");
  CHECK(parsed("Thu, 29 Feb 2024", "EEE, d MMM yyyy") == "2024-02-29T00:00:00Z");
  CHECK(parsed("2024-02-29", "yyyy-MM-dd[ HH:mm]") == "2024-02-29T00:00:00Z");
  CHECK(parsed("2024-02-29 07:08", "yyyy-MM-dd[ HH:mm]") == "2024-02-29T07:08:00Z");
  CHECK(parsed("2024-02-29", "yyyy-MM-dd[ HH") == "2024-02-29T00:00:00Z");
  CHECK(parsed("29/2/2024", "d/M/yyyy") == "2024-02-29T00:00:00Z");
}

TEST_CASE("parsing is strict") {
  CHECK(parsed(" 2024-02-29", "yyyy-MM-dd") == "none");
  CHECK(parsed("2024-2-29", "yyyy-MM-dd") == "none");
  CHECK(parsed("2024-02-30", "yyyy-MM-dd") == "none");
  CHECK(parsed("2024-02-29 ", "yyyy-MM-dd") == "none");
  CHECK(parsed("2024-02-29x", "yyyy-MM-dd") == "none");
  CHECK(parsed("20240-02-29", "yyyy-MM-dd") == "none");
  CHECK(parsed("2024-02-29 24:00", "yyyy-MM-dd HH:mm") == "none");
  CHECK(parsed("Fri, 29 Feb 2024", "EEE, d MMM yyyy") == "none");
  CHECK(parsed("1709209845", "dd/MM/yyyy") == "none");
  CHECK(parsed("", "yyyy") == "none");
  CHECK(parsed("bad", "yyyy-MM-dd'T'HH:mm:ss.SXXX") == "none");
  CHECK(parsed("2023-366", "yyyy-DDD") == "none");
}
