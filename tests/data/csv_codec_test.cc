#include <catch2/catch.hpp>
#include <random>

#include "tests/data/codec_fixture.h"

namespace streamrun {
namespace {

std::unique_ptr<Decoder> decoder_of(const Schema& schema, const CsvOptions& options = {}) {
  return make_csv_decoder(schema, std::vector<bool>(schema.size(), true), options);
}

CsvOptions header_options() {
  CsvOptions options;
  options.header = CsvHeader::names;
  return options;
}

struct Case {
  const char* types;
  const char* record;
  const char* expected;  // the columns as JSON, or `!` and a part of the error
};

const Case kCases[] = {
    {"a int, b string", "1,x", R"(1 "x")"},
    {"a int, b string", ",", "null null"},
    {"a int, b string", R"(1,"")", R"(1 "")"},
    {"a int, b string", R"(1,"a,b")", R"(1 "a,b")"},
    {"a int, b string", R"("1","he said ""hi""")", R"(1 "he said \"hi\"")"},
    {"a int, b string", R"(1,"""")", R"(1 "\"")"},
    {"a int, b string", R"(1,a"b)", R"(1 "a\"b")"},
    {"a int, b string", R"(1,"a"b)", "!something follows a quoted field"},
    {"a int, b string", R"(1,"a)", "!a quoted field is not closed"},
    {"a int, b string", "1", "!expected 2 fields, found 1"},
    {"a int, b string", "1,2,3", "!expected 2 fields, found 3"},
    {"a int, b string", R"("1",2,3)", "!expected 2 fields, found 3"},
    {"a int, b string", R"("1",)", "1 null"},
    {"a int, b string", "abc,x", "!column 'a': 'abc' is no int"},
    {"a int, b string", R"("",x)", "!column 'a': '' is no int"},
    {"a int, b string", "99999999999,x", "!is no int"},
    {"a int, b string", " 5 ,x", R"(5 "x")"},
    {"a int, b string", "1,\xff", "!UTF-8"},
    {"a int, b string", "1,\x01", R"(1 "\u0001")"},
    {"a bigint", "-9223372036854775808", "-9223372036854775808"},
    {"a bigint", "9223372036854775808", "!is no bigint"},
    {"a double", "235.515", "235.515"},
    {"a double", "-0.5", "-0.5"},
    {"a double", "1e3", "1000.0"},
    {"a double", "NaN", R"("NaN")"},
    {"a double", "1.2.3", "!is no double"},
    {"a double", "1.", "1.0"},
    {"a float", "0.1", "0.1"},
    {"a boolean", "true", "true"},
    {"a boolean", "maybe", "!is no boolean"},
    {"a decimal(10,2)", "1.105", "1.11"},
    {"a decimal(3,1)", "1000", "!is no decimal(3,1)"},
    {"a date", "2024-02-29", R"("2024-02-29")"},
    {"a date", "-001-01-01", "!is no date"},
    {"a date", "10000-01-01", "!is no date"},
    {"a timestamp", "2024-05-06T07:08:09Z", R"("2024-05-06T07:08:09Z")"},
    {"a timestamp", "12:30", "!is no timestamp"},
    {"a binary", "AAH/", R"("AAH/")"},
};

TEST_CASE("csv: forms and faults") {
  for (const Case& one : kCases) {
    INFO(one.types << " <- " << one.record);
    const auto decoder = decoder_of(schema_of(one.types));
    for (const std::string& text : {std::string(one.record), std::string(one.record) + "\r\n" + one.record + "\n"}) {
      const Decoded decoded = decode_all(*decoder, records_of(text));
      REQUIRE(!decoded.errors.empty());
      for (std::uint32_t row = 0; row < decoded.errors.size(); ++row) {
        const std::string expected = one.expected;
        if (expected.starts_with('!')) {
          CHECK_THAT(decoded.errors[row], Catch::Contains(expected.substr(1)));
        } else {
          CHECK(decoded.errors[row] == "");
          CHECK(row_text(decoded, row) == expected);
        }
      }
    }
  }
}

TEST_CASE("csv: header, blank lines and tombstones") {
  const auto decoder = decoder_of(schema_of("a int, b string"), header_options());
  RawRecords records = records_of("\nb,a\nx,1\n\n  \ny,2\n");
  records.records.push_back({});
  StreamContext context{true, std::make_shared<const std::string>("b,a"), 1};
  const auto scratch = decoder->scratch();
  const Decoded first = decode_all(*decoder, records, scratch.get(), context);
  CHECK(first.skipped == std::vector<std::uint32_t>{0, 1, 3, 4});
  for (const std::string& error : first.errors) CHECK(error == "");
  CHECK(row_text(first, 2) == "1 \"x\"");
  CHECK(row_text(first, 5) == "2 \"y\"");
  CHECK(row_text(first, 6) == "null null");
  // Of a slice behind it, and of another file.
  RowErrors errors;
  std::vector<std::uint32_t> skipped;
  const auto columns = decoder->decode(records, context, 2, 1, scratch.get(), errors, skipped);
  CHECK(skipped.empty());
  CHECK(columns[0]->value<std::int32_t>(0) == 1);
  records = records_of("2,y\n");
  context = {true, std::make_shared<const std::string>("a,b"), StreamContext::kNoHeader};
  CHECK(row_text(decode_all(*decoder, records, scratch.get(), context), 0) == "2 \"y\"");
  CHECK(row_text(decode_all(*decoder, records, scratch.get()), 0) == "2 \"y\"");
}

TEST_CASE("csv: of one column an empty line or message is a null, and a line end may stand behind a message") {
  const auto decoder = decoder_of(schema_of("a string"));
  const Decoded decoded =
      decode_all(*decoder, records_of("x\n\n \n\"\"\n"), nullptr, {true, nullptr, StreamContext::kNoHeader});
  CHECK(decode_all(*decoder, records_of("x\n\n \n\"\"\n")).skipped == std::vector<std::uint32_t>{2});
  CHECK(decoded.skipped == std::vector<std::uint32_t>{2});
  CHECK(row_text(decoded, 1) == "null");
  CHECK(row_text(decoded, 3) == "\"\"");
  const std::string bytes = "x\r\n|\"b\r\n\"|c\nd|\"e\nf";
  RawRecords records = records_of(bytes + "\n");
  const std::string_view buffer(records.records[0].data(), bytes.size());
  records.records = {buffer.substr(0, 3), buffer.substr(4, 5), buffer.substr(10, 3), buffer.substr(14, 4)};
  const Decoded messages = decode_all(*decoder, records);
  CHECK(row_text(messages, 0) == "\"x\"");
  CHECK(row_text(messages, 1) == "\"b\\r\\n\"");
  CHECK_THAT(messages.errors[2], Catch::StartsWith("a line end outside of quotes"));
  CHECK_THAT(messages.errors[3], Catch::StartsWith("a quoted field is not closed"));
}

TEST_CASE("csv: other delimiters, quotes and nulls") {
  CsvOptions options;
  options.delimiter = '\t';
  options.quote = '\'';
  options.null_values = {"NA"};
  const auto decoder = decoder_of(schema_of("a int, b string, c string"), options);
  const Decoded decoded = decode_all(*decoder, records_of("NA\t'NA'\tNA\n1\t'it''s'\t\n\t\t\n"));
  CHECK(decoded.errors == std::vector<std::string>{"", "", ""});
  CHECK(row_text(decoded, 0) == "null \"NA\" null");
  CHECK(row_text(decoded, 1) == "1 \"it's\" null");
  CHECK(row_text(decoded, 2) == "null null null");
}

TEST_CASE("csv: what is written reads back the same") {
  const Schema schema = schema_of("a int, b string, c double, d timestamp, e decimal(10,2), f binary, g boolean");
  const std::string text =
      "a,b,c,d,e,f,g\n"
      "1,\"a,\"\"b\"\"\",235.515,2024-05-06T07:08:09.5Z,1.10,AAH/,true\n"
      ",,,,,,\n"
      "2,\"\",Infinity,1969-12-31T23:59:59Z,-0.05,AA==,false\n"
      "3,\" x\",1.0E20,,,,\n";
  const CsvOptions options = header_options();
  RawRecords records = records_of(text);
  const StreamContext context{true, std::make_shared<const std::string>(records.records[0]), 0};
  const Decoded decoded = decode_all(*decoder_of(schema, options), records, nullptr, context);
  for (const std::string& error : decoded.errors) CHECK(error == "");
  const auto encoder = make_csv_encoder(schema.columns, options);
  std::string out(encoder->header());
  encoder->encode(decoded.columns, Selection::of({1, 2, 3, 4}), out);
  CHECK(out == text);
}

TEST_CASE("csv: no bytes crash it") {
  std::mt19937 random(3);
  const auto decoder = decoder_of(schema_of("a int, b string, c double, d date"));
  const std::string alphabet = ",\"\n\r1a.- \xff";
  std::size_t good = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = "1,\"x\",2.5,2024-01-01\n2,y,,";
    for (std::size_t edits = random() % 4; edits > 0; --edits) {
      text.insert(random() % text.size(), 1, alphabet[random() % alphabet.size()]);
    }
    const Decoded decoded = decode_all(*decoder, records_of(text));
    for (std::uint32_t row = 0; row < decoded.errors.size(); ++row) {
      if (!decoded.errors[row].empty()) continue;
      ++good;
      REQUIRE(!row_text(decoded, row).empty());
    }
  }
  CHECK(good > 5000);
}

TEST_CASE("text and raw") {
  RawRecords records = records_of("one\nbad \xff\n\nfour\n");
  records.records.push_back({});
  const Decoded text = decode_all(*make_text_decoder(true), records);
  CHECK(text.errors == std::vector<std::string>{"", "the record is not UTF-8", "", "", ""});
  CHECK(row_text(text, 0) == "\"one\"");
  CHECK(row_text(text, 2) == "\"\"");
  CHECK(row_text(text, 4) == "null");
  const Decoded raw = decode_all(*make_raw_decoder(true), records);
  CHECK(raw.errors == std::vector<std::string>(5));
  std::string out;
  make_raw_encoder({"value", TypeKind::binary})->encode(raw.columns, Selection::all(5), out);
  CHECK(out ==
        "onebad \xff"
        "four");
  out.clear();
  make_text_encoder({"value", TypeKind::string})->encode(text.columns, Selection::of({0, 3, 4}), out);
  CHECK(out == "one\nfour\n\n");
  CHECK(decode_all(*make_text_decoder(false), records).columns[0] == nullptr);
}

}  // namespace
}  // namespace streamrun
