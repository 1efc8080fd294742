#include <array>
#include <catch2/catch.hpp>
#include <thread>

#include "runner/base/clock.h"
#include "runner/base/diagnostic.h"
#include "runner/base/units.h"

namespace streamrun {
namespace {

TEST_CASE("a place is a line and a column of characters") {
  const SourceText source("x.yaml", "a: 1\r\nä€𝄞: x\n\nend");
  struct Case {
    std::uint32_t offset, line, column;
  };
  for (const Case& one : {Case{0, 1, 1},
                          {3, 1, 4},
                          {6, 2, 1},
                          {8, 2, 2},
                          {11, 2, 3},
                          {15, 2, 4},
                          {19, 3, 1},
                          {20, 4, 1},
                          {23, 4, 4},
                          {999, 4, 4}}) {
    INFO("offset " << one.offset);
    CHECK(source.locate(one.offset).line == one.line);
    CHECK(source.locate(one.offset).column == one.column);
  }
  CHECK(source.line(0) == "a: 1");
  CHECK(source.line(5) == "a: 1");
  CHECK(source.line(8) == "ä€𝄞: x");
  CHECK(source.line(19).empty());
  CHECK(source.line(20) == "end");
  CHECK(source.line(999) == "end");
  CHECK(source.place(8) == "x.yaml:2:2");
}

TEST_CASE("files that are included have places of their own behind the first") {
  for (const std::string first : {"a: 1\nb: 2", "a: 1\nb: 2\n", ""}) {
    INFO(first);
    SourceText source("first.yaml", first);
    const std::uint32_t second = source.add("lib/second.yaml", "c: 3\nd: 4\n");
    const std::uint32_t third = source.add("third.yaml", "e");
    const auto end = static_cast<std::uint32_t>(first.size());
    CHECK(source.in_first(end));
    CHECK(source.name(end) == "first.yaml");
    CHECK_FALSE(source.in_first(second));
    CHECK(source.place(second) == "lib/second.yaml:1:1");
    CHECK(source.place(second + 8) == "lib/second.yaml:2:4");
    CHECK(source.line(second + 8) == "d: 4");
    // Behind the last line end.
    CHECK(source.place(third - 1) == "lib/second.yaml:3:1");
    CHECK(source.line(third - 1).empty());
    CHECK(source.place(third + 1) == "third.yaml:1:2");
    CHECK(source.line(third) == "e");
    CHECK(source.place(999) == "third.yaml:1:2");
    source.hide({second, second + 1});
    CHECK(source.line(second) == "*: 3");
  }
}

TEST_CASE("spans of a located text go through its runs") {
  // file: x: "a\u00e9b" and the value "aéb"
  const LocatedText text(
      "a\xC3\xA9"
      "b",
      {3, 13}, {{0, 4, true}, {1, 5, false}, {3, 11, true}});
  CHECK(text.span(0, 1) == Span{4, 5});
  CHECK(text.span(1, 3) == Span{5, 11});
  CHECK(text.span(3, 4) == Span{11, 12});
  CHECK(text.span(0, 4) == Span{4, 12});
  CHECK(text.span(4, 4) == Span{12, 12});
  CHECK(text.span(9, 99) == Span{12, 12});
  LocatedText moved = text;
  moved.move_by(100);
  CHECK(moved.whole() == Span{103, 113});
  CHECK(moved.span(1, 3) == Span{105, 111});
  const LocatedText plain("abc", {10, 13});
  CHECK(plain.span(1, 2) == Span{11, 12});
  CHECK(plain.span(3, 3) == Span{13, 13});
}

TEST_CASE("a diagnostic is shown with its line and a caret") {
  std::string text;
  for (int i = 1; i < 17; ++i) text += "#\n";
  const auto begin = static_cast<std::uint32_t>(text.size() + 16);
  text += "      - filter: amuont > 0\n";
  const SourceText source("fraud.yaml", text);
  const Diagnostic one{Severity::error, "unknown-column", {begin, begin + 6}, "no column 'amuont'"};
  CHECK(render_text(one, source) ==
        "fraud.yaml:17:17: error[unknown-column]: no column 'amuont'\n"
        "   17 |       - filter: amuont > 0\n"
        "      |                 ^^^^^^\n");
  CHECK(render_github(one, source) ==
        "::error file=fraud.yaml,line=17,col=17,endColumn=23,title=unknown-column::no column 'amuont'\n");
}

TEST_CASE("carets stand under characters, tabs and cut lines included") {
  const SourceText tabs("t", "\tä: öü\nnext");
  CHECK(render_text({Severity::warning, "w", {5, 99}, "m"}, tabs) ==
        "t:1:5: warning[w]: m\n    1 | \tä: öü\n      | \t   ^^\n");
  CHECK(render_text({Severity::error, "e", {9, 9}, "m"}, tabs) ==
        "t:1:7: error[e]: m\n    1 | \tä: öü\n      | \t     ^\n");
  const SourceText empty("e", "");
  CHECK(render_text({Severity::error, "e", {0, 0}, "m"}, empty) == "e:1:1: error[e]: m\n");
  const SourceText longest("l", std::string(100'000, 'x') + "!" + std::string(100'000, 'y'));
  const std::string cut = render_text({Severity::error, "e", {100'000, 100'001}, "m"}, longest);
  CHECK(cut.size() < 500);
  CHECK(cut.find("x!y") != std::string::npos);
  const SourceText broken("b", std::string("a\xFF\0\x1b[2Jb", 8));
  CHECK(render_text({Severity::error, "e", {1, 2}, "m"}, broken).find("a\\xff\\x00\\x1b[2Jb") != std::string::npos);
}

TEST_CASE("diagnostics come in file order, equal ones once, each on one line") {
  Diagnostics diagnostics;
  diagnostics.error("b", {9, 10}, "later");
  diagnostics.warning("w", {1, 2}, "a\nb\x1b");
  diagnostics.error("b", {9, 10}, "other");
  diagnostics.error("b", {9, 10}, "later");
  CHECK(diagnostics.error_count() == 3);
  const auto sorted = diagnostics.sorted();
  REQUIRE(sorted.size() == 3);
  CHECK(sorted[0].message == "a\\nb\\x1b");
  CHECK(sorted[1].message == "later");
  CHECK(sorted[2].message == "other");
}

TEST_CASE("the nearest name is what was meant") {
  const std::array<std::string_view, 6> names{"amount", "account", "filter", "id", "slide", "window"};
  struct Case {
    std::string_view name, nearest;
  };
  for (const Case& one : {Case{"amuont", "amount"},
                          {"Amount", "amount"},
                          {"fliter", "filter"},
                          {"ID", "id"},
                          {"slyde", "slide"},
                          {"windows", "window"},
                          {"acount", "account"},
                          {"xyz", ""},
                          {"q", ""},
                          {"", ""},
                          {"total", ""}}) {
    INFO(one.name);
    CHECK(nearest_name(one.name, names).value_or("") == one.nearest);
  }
  CHECK(did_you_mean("amuont", names) == "; did you mean 'amount'?");
  CHECK(did_you_mean("xyz", names).empty());
  CHECK_FALSE(nearest_name(std::string(1'000'000, 'a'), names));
}

TEST_CASE("durations are whole, positive and have a unit") {
  for (const auto& [text, millis] : {std::pair{"500ms", 500LL}, {"1s", 1000}, {"5m", 300'000}, {"2h", 7'200'000}}) {
    REQUIRE(parse_duration(text));
    CHECK(parse_duration(text)->count() == millis);
    CHECK(format_duration(*parse_duration(text)) == text);
  }
  for (const char* bad : {"", "5", "s", "0s", "-1s", "1.5s", "1 s", "010s", "1d", "1S", "99999999999999999999s",
                          "9999999999h", "1s1s", "1s\n"}) {
    INFO(bad);
    CHECK_FALSE(parse_duration(bad));
  }
  CHECK(format_duration(Duration(90'000)) == "90s");
  CHECK(format_duration(Duration(1500)) == "1500ms");
  CHECK(format_duration(Duration(0)) == "0s");
}

TEST_CASE("sizes are bytes or have a unit") {
  struct Case {
    const char* text;
    std::uint64_t bytes;
    const char* formatted;
  };
  for (const Case& one : {Case{"64KiB", 65536, "64KiB"},
                          {"10MB", 10'000'000, "10000000B"},
                          {"1GiB", 1U << 30U, "1GiB"},
                          {"512B", 512, "512B"},
                          {"512", 512, "512B"},
                          {"1024", 1024, "1KiB"},
                          {"0", 0, "0B"}}) {
    INFO(one.text);
    REQUIRE(parse_byte_size(one.text));
    CHECK(parse_byte_size(one.text)->bytes == one.bytes);
    CHECK(format_byte_size(*parse_byte_size(one.text)) == one.formatted);
  }
  for (const char* bad :
       {"", "-1", "1.5KB", "1 KB", "KiB", "1kib", "010", "99999999999999999999", "9000000TiB", "1e3"}) {
    INFO(bad);
    CHECK_FALSE(parse_byte_size(bad));
  }
}

TEST_CASE("moments are ISO times in UTC or milliseconds") {
  struct Case {
    const char* text;
    std::int64_t millis;
    const char* formatted;
  };
  for (const Case& one : {Case{"2024-05-06T07:08:09Z", 1714979289000, "2024-05-06T07:08:09Z"},
                          {"2024-05-06T07:08:09", 1714979289000, "2024-05-06T07:08:09Z"},
                          {"2024-05-06 07:08:09.250", 1714979289250, "2024-05-06T07:08:09.250Z"},
                          {"2024-05-06T07:08", 1714979280000, "2024-05-06T07:08:00Z"},
                          {"2024-02-29", 1709164800000, "2024-02-29T00:00:00Z"},
                          {"1714979289000", 1714979289000, "2024-05-06T07:08:09Z"},
                          {"0", 0, "1970-01-01T00:00:00Z"},
                          {"1969-12-31T23:59:59.999", -1, "1969-12-31T23:59:59.999Z"}}) {
    INFO(one.text);
    REQUIRE(parse_moment(one.text));
    CHECK(parse_moment(one.text)->value == one.millis);
    CHECK(format_batch_time(*parse_moment(one.text)) == one.formatted);
  }
  for (const char* bad :
       {"", "x", "-1", "2023-02-29", "2024-13-01", "2024-5-6", "2024-05-06T25:00", "2024-05-06T07:08:60",
        "2024-05-06T07:08:09+02:00", "2024-05-06T", "2024-05-06T07:08:09.1234Z", "99999999999999999999"}) {
    INFO(bad);
    CHECK_FALSE(parse_moment(bad));
  }
}

// Somebody sets it; its monotonic side goes by what is waited for.
class FakeSystemClock final : public Clock {
 public:
  BatchTime now() const override { return BatchTime(1'000'000 + set_.count() + elapsed_.count()); }
  Duration elapsed() const override { return elapsed_; }
  bool wait(std::optional<Duration> span, std::stop_token) override {
    elapsed_ += *span;
    return true;
  }
  void set(Duration by) { set_ += by; }

 private:
  Duration set_{0};
  Duration elapsed_{0};
};

TEST_CASE("clocks wait for a span or a stop") {
  std::stop_source stop;
  SimulatedClock simulated(BatchTime(1000));
  CHECK(simulated.wait(Duration(4000), stop.get_token()));
  CHECK(simulated.now() == BatchTime(5000));

  SystemClock system;
  const Duration before = system.elapsed();
  CHECK(system.now().value > 1'700'000'000'000);
  CHECK(system.wait(Duration(5), stop.get_token()));
  CHECK(system.elapsed() >= before + Duration(5));
  std::jthread stopper([&stop] { stop.request_stop(); });
  CHECK_FALSE(system.wait({}, stop.get_token()));
  stopper.join();
  CHECK_FALSE(simulated.wait({}, stop.get_token()));
  CHECK_FALSE(simulated.wait(Duration(9000), stop.get_token()));
  CHECK(simulated.now() == BatchTime(5000));
}

TEST_CASE("the time of a run follows a clock that is set forward and passes one that is set back") {
  FakeSystemClock system;
  RunClock clock(system);
  CHECK(clock.now() == BatchTime(1'000'000));
  CHECK(clock.wait(Duration(500), {}));
  CHECK(clock.look() == Duration(0));
  CHECK(clock.now() == BatchTime(1'000'500));
  struct Step {
    std::int64_t set;
    std::int64_t noticed;
    std::int64_t now;
  };
  // Kept right by a little, back by an hour, by another, forward by one of them, right again, and a day ahead.
  for (const Step step :
       {Step{30, 0, 1'000'530}, Step{-30, 0, 1'000'530}, Step{-3'600'000, -3'600'030, 1'000'530}, Step{0, 0, 1'000'530},
        Step{-3'600'000, -3'600'000, 1'000'530}, Step{3'600'000, 0, 1'000'530}, Step{-2000, -2000, 1'000'530},
        Step{3'602'030, 0, 1'000'530}, Step{86'400'000, 86'400'000, 87'400'530}, Step{-1000, -1000, 87'400'530}}) {
    INFO(step.set);
    system.set(Duration(step.set));
    CHECK(clock.look() == Duration(step.noticed));
    CHECK(clock.now() == BatchTime(step.now));
  }
}

}  // namespace
}  // namespace streamrun
