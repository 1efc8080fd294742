// What every source of the catalog must do: plan gives ranges, read gives exactly them, the same ones again, in
// order, within the limits, and a new one goes on where another has stopped.
#include <fcntl.h>

#include <set>

#include "runner/operator/file_descriptor.h"
#include "tests/operators/source_fixture.h"

namespace streamrun {
namespace {

SyntaxNode queued_batches() {
  std::vector<SyntaxNode> batches;
  for (int size : {5, 0, 3000, 1, 17}) {
    std::vector<SyntaxNode> rows;
    for (int i = 0; i < size; ++i)
      rows.push_back(text("row " + std::to_string(batches.size()) + " " + std::to_string(i)));
    batches.push_back(sequence(std::move(rows)));
  }
  return sequence(std::move(batches));
}

// Options of each source, so that it reads some thousand records. A source without an entry fails the test.
SyntaxNode options_of(std::string_view source) {
  if (source == "queue") return mapping({{"batches", queued_batches()}});
  if (source == "file") return mapping({{"path", text("in-*")}});
  if (source == "stdin") return mapping({});
  if (source == "generate") return mapping({{"total", text("3000")}, {"columns", mapping({{"x", text("_n * 2")}})}});
  FAIL("no options for source '" << source << "'");
  return {};
}

class Subject {
 public:
  explicit Subject(const SourceDescriptor& descriptor) : descriptor_(descriptor) {
    folder_.write("in-1", numbered_lines(2000));
    folder_.write("in-2", "");
    folder_.write("in-3", "crlf\r\n\r\nlast");
  }

  std::unique_ptr<Input> open(std::uint32_t partitions = 1) {
    Environment environment = folder_.environment();
    standard_input_.reset(::open((folder_.path() + "/in-1").c_str(), O_RDONLY | O_CLOEXEC));
    environment.input = standard_input_.get();
    return std::make_unique<Input>(descriptor_, options_of(descriptor_.name), environment, partitions);
  }

 private:
  const SourceDescriptor& descriptor_;
  Folder folder_;
  FileDescriptor standard_input_;
};

BatchLimits limit(std::optional<std::uint64_t> records, std::optional<std::uint64_t> bytes) {
  return {records, bytes, true};
}

void check_limits(Subject& subject, const std::vector<std::string>& wanted) {
  for (const BatchLimits& limits : {limit(7, {}), limit(2500, {}), limit({}, 100), limit(7, 64), limit({}, 1 << 20)}) {
    CHECK(texts(subject.open()->batches(limits)) == wanted);
  }
}

void check_partitions(Subject& subject, const std::vector<std::string>& wanted) {
  for (const std::uint32_t partitions : {2U, 7U}) {
    const auto input = subject.open(partitions);
    const auto batches = input->batches(limit({}, {}));
    CHECK(texts(batches) == wanted);
    for (const auto& batch : batches) {
      std::uint32_t last = 0;
      bool ascending = true;
      for (const Record& record : batch) {
        ascending = ascending && last <= record.partition && record.partition < input->bound->partitions;
        last = record.partition;
      }
      CHECK(ascending);
    }
  }
}

// A cursor is data: another source, opened later, goes on behind it.
void check_restart(Subject& subject, const std::vector<std::string>& wanted) {
  std::string at = *subject.open()->source->start();
  std::vector<std::string> got;
  for (std::int64_t batch = 1; got.size() < wanted.size(); ++batch) {
    REQUIRE(batch < 100);
    const auto input = subject.open();
    REQUIRE(input->source->start());
    const auto range = input->source->plan(at, limit(700, {}), BatchTime(batch * 1000));
    REQUIRE(range);
    for (std::string& one : texts({input->read(*range)})) got.push_back(std::move(one));
    input->source->committed(range->until);
    at = range->until;
  }
  CHECK(got == wanted);
  const auto input = subject.open();
  REQUIRE(input->source->start());
  const auto nothing = input->source->plan(at, limit({}, {}), BatchTime(1'000'000));
  REQUIRE(nothing);
  CHECK(nothing->empty);
  CHECK(nothing->exhausted);
}

TEST_CASE("every source of the catalog keeps the contract") {
  const Catalog catalog = builtin_catalog();
  for (const SourceDescriptor& descriptor : catalog.sources()) {
    DYNAMIC_SECTION(descriptor.name) {
      Subject subject(descriptor);
      const auto input = subject.open();
      const auto batches = input->batches(limit({}, {}));
      const std::vector<std::string> wanted = texts(batches);
      REQUIRE(wanted.size() >= 2000);
      std::set<std::string> places;
      for (const auto& batch : batches) {
        for (const Record& record : batch) places.insert(record.place);
      }
      CHECK(places.size() == wanted.size());
      check_limits(subject, wanted);
      check_partitions(subject, wanted);
      if (input->bound->can_read_again) check_restart(subject, wanted);
    }
  }
}

TEST_CASE("every source of the catalog refuses a cursor that is none of its own") {
  const Catalog catalog = builtin_catalog();
  for (const SourceDescriptor& descriptor : catalog.sources()) {
    DYNAMIC_SECTION(descriptor.name) {
      Subject subject(descriptor);
      for (const char* cursor : {"", "nonsense", "{}", "{\"files\":{\"in-1\":[-1,1]}}", "[1]"}) {
        const auto input = subject.open();
        REQUIRE(input->source->start());
        // What cannot be read again only counts on.
        const bool good = input->source->plan(cursor, {}, BatchTime(1000)).has_value();
        CHECK(good != input->bound->can_read_again);
      }
    }
  }
}

}  // namespace
}  // namespace streamrun
