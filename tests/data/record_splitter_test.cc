// Where records end: the splitter against a reader that takes a byte at a time, and against the decoder's fields.
#include "runner/data/record_splitter.h"

#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "runner/data/csv_fields.h"
#include "runner/data/raw_records.h"

namespace streamrun {
namespace {

struct Split {
  std::string bytes;  // line end included
  std::uint64_t lines = 0;
  friend bool operator==(const Split&, const Split&) = default;
};

struct Parsed {
  std::string bytes;
  std::uint64_t lines = 1;
  bool good = true;
  bool comment = false;
  std::vector<std::string> fields = {""};
};

// The grammar, spelt out.
std::vector<Parsed> parse(std::string_view text, const RecordFraming& framing, bool& open) {
  std::vector<Parsed> records;
  enum class In { start, plain, quotes, behind, comment } in = In::start;
  Parsed record;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    record.bytes += c;
    const bool crlf = c == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
    const bool line_end = c == '\n' || (c == '\r' && !crlf);
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    const bool blank = framing.trim && is_blank_byte(c, framing.delimiter);
    if (in == In::quotes) {
      if (line_end) ++record.lines;
      const bool escapes = framing.escape == '\0'
                               ? c == framing.quote && next == framing.quote
                               : c == framing.escape && (next == framing.quote || next == framing.escape);
      if (escapes) {
        record.bytes += text[++i];
        record.fields.back() += next;
      } else if (c == framing.quote) {
        in = In::behind;
      } else {
        record.fields.back() += c;
      }
    } else if (line_end) {
      records.push_back(std::exchange(record, {}));
      in = In::start;
    } else if (crlf) {
      // Its LF comes.
    } else if (in == In::comment || (c == framing.comment && framing.comment != '\0' && record.bytes.size() == 1)) {
      in = In::comment;
      record.comment = true;
    } else if (c == framing.delimiter) {
      record.fields.emplace_back();
      in = In::start;
    } else if (in == In::start && framing.quoted() && c == framing.quote) {
      in = In::quotes;
      record.fields.back().clear();
    } else if (blank && in == In::behind) {
      // No part of the field.
    } else if (blank && in == In::start) {
      record.fields.back() += c;
    } else {
      record.good &= in != In::behind;
      record.fields.back() += c;
      in = in == In::behind ? In::behind : In::plain;
    }
  }
  open = in == In::quotes;
  if (!record.bytes.empty()) records.push_back(record);
  return records;
}

// The pieces of `text`, given in chunks, and stopped at now and then.
std::vector<Split> split(std::string_view text, const RecordFraming& framing, std::mt19937& random, std::size_t most) {
  std::vector<Split> found;
  RecordSplitter splitter(framing, true);
  std::string record;
  for (std::size_t at = 0; at < text.size();) {
    const std::string chunk(text.substr(at, 1 + random() % most));
    std::size_t begin = 0;
    const std::size_t used = splitter.scan(chunk, [&](std::size_t end, std::uint64_t lines) {
      record += chunk.substr(begin, end - begin);
      begin = end;
      found.push_back({std::exchange(record, {}), lines});
      return random() % 4 != 0;
    });
    record += chunk.substr(begin, used - begin);
    at += used;
  }
  if (!record.empty()) found.push_back({record, splitter.lines() + 1});
  return found;
}

std::string any_text(std::mt19937& random, const std::vector<std::string>& pieces, std::size_t most) {
  std::string text;
  for (std::size_t n = random() % most; n > 0; --n) text += pieces[random() % pieces.size()];
  return text;
}

TEST_CASE("csv: records end where the grammar ends them, however the bytes come") {
  std::mt19937 random(7);
  const std::vector<std::string> pieces = {"\"",
                                           "\"",
                                           "\"\"",
                                           ",",
                                           ",",
                                           "\n",
                                           "\r",
                                           "\r\n",
                                           "a",
                                           "bc",
                                           " ",
                                           ",\"",
                                           "\",",
                                           "\"\n",
                                           "#",
                                           "\n#",
                                           "\\",
                                           "\\\"",
                                           ", \"",
                                           "\" ",
                                           "\t",
                                           std::string(70, 'x'),
                                           std::string(65, ' ')};
  for (int round = 0; round < 60'000; ++round) {
    const RecordFraming framing{.cr_ends_line = true,
                                .quote = round % 5 == 0 ? '\0' : '"',
                                .delimiter = round % 11 == 0  ? ' '
                                             : round % 3 == 0 ? 'a'
                                                              : ',',
                                .escape = round % 4 == 0 ? '\\' : '\0',
                                .comment = round % 7 < 3 ? '#' : '\0',
                                .trim = round % 13 < 5};
    const std::string text = any_text(random, pieces, 40);
    CAPTURE(text, framing.quote, framing.delimiter, framing.escape, framing.comment, framing.trim);
    bool open = false;
    const std::vector<Parsed> parsed = parse(text, framing, open);
    std::vector<Split> expected;
    for (const Parsed& one : parsed) expected.push_back({one.bytes, one.lines});
    std::vector<Split> found = split(text, framing, random, round % 2 == 0 ? 3 : 200);
    // Nothing stands behind a record that is open at the end: its lines do not matter.
    if (open && found.size() == expected.size()) found.back().lines = expected.back().lines;
    REQUIRE(found == expected);
    if (!framing.quoted()) continue;
    CsvOptions options;
    options.delimiter = framing.delimiter;
    options.quote = framing.quote;
    options.escape = framing.escape;
    options.trim = framing.trim;
    const CsvCutter cutter(options);
    for (std::size_t i = 0; i < parsed.size(); ++i) {
      if (parsed[i].comment) continue;
      const bool unclosed = open && i + 1 == parsed.size();
      std::string record = parsed[i].bytes;
      while (!unclosed && (record.ends_with('\n') || record.ends_with('\r'))) {
        const bool crlf = record.ends_with("\r\n");
        record.resize(record.size() - (crlf ? 2 : 1));
        break;
      }
      const std::size_t size = record.size();
      record.append(kPadding, '"');
      std::vector<CsvField> fields(parsed[i].fields.size());
      std::string fault;
      const std::size_t count = cutter.cut(std::string_view(record).substr(0, size), fields, fault);
      REQUIRE(fault.empty() == (parsed[i].good && !unclosed));
      REQUIRE(fault.starts_with("a quoted field is not closed") == (unclosed && parsed[i].good));
      if (!fault.empty()) continue;
      REQUIRE(count == parsed[i].fields.size());
      std::string spare;
      for (std::size_t k = 0; k < count; ++k) {
        REQUIRE((fields[k].escaped ? cutter.unescape(fields[k].text, spare) : fields[k].text) == parsed[i].fields[k]);
      }
    }
  }
}

TEST_CASE("csv: a header that is passed over is a line, whatever is in it") {
  std::mt19937 random(11);
  const std::vector<std::string> pieces = {"\"",   "\"", ",", ",",  "\n",  "\r",
                                           "\r\n", "a",  " ", "\t", ",\"", std::string(70, 'x')};
  for (int round = 0; round < 60'000; ++round) {
    RecordFraming framing{.cr_ends_line = true, .quote = '"', .delimiter = round % 3 == 0 ? '\t' : ','};
    const std::string text = any_text(random, pieces, 40);
    bool open = false;
    framing.quote = '\0';
    std::string rest = text;
    std::vector<Parsed> expected;
    for (const Parsed& line : parse(text, framing, open)) {
      rest.erase(0, line.bytes.size());
      expected.push_back(line);
      const std::string bytes = line.bytes.substr(0, line.bytes.find_last_not_of("\r\n") + 1);
      if (!is_blank(bytes, framing.delimiter)) break;
    }
    framing.quote = '"';
    for (const Parsed& record : parse(rest, framing, open)) expected.push_back(record);
    const std::string mark = round % 2 == 0 ? "" : std::string(kByteOrderMark);
    if (!expected.empty()) expected.front().bytes.insert(0, mark);
    framing.header = framing.header_is_line = true;
    std::vector<Split> found = split(text.empty() ? text : mark + text, framing, random, round % 2 == 0 ? 3 : 200);
    CAPTURE(text, framing.delimiter);
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i].bytes == expected[i].bytes);
  }
}

TEST_CASE("csv: behind a byte order mark a record begins") {
  std::mt19937 random(1);
  const RecordFraming framing{.cr_ends_line = true, .quote = '"', .delimiter = ','};
  for (const std::size_t most : {1U, 2U, 100U}) {
    const std::vector<Split> expected = {{"\xEF\xBB\xBF\"a\nb\"\n", 2}, {"\xEF\xBB\xBF\"c\n", 1}, {"d", 1}};
    CHECK(split("\xEF\xBB\xBF\"a\nb\"\n\xEF\xBB\xBF\"c\nd", framing, random, most) == expected);
    RecordFraming more = framing;
    more.comment = '#';
    more.trim = true;
    const std::vector<Split> comment = {{"\xEF\xBB\xBF#\"\n", 1}, {"a\n", 1}};
    CHECK(split("\xEF\xBB\xBF#\"\na\n", more, random, most) == comment);
    const std::vector<Split> blanks = {{"\xEF\xBB\xBF \t\"\n\"\n", 2}, {"a\n", 1}};
    CHECK(split("\xEF\xBB\xBF \t\"\n\"\na\n", more, random, most) == blanks);
  }
}

TEST_CASE("lines end at LF alone where a format says nothing else") {
  std::mt19937 random(1);
  const std::vector<Split> expected = {{"a\rb\r\n", 1}, {"\n", 1}, {"\"c\n", 1}, {"d\"", 1}};
  CHECK(split("a\rb\r\n\n\"c\nd\"", {}, random, 2) == expected);
}

}  // namespace
}  // namespace streamrun
