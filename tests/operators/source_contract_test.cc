// What every source of the catalog must do: plan gives ranges, the same one for the same cursor, read gives exactly
// them, the same ones again, in order, within the limits, and a new one goes on where another has stopped.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <thread>

#include "operators/clients/embedded_broker.h"
#include "operators/clients/kafka_producer.h"
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

// Gives the same text to everyone who connects, and closes.
class TextServer {
 public:
  explicit TextServer(std::string text)
      : text_(std::move(text)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listener_.get(), 16) == 0);
    REQUIRE(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~TextServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  TextServer(const TextServer&) = delete;
  TextServer& operator=(const TextServer&) = delete;

  int port() const { return port_; }

 private:
  void serve() const {
    for (;;) {
      const FileDescriptor client(::accept(listener_.get(), nullptr, nullptr));
      if (!client) return;
      for (std::string_view rest = text_; !rest.empty();) {
        const ssize_t n = ::send(client.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
        if (n <= 0) break;
        rest.remove_prefix(static_cast<std::size_t>(n));
      }
    }
  }

  std::string text_;
  FileDescriptor listener_;
  int port_ = 0;
  std::thread thread_;
};

// Where sources find what they read, beside their folder.
struct Surroundings {
  std::string brokers;
  std::string topic;
  int port = 0;
};

// Options of each source, so that it reads some thousand records. A source without an entry fails the test.
SyntaxNode options_of(std::string_view source, const Surroundings& around) {
  if (source == "queue") return mapping({{"batches", queued_batches()}});
  if (source == "file") return mapping({{"path", text("in-*")}});
  if (source == "directory") return mapping({{"path", text(".")}, {"pattern", text("in-*")}});
  if (source == "stdin") return mapping({});
  if (source == "socket") return mapping({{"host", text("127.0.0.1")}, {"port", text(std::to_string(around.port))}});
  if (source == "kafka") {
    // A range that is read again waits for the fetch that is under way.
    return mapping({{"brokers", text(around.brokers)},
                    {"topics", text(around.topic)},
                    {"start", text("earliest")},
                    {"client", mapping({{"fetch.wait.max.ms", text("5")}})}});
  }
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
    if (descriptor.name == "kafka") fill_topic();
    if (descriptor.name == "socket") {
      server_.emplace(numbered_lines(2000) + "without an end");
      around_.port = server_->port();
    }
  }

  std::unique_ptr<Input> open(std::uint32_t partitions = 1) {
    Environment environment = folder_.environment();
    standard_input_.reset(::open((folder_.path() + "/in-1").c_str(), O_RDONLY | O_CLOEXEC));
    environment.input = standard_input_.get();
    return std::make_unique<Input>(descriptor_, options_of(descriptor_.name, around_), environment, partitions);
  }

 private:
  // In this process, or where the variable KAFKA says.
  void fill_topic() {
    if (const char* real = std::getenv("KAFKA")) {
      around_.brokers = real;
    } else {
      auto broker = EmbeddedBroker::of(folder_.environment());
      REQUIRE(broker);
      broker_ = std::move(*broker);
      around_.brokers = broker_->address();
    }
    around_.topic = std::filesystem::path(folder_.path()).filename().string();
    if (broker_) broker_->make_topic(around_.topic, 4);
    KafkaSettings settings;
    settings.brokers = around_.brokers;
    auto producer = KafkaProducer::open(settings, {});
    REQUIRE(producer);
    REQUIRE((*producer)->partitions(around_.topic, std::chrono::seconds(30), true).value_or(0) != 0);
    for (int i = 0; i < 2500; ++i) {
      const std::string value = "message " + std::to_string(i);
      KafkaRecord record;
      record.topic = around_.topic;
      record.value = value;
      record.partition = i % 3;  // the fourth partition stays empty
      REQUIRE((*producer)->send(record));
    }
    REQUIRE((*producer)->flush());
  }

  const SourceDescriptor& descriptor_;
  Folder folder_;
  std::shared_ptr<EmbeddedBroker> broker_;
  std::optional<TextServer> server_;
  Surroundings around_;
  FileDescriptor standard_input_;
};

BatchLimits limit(std::optional<std::uint64_t> records, std::optional<std::uint64_t> bytes) {
  return {records, bytes, true};
}

// Texts of the records; a batch of a source whose partitions are its own takes of each of them, so partition by
// partition there.
std::vector<std::string> in_order(const Input& input, std::vector<std::vector<Record>> batches) {
  std::vector<Record> all;
  for (auto& batch : batches) std::ranges::move(batch, std::back_inserter(all));
  if (input.bound->partitions == 0) std::ranges::stable_sort(all, {}, &Record::partition);
  return texts({all});
}

void check_limits(Subject& subject, const std::vector<std::string>& wanted) {
  for (const BatchLimits& limits : {limit(7, {}), limit(2500, {}), limit({}, 100), limit(7, 64), limit({}, 1 << 20)}) {
    const auto input = subject.open();
    CHECK((in_order(*input, input->batches(limits)) == wanted));
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
        ascending = ascending && last <= record.partition &&
                    (input->bound->partitions == 0 || record.partition < input->bound->partitions);
        last = record.partition;
      }
      CHECK(ascending);
    }
  }
}

// A cursor is data: another source, opened later, goes on behind it.
void check_restart(Subject& subject, const std::vector<std::string>& wanted) {
  std::string at = *subject.open()->source->start({});
  std::vector<std::vector<Record>> got;
  std::size_t read = 0;
  for (std::int64_t batch = 1; read < wanted.size(); ++batch) {
    REQUIRE(batch < 100);
    const auto input = subject.open();
    REQUIRE(input->source->start({}));
    const auto range = input->source->plan(at, limit(700, {}), BatchTime(batch * 1000));
    REQUIRE(range);
    got.push_back(input->read(*range));
    read += got.back().size();
    input->source->committed(range->until, BatchTime(batch * 1000));
    at = range->until;
  }
  const auto input = subject.open();
  CHECK((in_order(*input, got) == wanted));
  REQUIRE(input->source->start({}));
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
        REQUIRE(input->source->start({}));
        CHECK(!input->source->plan(cursor, {}, BatchTime(1000)));
      }
    }
  }
}

}  // namespace
}  // namespace streamrun
