// Decoders and the reader of types, given what is nearly right: a verdict on each record, and what is taken is taken
// for good, so that it reads the same when it is written and read again.
#include "tests/mutation.h"

#include <catch2/catch.hpp>

#include "tests/data/codec_fixture.h"

namespace streamrun {
namespace {

constexpr int kRounds = 300;
constexpr int kRecords = 40;

// One record a line.
std::string lines_of(Mutator& mutator) {
  std::string lines;
  for (int i = 0; i < kRecords; ++i) {
    std::string record = mutator.next();
    std::erase(record, '\n');
    lines += record + '\n';
  }
  return lines;
}

struct Verdicts {
  std::size_t good = 0;
  std::size_t bad = 0;
};

// Good records, written and read again by `reader`, are the same. Bad ones are rows of nulls.
void check(const Decoder& decoder, const Encoder& encoder, const Decoder& reader, const std::string& lines,
           Verdicts& verdicts) {
  const RawRecords records = records_of(lines);
  const auto scratch = decoder.scratch();
  const Decoded once = decode_all(decoder, records, scratch.get());
  std::vector<std::uint32_t> good;
  for (std::uint32_t row = 0; row < records.size(); ++row) {
    const bool skipped = std::find(once.skipped.begin(), once.skipped.end(), row) != once.skipped.end();
    if (!once.errors[row].empty()) ++verdicts.bad;
    if (once.errors[row].empty() && !skipped) good.push_back(row);
  }
  verdicts.good += good.size();
  std::string written;
  encoder.encode(once.columns, Selection::of(std::vector(good)), written);
  const Decoded again = decode_all(reader, records_of(written));
  REQUIRE(again.errors.size() == good.size());
  for (std::uint32_t i = 0; i < good.size(); ++i) {
    INFO(records.records[good[i]]);
    CHECK(again.errors[i].empty());
    CHECK(row_text(again, i) == row_text(once, good[i]));
  }
}

void check_many(const Decoder& decoder, const Encoder& encoder, const Decoder& reader, Mutator mutator) {
  Verdicts verdicts;
  for (int round = 0; round < kRounds; ++round) check(decoder, encoder, reader, lines_of(mutator), verdicts);
  // Else the texts are not near the border.
  CHECK(verdicts.good > kRounds);
  CHECK(verdicts.bad > kRounds);
}

TEST_CASE("json: records that are nearly right") {
  const Schema schema = schema_of(
      "b:boolean,i:int,l:bigint,f:float,d:double,m:decimal(12,3),s:string,x:binary,day:date,at:timestamp,a:array<int>,"
      "o:map<string,double>,r:struct<p:int,q:array<string>>,v:variant");
  const std::vector<bool> wanted(schema.columns.size(), true);
  const auto decoder = make_json_decoder(schema, wanted, {});
  const auto encoder = make_json_encoder(schema.columns, {});
  check_many(
      *decoder, *encoder, *decoder,
      Mutator({R"({"b":true,"i":-12,"l":9007199254740993,"f":1.5,"d":-0.25e-3,"m":123456789.125})",
               R"({"s":"text \"\\\/\n\u00e9\ud83d\ude00","x":"AAH/","day":"2024-02-29","at":"2024-02-29T12:30:00.5Z"})",
               R"({"a":[1,null,3],"o":{"k":1,"l":"NaN"},"r":{"p":1,"q":["x",null]},"v":{"z":[1,2.50,"x",null,{}]}})",
               R"({"i":null,"i":7,"unknown":{"deep":[[{"a":"}"}]]},"s":""})", R"( { } )"},
              {"{",
               "}",
               "[",
               "]",
               ",",
               ":",
               "\"",
               "\\",
               "\\u",
               "\\ud800",
               "null",
               "true",
               "1e400",
               "-",
               ".",
               "0",
               "NaN",
               "\"i\":",
               "{\"a\":",
               std::string(1, '\0'),
               "\xEF\xBB\xBF",
               "\xFF",
               "\xC3",
               " "}));
}

TEST_CASE("csv: records that are nearly right") {
  const Schema schema = schema_of("i:int,d:double,m:decimal(6,2),s:string,t:string,day:date,at:timestamp");
  const std::vector<bool> wanted(schema.columns.size(), true);
  const auto decoder = make_csv_decoder(schema, wanted, {});
  const auto encoder = make_csv_encoder(schema.columns, {});
  check_many(
      *decoder, *encoder, *decoder,
      Mutator({"1,0.5,12.25,text,\"quoted, with \"\"quotes\"\"\",2024-02-29,2024-02-29T12:30:00.5Z",
               "-7,1e10,-0.01,\"\", blanks ,1969-12-31,1969-12-31T23:59:59Z", ",,,,,,"},
              {",", "\"", "\"\"", "\r", "\t", " ", "NaN", "-", "e", "99999999999", "\xFF", std::string(1, '\0')}));
}

TEST_CASE("csv with all its signs: records that are nearly right") {
  const Schema schema = schema_of("s:string,i:int,t:string");
  const std::vector<bool> wanted(schema.columns.size(), true);
  CsvOptions options;
  options.escape = '\\';
  options.comment = '#';
  options.trim = true;
  options.null_values = {"NA", "-"};
  for (const bool ragged : {false, true}) {
    options.ragged = ragged;
    const auto decoder = make_csv_decoder(schema, wanted, options);
    const auto encoder = make_csv_encoder(schema.columns, options);
    check_many(*decoder, *encoder, *decoder,
               Mutator({"text,1,\"quoted, with \\\"quotes\\\" and \\\\\"", " \" kept \" ,\t7 , trimmed ",
                        "\"# no comment\",NA,-", "# comment, \"", "only one", "1,2,3,4", "\"NA\",-,NA"},
                       {",", "\"", "\\", "\\\"", "#", "\t", " ", "NA", "-", "x", "\xFF", std::string(1, '\0')}));
  }
}

TEST_CASE("json values: records that are nearly right") {
  // But for numbers with an exponent, which are doubles once and decimals when they are read again.
  const Schema schema = schema_of("value:variant");
  check_many(*make_json_value_decoder(true), *make_json_encoder(schema.columns, {}),
             *make_json_decoder(schema, {true}, {}),
             Mutator({R"({"b":null,"i":-12,"m":123456789.125,"d":-0.25,"b":null})", R"([1,[null,"x\u00c9"],{}])",
                      R"("text \"\\\/ \ud83d\udc00")", "12.50", "null", "  [true] "},
                     {"{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "null", "40", "-", ".", "0", "\"k\":", "\xFF",
                      "\xC3", " ", std::string(1, '\0')}));
}

TEST_CASE("types that are nearly right") {
  Mutator mutator({"array<struct<a:int,b:map<string,decimal(10,2)>>>", "struct<`odd name`:bigint,b:timestamp>",
                   "map<date,array<array<double>>>", "decimal(38,18)", "variant"},
                  {"<", ">", ",", ":", "(", ")", "`", "int", "array<", "decimal(", "39", "-1", " ", "\xFF"});
  std::size_t good = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = mutator.next();
    INFO(text);
    TypeSyntaxError error;
    const auto type = parse_type(text, error);
    if (type && is_utf8(text)) {
      ++good;
      const auto again = parse_type(type->name(), error);
      REQUIRE(again);
      CHECK(*again == *type);
    } else if (!type) {
      CHECK(!error.message.empty());
      CHECK(error.begin <= error.end);
      CHECK(error.end <= text.size());
    }
  }
  CHECK(good > 100);
}

}  // namespace
}  // namespace streamrun
