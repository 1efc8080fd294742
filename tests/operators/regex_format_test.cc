// Lines by a pattern: two ways to match give the same rows, of lines that are nearly right as well.
#include <catch2/catch.hpp>

#include "operators/builtin_catalog.h"
#include "tests/data/codec_fixture.h"
#include "tests/mutation.h"
#include "tests/operators/option_nodes.h"

namespace streamrun {
namespace {

std::unique_ptr<Decoder> decoder_of(const std::string& pattern, const Schema& schema, const std::vector<bool>& wanted) {
  const FormatDescriptor format = describe_regex_format();
  Diagnostics diagnostics;
  DecodeContext decode{diagnostics};
  const OptionsPtr options =
      format.decode(mapping({{"pattern", text(pattern)}, {"null_value", text("-")}}), "this source", decode);
  REQUIRE(options);
  const SchemaOption declared{schema, {}, {}};
  const auto bound = format.bind_read(
      options.get(),
      {.declared = &declared, .source = "file", .messages = false, .place = {}, .diagnostics = diagnostics});
  REQUIRE(bound);
  CHECK(bound->columns == schema.columns);
  return bound->make_decoder(wanted);
}

const std::string kPattern =
    R"re((?<host>\S+) (?<user>\S+) \[(?<day>[^\]]+)\] "(?<path>\S+)(?: v(?<v>[\d.]+))?" (?<n>\d+|-)(?: (?<rest>.*))?)re";
// What has flags is RE2's.
const std::string kSlow = "(?-i:" + kPattern + ")";

TEST_CASE("regex: both ways to match, of lines that are nearly right") {
  const Schema schema = schema_of("host:string,user:string,day:date,path:string,v:double,n:int,rest:string");
  Mutator mutator(
      {R"(::1 frank [2000-10-10] "/größe?a=b v1.5" 200 the rest of it)", R"(h - [1999-12-31] "/" - é)",
       R"(10.0.0.1 x [2024-02-29] "" v2" 2147483647)"},
      {" ", "\"", "[", "]", "-", "\t", "v", ".", "9", "\" ", " \"", "\xC3\xA9", "\xFF", std::string(1, '\0')});
  std::size_t good = 0;
  std::size_t bad = 0;
  for (int round = 0; round < 400; ++round) {
    std::vector<bool> wanted;
    for (std::size_t i = 0; i < schema.size(); ++i) wanted.push_back(round < 100 || mutator.next().size() % 2 == 0);
    std::string lines;
    for (int i = 0; i < 40; ++i) {
      std::string line = mutator.next();
      std::erase(line, '\n');
      lines += line + '\n';
    }
    const RawRecords records = records_of(lines);
    const auto fast = decoder_of(kPattern, schema, wanted);
    const auto slow = decoder_of(kSlow, schema, wanted);
    const auto scratch = fast->scratch();
    const Decoded first = decode_all(*fast, records, scratch.get());
    const Decoded second = decode_all(*slow, records);
    REQUIRE(first.skipped == second.skipped);
    REQUIRE(first.errors == second.errors);
    for (std::uint32_t row = 0; row < records.size(); ++row) {
      INFO(records.records[row]);
      ++(first.errors[row].empty() ? good : bad);
      for (std::size_t k = 0; k < schema.size(); ++k) {
        REQUIRE((first.columns[k] != nullptr) == wanted[k]);
        if (!wanted[k]) continue;
        std::string one;
        std::string other;
        append_json(*first.columns[k], row, one);
        append_json(*second.columns[k], row, other);
        REQUIRE(one == other);
      }
    }
  }
  CHECK(good > 1000);
  CHECK(bad > 1000);
}

TEST_CASE("regex: marks, line ends, blank lines and tombstones") {
  const Schema schema = schema_of("a:int,b:string");
  for (const std::string flags : {"", "(?i)"}) {
    const auto decoder = decoder_of(flags + "(?<a>\\d+)(?:,(?<b>\\w*))?", schema, {true, true});
    RawRecords records = records_of(
        "\xEF\xBB\xBF"
        "1,x\n\n \t\n2,\n-,y\n3\n\xEF\xBB\xBF"
        "4\n5,\xFF\n");
    records.at_start = true;
    records.records.push_back({});
    const Decoded decoded = decode_all(*decoder, records);
    CHECK(decoded.skipped == std::vector<std::uint32_t>{1, 2});
    CHECK(row_text(decoded, 0) == "1 \"x\"");
    CHECK(row_text(decoded, 3) == "2 \"\"");
    CHECK(decoded.errors[4] == "the pattern does not match the whole line");
    CHECK(row_text(decoded, 5) == "3 null");
    CHECK(decoded.errors[6] == "the pattern does not match the whole line");
    CHECK(decoded.errors[7] == "the record is not UTF-8");
    CHECK(row_text(decoded, 8) == "null null");
    // A message with its line end.
    const std::string bytes = "7,z\r\n";
    RawRecords message = records_of(bytes + "|");
    message.records = {std::string_view(message.records[0].data(), bytes.size())};
    CHECK(row_text(decode_all(*decoder, message), 0) == "7 \"z\"");
  }
}

}  // namespace
}  // namespace streamrun
