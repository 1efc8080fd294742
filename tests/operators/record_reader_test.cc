// Records out of bytes, from the encoder through the reader back to values.
#include "runner/operator/record_reader.h"

#include <catch2/catch.hpp>
#include <random>

#include "runner/operator/line_origin.h"
#include "tests/data/codec_fixture.h"

namespace streamrun {
namespace {

// Gives a few bytes at a time.
class Trickle final : public ByteInput {
 public:
  Trickle(std::string text, std::size_t most) : text_(std::move(text)), most_(most) {}
  Result<std::size_t> read(char* into, std::size_t size) override {
    const std::size_t n = text_.copy(into, std::min(size, 1 + random_() % most_), at_);
    at_ += n;
    return n;
  }

 private:
  std::string text_;
  std::size_t most_;
  std::size_t at_ = 0;
  std::mt19937 random_{5};
};

struct Row {
  std::string values;
  std::string error;
  std::string place;
};

std::vector<Row> read_back(const std::string& text, const Schema& schema, const CsvOptions& options,
                           std::size_t most = 1 << 20) {
  const auto decoder = make_csv_decoder(schema, std::vector<bool>(schema.size(), true), options);
  const auto scratch = decoder->scratch();
  const auto name = std::make_shared<const std::string>("in");
  RecordReader reader(std::make_unique<Trickle>(text, most), name, std::make_shared<BufferPool>(), csv_framing(options),
                      {});
  std::vector<Row> rows;
  for (;;) {
    RawRecords raw;
    const std::uint64_t line = reader.line();
    const auto more = reader.next(raw);
    if (!more) FAIL(more.error().message);
    if (!*more) return rows;
    const LineOrigin origin(name, line, raw, reader.shifts());
    const Decoded decoded = decode_all(*decoder, raw, scratch.get(), reader.context());
    for (std::uint32_t i = 0; i < raw.size(); ++i) {
      if (std::ranges::find(decoded.skipped, i) != decoded.skipped.end()) continue;
      rows.push_back({row_text(decoded, i), decoded.errors[i], origin.place(i)});
    }
  }
}

std::string odd_text(std::mt19937& random, const CsvOptions& options) {
  const std::vector<std::string> pieces = {"",
                                           std::string(1, options.quote),
                                           std::string(1, options.delimiter),
                                           "\n",
                                           "\r",
                                           "\r\n",
                                           " ",
                                           "\t",
                                           "a",
                                           "é",
                                           options.null_values.empty() ? "" : options.null_values.front(),
                                           "\xEF\xBB\xBF",
                                           "0",
                                           "\\",
                                           "\\N\"\"",
                                           "#x",
                                           "NA",
                                           "𝄞"};
  std::string text;
  for (std::size_t n = random() % 4; n > 0; --n) text += pieces[random() % pieces.size()];
  return text;
}

TEST_CASE("csv: any rows that are written are read back") {
  std::mt19937 random(11);
  const char* const types[] = {"a string", "a string, b string", "a string, b int, c string, d date", "a double"};
  const std::string nulls[] = {"", "", "\\N", "NA", " ", "0", "true"};
  for (int round = 0; round < 20'000; ++round) {
    const Schema schema = schema_of(types[random() % 4]);
    CsvOptions options;
    options.delimiter = std::string_view(",,,;\t |a0")[random() % 9];
    options.quote = std::string_view("\"\"\"'")[random() % 4];
    options.escape = random() % 3 == 0 ? '\\' : '\0';
    options.comment = std::string_view("##1\0\0", 5)[random() % 5];
    options.trim = random() % 3 == 0;
    options.header = random() % 3 == 0 ? CsvHeader::names : CsvHeader::none;
    std::string null_value = nulls[random() % std::size(nulls)];
    if (null_value.find(options.delimiter) != std::string::npos) null_value = "";
    if (options.trim && null_value == " ") null_value = "";
    if (!null_value.empty()) options.null_values = {null_value};
    const auto count = static_cast<std::uint32_t>(1 + random() % 5);
    std::vector<ColumnPtr> columns;
    std::vector<std::string> texts;
    texts.reserve(64);
    for (const Field& field : schema.columns) {
      const MutableColumn column = Column::make(field.type, count);
      for (std::uint32_t i = 0; i < count; ++i) {
        if (random() % 4 == 0) {
          column->set_null(i);
        } else if (field.type.kind() == TypeKind::string) {
          texts.push_back(odd_text(random, options));
          column->values<StringRef>()[i] = StringRef(texts.back());
        } else if (field.type.kind() == TypeKind::float64) {
          column->values<double>()[i] = static_cast<double>(random() % 100) / 8;
        } else {
          column->values<std::int32_t>()[i] = static_cast<std::int32_t>(random() % 3);
        }
      }
      columns.push_back(column);
    }
    const auto encoder = make_csv_encoder(schema.columns, options);
    std::string text(encoder->header());
    encoder->encode(columns, Selection::all(count), text);
    CAPTURE(text, options.delimiter, options.quote, options.escape, options.comment, options.trim, null_value);
    const std::vector<Row> rows = read_back(text, schema, options, 1 + random() % 9);
    REQUIRE(rows.size() == count);
    Decoded written;
    written.columns = columns;
    for (std::uint32_t i = 0; i < count; ++i) {
      REQUIRE(rows[i].error == "");
      REQUIRE(rows[i].values == row_text(written, i));
    }
  }
}

TEST_CASE("csv: a record's place is its first line, whatever ends the lines") {
  const Schema schema = schema_of("a string, b string");
  for (const std::string end : {"\n", "\r", "\r\n"}) {
    const std::string text = "1,\"x" + end + end + "y\"" + end + "2,z" + end + end + "3,\"" + end + "\"" + end + "4,w";
    for (const std::size_t most : {1U, 3U, 1000U}) {
      const std::vector<Row> rows = read_back(text, schema, {}, most);
      REQUIRE(rows.size() == 4);
      CHECK(rows[0].place == "in:1");
      CHECK(rows[1].place == "in:4");
      CHECK(rows[2].place == "in:6");
      CHECK(rows[3].place == "in:8");
      CHECK(rows[3].values == R"("4" "w")");
    }
    CsvOptions lines;
    lines.multiline = false;
    CHECK(read_back(text, schema, lines).size() == 6);
  }
}

TEST_CASE("csv: a quote that is not closed takes what follows with it, and no more") {
  const Schema schema = schema_of("a string, b string");
  std::vector<Row> rows = read_back("1,x\n2,\"y\n3,z\n", schema, {});
  REQUIRE(rows.size() == 2);
  CHECK(rows[1].place == "in:2");
  CHECK_THAT(rows[1].error, Catch::StartsWith("a quoted field is not closed"));
  // The next quote closes it; from the next line on all is as it was meant.
  rows = read_back("1,\"x\n2,\"y, z\"\n3,\"w\"\n4,v\n", schema, {});
  REQUIRE(rows.size() == 3);
  CHECK_THAT(rows[0].error, Catch::StartsWith("something follows a quoted field"));
  CHECK(rows[1].place == "in:3");
  CHECK(rows[1].values == R"("3" "w")");
}

TEST_CASE("csv: a header names the columns, in any order") {
  const Schema schema = schema_of("a string, b string");
  CsvOptions options;
  options.header = CsvHeader::names;
  const auto values = [&](const std::string& text) {
    std::string all;
    for (const Row& row : read_back(text, schema, options)) all += row.error + row.values + "@" + row.place + " ";
    return all;
  };
  CHECK(values("b,a\n1,2\n") == R"("2" "1"@in:2 )");
  CHECK(values("\xEF\xBB\xBF\"b\" , x,a\n1,3,2\n").find("something follows") != std::string::npos);
  CHECK(values("\xEF\xBB\xBF\"b\", x, a \n1,3,2\n") == R"("2" "1"@in:2 )");
  CHECK(values("\n \n\"b\",\"c\n\"\"c\",a\n\n1,3,2\n") == R"("2" "1"@in:6 )");
  CHECK(values("").empty());
  CHECK(values("a,b").empty());
  CHECK_THAT(values("a,B\n1,2\n"), Catch::Contains("the header has no column 'b'; it has 'B', and names are case-"));
  CHECK_THAT(values("a,bb\n1,2\n"), Catch::EndsWith("@in:2 "));
  CHECK_THAT(values("a,a,b\n1,2,3\n"), Catch::Contains("the header has column 'a' 2 times"));
  CHECK(values("x,x,b,a\n1,2,3,4\n") == R"("4" "3"@in:2 )");
  CHECK_THAT(values("b,a,c\n1,2\n"), Catch::Contains("expected 3 fields, found 2"));
  options.header = CsvHeader::skipped;
  CHECK(values("b,a\n1,2\n") == R"("1" "2"@in:2 )");
}

TEST_CASE("text: other encodings are refused by their byte order mark") {
  for (const std::string mark : {"\xFF\xFE", "\xFE\xFF"}) {
    RecordReader reader(std::make_unique<Trickle>(mark + "a", 1), std::make_shared<const std::string>("in"),
                        std::make_shared<BufferPool>(), {}, {});
    RawRecords raw;
    const auto more = reader.next(raw);
    REQUIRE(!more);
    CHECK_THAT(more.error().message, Catch::Contains("'in' is UTF-16") && Catch::Contains("iconv"));
  }
}

}  // namespace
}  // namespace streamrun
