#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "tests/data/codec_fixture.h"

namespace streamrun {
namespace {

std::unique_ptr<Decoder> decoder_of(const Schema& schema, const TimeFormats& formats = {}) {
  return make_json_decoder(schema, std::vector<bool>(schema.size(), true), formats);
}

struct Case {
  const char* types;
  const char* record;
  const char* expected;  // the columns as JSON, or `!` and a part of the error
};

const Case kCases[] = {
    {"a int, b string", R"({"a":1,"b":"x"})", R"(1 "x")"},
    {"a int, b string", R"( { "b" : "x" , "a" : -7 } )", R"(-7 "x")"},
    {"a int, b string", R"({"z":{"y":[1,{"x":"}"}]},"a":1,"w":"\"","b":null})", "1 null"},
    {"a int, b string", R"({})", "null null"},
    {"a int", R"({"a":1,"a":2})", "2"},
    {"a int", R"({"a":"x","a":2})", "2"},
    {"a int", R"({"a":null,"a":2})", "2"},
    {"a int", R"({"a":2,"a":null})", "null"},
    {"a array<int>", R"({"a":[1],"a":[2,3]})", "[2,3]"},
    {"a int", R"({"\u0061":5})", "5"},
    {"a int", R"({"a":2147483647})", "2147483647"},
    {"a int", R"({"a":-2147483648})", "-2147483648"},
    {"a int", R"({"a":2147483648})", "!expected int, found 2147483648"},
    {"a int", R"({"a":1.0})", "!expected int, found 1.0"},
    {"a int", R"({"a":1e3})", "!expected int, found 1e3"},
    {"a int", R"({"a":01})", "!malformed"},
    {"a int", R"({"a":-})", "!field 'a': expected int, found -"},
    {"a int", R"({"a":1x})", "!malformed"},
    {"a int", R"({"a":"1"})", "!field 'a': expected int, found \"1\""},
    {"a int", R"({"a":true})", "!expected int, found true"},
    {"a int", R"({"a":{"b":1}})", "!expected int, found {\"b\":1}"},
    {"a bigint", R"({"a":9223372036854775807})", "9223372036854775807"},
    {"a bigint", R"({"a":-9223372036854775808})", "-9223372036854775808"},
    {"a bigint", R"({"a":9223372036854775808})", "!expected bigint"},
    {"a bigint", R"({"a":123456789012345678})", "123456789012345678"},
    {"a double", R"({"a":1})", "1.0"},
    {"a double", R"({"a":-0.0})", "-0.0"},
    {"a double", R"({"a":235.515})", "235.515"},
    {"a double", R"({"a":0.1})", "0.1"},
    {"a double", R"({"a":2.2250738585072011e-308})", "2.225073858507201E-308"},
    {"a double", R"({"a":1e-999})", "0.0"},
    {"a double", R"({"a":1e999})", "!expected double, found 1e999"},
    {"a double", R"({"a":-1e999})", "!expected double"},
    {"a double", R"({"a":123456789.123456789123456789})", "1.2345678912345679E8"},
    {"a double", R"({"a":"NaN"})", R"("NaN")"},
    {"a double", R"({"a":"-Infinity"})", R"("-Infinity")"},
    {"amount double", R"({"amount":"abc"})", "!field 'amount': expected double, found \"abc\""},
    {"a double", R"({"a":1.})", "!malformed"},
    {"a double", R"({"a":.5})", "!a value is missing|expected double"},
    {"a float", R"({"a":0.1})", "0.1"},
    {"a float", R"({"a":16777217})", "1.6777216E7"},
    {"a float", R"({"a":1e39})", "!expected float"},
    {"a boolean", R"({"a":true})", "true"},
    {"a boolean", R"({"a":false})", "false"},
    {"a boolean", R"({"a":1})", "!expected boolean, found 1"},
    {"a decimal(10,2)", R"({"a":1.10})", "1.10"},
    {"a decimal(38,0)", R"({"a":12345678901234567890123456789012345678})", "12345678901234567890123456789012345678"},
    {"a decimal(3,1)", R"({"a":123.4})", "!expected decimal(3,1)"},
    {"a decimal(3,1)", R"({"a":"1.0"})", "!expected decimal(3,1)"},
    {"a string", R"({"a":""})", R"("")"},
    {"a string", R"({"a":"twelve bytes"})", R"("twelve bytes")"},
    {"a string", R"({"a":"thirteen byte"})", R"("thirteen byte")"},
    {"a string", R"({"a":"q\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"})", R"("q\"\\/\b\f\n\r\té😀")"},
    {"a string", R"({"a":"\u0000\u001f"})", R"("\u0000\u001f")"},
    {"a string", R"({"a":"\ud83d"})", "!surrogate"},
    {"a string", R"({"a":"\ud83dx"})", "!surrogate"},
    {"a string", R"({"a":"\ude00\ud83d"})", "!surrogate"},
    {"a string", R"({"a":"\u12g4"})", "!escape"},
    {"a string", R"({"a":"\x"})", "!escape"},
    {"a string", R"({"a":"x\"})", "!"},
    {"a string", R"({"a":1})", "!expected string, found 1"},
    {"a string", R"({"a":"x" "y"})", "!comma"},
    {"a string", R"({"a":"x"1})", "!comma"},
    {"a string", "{\"a\":\"\xff\"}", "!"},
    {"a string", "{\"a\":\"\xed\xa0\x80\"}", "!"},
    {"a string", "{\"a\":\"\x01\"}", "!"},
    {"a string", "{\"a\":\"\t\"}", "!"},
    {"a binary", R"({"a":"aGVsbG8="})", R"("aGVsbG8=")"},
    {"a binary", R"({"a":"a*b="})", "!expected binary"},
    {"a date", R"({"a":"2024-02-29"})", R"("2024-02-29")"},
    {"a date", R"({"a":"2023-02-29"})", "!expected date"},
    {"a date", R"({"a":"0001-01-01"})", R"("0001-01-01")"},
    {"a date", R"({"a":"9999-12-31"})", R"("9999-12-31")"},
    {"a date", R"({"a":"-0001-01-01"})", "!expected date"},
    {"a date", R"({"a":"10000-01-01"})", "!expected date"},
    {"a date", R"({"a":5})", "!expected date, found 5"},
    {"a timestamp", R"({"a":"2024-05-06T07:08:09Z"})", R"("2024-05-06T07:08:09Z")"},
    {"a timestamp", R"({"a":"2024-05-06T07:08:09.120000Z"})", R"("2024-05-06T07:08:09.12Z")"},
    {"a timestamp", R"({"a":"1969-12-31T23:59:59.999999Z"})", R"("1969-12-31T23:59:59.999999Z")"},
    {"a timestamp", R"({"a":"2024-05-06 07:08:09+02:00"})", R"("2024-05-06T05:08:09Z")"},
    {"a timestamp", R"({"a":"12:30"})", "!expected timestamp"},
    {"a timestamp", R"({"a":"2024-13-06T07:08:09Z"})", "!expected timestamp"},
    {"a array<int>", R"({"a":[ 1 , null , 3 ]})", "[1,null,3]"},
    {"a array<int>", R"({"a":[]})", "[]"},
    {"a array<int>", R"({"a":[1,"x"]})", "!field 'a': expected array<int>, found \"x\""},
    {"a array<int>", R"({"a":[1,]})", "!"},
    {"a array<int>", R"({"a":[1 2]})", "!comma"},
    {"a array<array<string>>", R"({"a":[["x"],[],null]})", R"([["x"],[],null])"},
    {"a struct<b:int,c:string>", R"({"a":{"c":"x","d":1,"b":2}})", R"({"b":2,"c":"x"})"},
    {"a struct<b:int,c:string>", R"({"a":{"b":1,"b":2}})", R"({"b":2,"c":null})"},
    {"a struct<b:int>", R"({"a":null})", "null"},
    {"a map<string,int>", R"({"a":{"x":1,"y":null}})", R"({"x":1,"y":null})"},
    {"a map<string,int>", R"({"a":{"x":1,"y":2,"x":3}})", R"({"y":2,"x":3})"},
    {"a map<int,string>", R"({"a":{"1":"x"}})", R"({"1":"x"})"},
    {"a map<int,string>", R"({"a":{"q":"x"}})", "!expected map<int,string>"},
    {"a array<struct<b:int,c:array<string>>>", R"({"a":[{"b":1,"c":["p","q"]},{"c":[]},{}]})",
     R"([{"b":1,"c":["p","q"]},{"b":null,"c":[]},{"b":null,"c":null}])"},
    {"a variant", R"({"a": { "x" : [ 1 , 2.50 , "a b" , true, null ] } })", R"({"x":[1,2.5,"a b",true,null]})"},
    {"a variant", R"({"a":{"b":1,"c":[1e2,-1e400,12345678901234567890123456789012345678901],"b":{"b":2},"\u0062":3}})",
     R"({"c":[100.0,"-Infinity",1.2345678901234568E40],"b":3})"},
    {"a variant", R"({"a":{"":1,"":2}})", R"({"":2})"},
    {"a variant", R"({"a":"x"})", R"("x")"},
    {"a variant", R"({"a":null})", "null"},
    {"a variant", R"({"a":[tru]})", "!malformed"},
    {"a variant", R"({"a":["\ud800"]})", "!surrogate"},
    {"a variant", R"({"a":1e999})", R"("Infinity")"},
    {"a int", R"({"a":1)", "!"},
    {"a int", R"({"a":)", "!"},
    {"a int", R"({"a")", "!"},
    {"a int", R"({)", "!"},
    {"a int", R"({"a":1}})", "!something follows"},
    {"a int", R"({"a":1}{"a":2})", "!something follows"},
    {"a int", R"({"a":1} x)", "!something follows"},
    {"a int", R"({"a":1,})", "!"},
    {"a int", R"({,"a":1})", "!"},
    {"a int", R"({"a" 1})", "!"},
    {"a int", R"({"a"::1})", "!"},
    {"a int", R"({a:1})", "!"},
    {"a int", R"({"b":},"a":1})", "!a value is missing"},
    {"a int", R"({"b":[1,}],"a":1})", "!"},
    {"a int", R"({"b":{"c"},"a":1})", "!"},
    {"a int", R"({"b":[1,2},"a":1})", "!"},
    {"a int", R"([1])", "!brace"},
    {"a int", R"(1)", "!brace"},
    {"a int", R"("x)", "!"},
    {"a int", R"(})", "!brace"},
    {"a int", "nul", "!brace"},
};

TEST_CASE("json: forms and faults") {
  for (const Case& one : kCases) {
    INFO(one.types << " <- " << one.record);
    const Schema schema = schema_of(one.types);
    const auto decoder = decoder_of(schema);
    // Alone, between good records, and twice over with one memory of keys.
    const auto scratch = decoder->scratch();
    const std::string good = "{}";
    for (const std::string& text : {std::string(one.record), good + "\n" + one.record + "\r\n" + good}) {
      const Decoded decoded = decode_all(*decoder, records_of(text), scratch.get());
      const std::uint32_t row = text == one.record ? 0 : 1;
      REQUIRE(decoded.errors.size() == (row == 0 ? 1U : 3U));
      if (row == 1) {
        CHECK(decoded.errors[0] == "");
        CHECK(decoded.errors[2] == "");
      }
      const std::string expected = one.expected;
      if (expected.starts_with('!')) {
        CHECK(decoded.errors[row] != "");
        const std::string part = expected.substr(1);
        if (part.find('|') == std::string::npos) CHECK_THAT(decoded.errors[row], Catch::Contains(part));
      } else {
        CHECK(decoded.errors[row] == "");
        CHECK(row_text(decoded, row) == expected);
      }
    }
  }
}

TEST_CASE("json: any padding, and a record that runs into the next") {
  const Schema schema = schema_of("a int, b string, c double");
  const auto decoder = decoder_of(schema);
  const char* const paddings[] = {"", "\"", "}", ",\"a\":1}", "{\"a\":1}", "\\", "\xff\xff", "[[[["};
  for (const char* padding : paddings) {
    for (const std::string text :
         {"{\"a\":1,\"b\":\"xyz\",\"c\":1.5}", "{\"a\":1", "{\"a\":", "{\"a\"", "{", "{\"b\":\"x", "{\"c\":1."}) {
      INFO(text << " | " << padding);
      const Decoded decoded = decode_all(*decoder, records_of(text, padding));
      CHECK((decoded.errors[0] == "") == (text.back() == '}'));
    }
  }
  const Decoded decoded = decode_all(*decoder, records_of("{\"a\":\n{\"a\":1}\n}\n{\"a\":2,\n\"b\":\"x\"}\n{\"a\":3}"));
  REQUIRE(decoded.errors.size() == 6);
  CHECK(decoded.errors[0] != "");
  CHECK(decoded.errors[1] == "");
  CHECK(decoded.errors[2] != "");
  CHECK(decoded.errors[3] != "");
  CHECK(decoded.errors[4] != "");
  CHECK(decoded.errors[5] == "");
  CHECK(row_text(decoded, 1) == "1 null null");
  CHECK(row_text(decoded, 5) == "3 null null");
}

TEST_CASE("json: blank lines, tombstones and a byte order mark") {
  const Schema schema = schema_of("a int, b array<string>");
  const auto decoder = decoder_of(schema);
  RawRecords records = records_of("\xEF\xBB\xBF{\"a\":1}\n\n  \t\r\n{\"a\":2,\"b\":[\"x\"]}\n{\"a\":3}\n");
  records.at_start = true;
  records.records.insert(records.records.begin() + 3, std::string_view());
  const Decoded decoded = decode_all(*decoder, records);
  CHECK(decoded.skipped == std::vector<std::uint32_t>{1, 2});
  for (const std::string& error : decoded.errors) CHECK(error == "");
  CHECK(row_text(decoded, 0) == "1 null");
  CHECK(row_text(decoded, 3) == "null null");
  CHECK(row_text(decoded, 4) == "2 [\"x\"]");
  CHECK(row_text(decoded, 5) == "3 null");
}

TEST_CASE("json: depth") {
  const auto decoder = decoder_of(schema_of("a int, v variant"));
  const auto nested = [&](const char* name, std::size_t levels) {
    return "{\"" + std::string(name) + "\":" + std::string(levels, '[') + std::string(levels, ']') + "}";
  };
  const Decoded decoded = decode_all(
      *decoder, records_of(nested("z", 99) + "\n" + nested("z", 100) + "\n" + nested("z", 100'000) + "\n" +
                           nested("v", 99) + "\n" + nested("v", 100) + "\n" + nested("v", 100'000) + "\n" +
                           std::string(100'000, '[') + "\n{\"z\":" + std::string(100'000, '{') + "\n{\"a\":1}"));
  const bool good[] = {true, true, true, true, false, false, false, false, true};
  for (std::size_t i = 0; i < std::size(good); ++i) {
    INFO(i);
    CHECK((decoded.errors[i] == "") == good[i]);
  }
}

TEST_CASE("json: unwanted columns are null pointers and are not decoded") {
  const Schema schema = schema_of("a int, b int");
  const auto decoder = make_json_decoder(schema, {false, true}, {});
  const Decoded decoded = decode_all(*decoder, records_of("{\"a\":\"no int\",\"b\":2}"));
  CHECK(decoded.columns[0] == nullptr);
  REQUIRE(decoded.columns[1] != nullptr);
  CHECK(decoded.columns[1]->value<std::int32_t>(0) == 2);
  CHECK(decoded.errors[0] == "");
}

TEST_CASE("json: the order of fields changes between records") {
  const Schema schema = schema_of("a int, b string, a_name_of_more_than_sixteen_bytes int");
  const auto decoder = decoder_of(schema);
  const Decoded decoded =
      decode_all(*decoder, records_of("{\"a\":1,\"b\":\"x\",\"a_name_of_more_than_sixteen_bytes\":7}\n"
                                      "{\"b\":\"y\",\"a_name_of_more_than_sixteen_bytes\":8,\"a\":2}\n"
                                      "{\"b\":\"z\",\"a_name_of_more_than_sixteen_bytez\":9,\"a\":3}\n"
                                      "{\"aa\":0,\"b\":\"w\"}\n{\"a\":4}\n"));
  for (const std::string& error : decoded.errors) CHECK(error == "");
  CHECK(row_text(decoded, 0) == "1 \"x\" 7");
  CHECK(row_text(decoded, 1) == "2 \"y\" 8");
  CHECK(row_text(decoded, 2) == "3 \"z\" null");
  CHECK(row_text(decoded, 3) == "null \"w\" null");
  CHECK(row_text(decoded, 4) == "4 null null");
}

TEST_CASE("json: a bad record among thousands costs only itself") {
  std::string text;
  for (int i = 0; i < 3000; ++i) {
    text += i % 100 == 7 ? "{\"a\":\"\xff\"}\n" : "{\"a\":\"record " + std::to_string(i) + "\"}\n";
  }
  const auto decoder = decoder_of(schema_of("a string"));
  const Decoded decoded = decode_all(*decoder, records_of(text));
  for (std::uint32_t i = 0; i < 3000; ++i) {
    CHECK((decoded.errors[i] == "") == (i % 100 != 7));
    if (i % 100 != 7) CHECK(row_text(decoded, i) == "\"record " + std::to_string(i) + "\"");
  }
}

TEST_CASE("json: no bytes crash it") {
  std::mt19937 random(7);
  const Schema schema =
      schema_of("a int, b string, c double, d array<struct<e:map<string,int>>>, v variant, t timestamp");
  const auto decoder = decoder_of(schema);
  const auto scratch = decoder->scratch();
  const std::string seed =
      R"({"a":1,"b":"x\u00e9y","c":-1.5e3,"d":[{"e":{"k":1}},null],"v":[1,{"z":"\\"}],"t":"2024-05-06T07:08:09Z"})";
  const std::string alphabet = "{}[]:,\"\\01ae-. \nu\xff";
  std::size_t good = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = seed + "\n" + seed + "\n" + seed;
    for (std::size_t edits = random() % 4; edits > 0; --edits) {
      const std::size_t at = random() % text.size();
      const char c = alphabet[random() % alphabet.size()];
      switch (random() % 3) {
        case 0: text[at] = c; break;
        case 1: text.insert(at, 1, c); break;
        default: text.erase(at, random() % 5 + 1); break;
      }
    }
    const Decoded decoded = decode_all(*decoder, records_of(text), scratch.get());
    for (std::uint32_t row = 0; row < decoded.errors.size(); ++row) {
      if (!decoded.errors[row].empty()) continue;
      ++good;
      REQUIRE(!row_text(decoded, row).empty());
    }
  }
  CHECK(good > 10'000);
}

TEST_CASE("json: patterns of times") {
  const TimeFormats formats{"dd/MM/yyyy", "yyyy-MM-dd HH:mm"};
  const Schema schema = schema_of("d date, t timestamp");
  const auto decoder = decoder_of(schema, formats);
  const Decoded decoded =
      decode_all(*decoder, records_of("{\"d\":\"29/02/2024\",\"t\":\"2024-05-06 07:08\"}\n{\"d\":\"2024-02-29\"}"));
  CHECK(decoded.errors[0] == "");
  CHECK_THAT(decoded.errors[1], Catch::Contains("expected date, found \"2024-02-29\""));
  CHECK(row_text(decoded, 0) == R"("2024-02-29" "2024-05-06T07:08:00Z")");
  std::string out;
  make_json_encoder(schema.columns, formats)->encode(decoded.columns, Selection::of({0}), out);
  CHECK(out == "{\"d\":\"29/02/2024\",\"t\":\"2024-05-06 07:08\"}\n");
}

TEST_CASE("json: what is written reads back the same") {
  const Schema schema = schema_of(
      "a int, b bigint, c float, d double, e decimal(10,2), f string, g binary, h date, i timestamp, j boolean, "
      "k array<string>, l map<int,double>, m struct<x:int,y:string>, n variant");
  const std::string text =
      R"({"a":-1,"b":9007199254740993,"c":1.5,"d":1.0E20,"e":1.10,"f":"tab\t quote\" é","g":"AAH/","h":"2024-02-29","i":"2024-05-06T07:08:09.5Z","j":true,"k":["x",null],"l":{"1":0.5},"m":{"x":null,"y":"z"},"n":{"q":[1]}})"
      "\n"
      R"({"a":null,"b":null,"c":"NaN","d":"-Infinity","e":null,"f":null,"g":null,"h":null,"i":null,"j":null,"k":null,"l":null,"m":null,"n":null})"
      "\n";
  const auto decoder = decoder_of(schema);
  const Decoded decoded = decode_all(*decoder, records_of(text));
  CHECK(decoded.errors == std::vector<std::string>{"", ""});
  std::string out = "before ";
  make_json_encoder(schema.columns, {})->encode(decoded.columns, Selection::all(2), out);
  CHECK(out == "before " + text);
}

TEST_CASE("json: doubles are written as short as they read back") {
  std::mt19937_64 random(11);
  MutableColumn column = Column::make(TypeKind::float64, 6000);
  double* const values = column->values<double>();
  for (std::uint32_t i = 0; i < 6000; ++i) {
    switch (i % 3) {
      case 0:
        values[i] = static_cast<double>(static_cast<std::int64_t>(random() % 2'000'000) - 1'000'000) / 1000;
        break;
      case 1: values[i] = std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 200) - 150); break;
      default: values[i] = static_cast<double>(random() % 100'000'000'000) / 100; break;
    }
  }
  std::string out;
  make_json_encoder({{"d", TypeKind::float64}}, {})->encode({column}, Selection::all(6000), out);
  std::string expected;
  for (std::uint32_t i = 0; i < 6000; ++i) {
    expected += "{\"d\":";
    append_java_double(values[i], expected);
    expected += "}\n";
  }
  CHECK((out == expected));
}

TEST_CASE("json: strings of all lengths and bytes") {
  std::string text;
  for (int i = 1; i < 128; ++i) text.push_back(static_cast<char>(i));
  StringArena arena;
  MutableColumn column = Column::make(TypeKind::string, 127 * 127);
  std::string expected;
  std::uint32_t row = 0;
  for (std::size_t from = 0; from < 127; ++from) {
    for (std::size_t size = 0; size < 127; ++size) {
      const std::string part = text.substr(from, size);
      column->values<StringRef>()[row++] = arena.copy(part);
      expected += "{\"s\":";
      append_json_string(part, expected);
      expected += "}\n";
    }
  }
  std::string out;
  make_json_encoder({{"s", TypeKind::string}}, {})->encode({column}, Selection::all(row), out);
  CHECK((out == expected));
}

TEST_CASE("console: a value alone, or a tuple") {
  const Schema schema = schema_of("a int, b string, c array<int>");
  const Decoded decoded = decode_all(*decoder_of(schema), records_of("{\"a\":1,\"b\":\"x\",\"c\":[1,null]}\n{}"));
  std::string out;
  make_console_encoder(schema.columns)->encode(decoded.columns, Selection::all(2), out);
  CHECK(out == "(1,x,[1, null])\n(null,null,null)\n");
  out.clear();
  make_console_encoder({schema.columns[1]})->encode({decoded.columns[1]}, Selection::of({0}), out);
  CHECK(out == "x\n");
}

TEST_CASE("json values: whole records, tombstones and blank lines") {
  const auto decoder = make_json_value_decoder(true);
  RawRecords records = records_of("{\"b\" : 1, \"a\":[ ]}\n \n7\nnull\n1 2\n\"x\n[\n\"x\"\n");
  records.records.push_back({});
  const auto scratch = decoder->scratch();
  const Decoded decoded = decode_all(*decoder, records, scratch.get());
  CHECK(decoded.skipped == std::vector<std::uint32_t>{1});
  const std::vector<std::string> texts = {
      R"({"b":1,"a":[]})", "null", "7", "null", "null", "null", "null", R"("x")", "null"};
  for (std::uint32_t row = 0; row < texts.size(); ++row) {
    CHECK(row_text(decoded, row) == texts[row]);
    CHECK(decoded.errors[row].empty() == (row < 4 || row > 6));
  }
  // Of a slice, of what nobody reads, and behind a byte order mark.
  RowErrors errors;
  std::vector<std::uint32_t> skipped;
  const auto columns = make_json_value_decoder(false)->decode(records, {}, 4, 4, nullptr, errors, skipped);
  CHECK(columns[0] == nullptr);
  CHECK(errors.size() == 3);
  records = records_of("\xEF\xBB\xBF[1]\n\xEF\xBB\xBF[1]\n");
  records.at_start = true;
  const Decoded marked = decode_all(*decoder, records, scratch.get());
  CHECK(row_text(marked, 0) == "[1]");
  CHECK(!marked.errors[1].empty());
}

}  // namespace
}  // namespace streamrun
