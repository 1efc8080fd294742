// What every sink of the catalog must do: nothing is seen before publish, all of it afterwards, once and in order,
// and a batch that is discarded leaves nothing behind.
#include "operators/clients/embedded_broker.h"
#include "operators/clients/kafka_consumer.h"
#include "operators/clients/kafka_lookup.h"
#include "tests/operators/sink_fixture.h"

namespace streamrun {
namespace {

// A topic of one partition: in this process, or where the variable KAFKA says.
class Topic {
 public:
  Topic() {
    if (const char* real = std::getenv("KAFKA")) {
      settings_.brokers = real;
    } else {
      auto broker = EmbeddedBroker::of(Environment());
      REQUIRE(broker);
      broker_ = std::move(*broker);
      settings_.brokers = broker_->address();
      broker_->make_topic(name_, 1);
    }
  }

  SyntaxNode options() const {
    return mapping({{"brokers", text(settings_.brokers)}, {"topic", text(name_)}, {"partition", text("0")}});
  }
  SyntaxNode options_of_single_messages() const {
    return mapping({{"brokers", text(settings_.brokers)},
                    {"topic", text(name_)},
                    {"partition", text("0")},
                    {"client", mapping({{"batch.num.messages", text("1")}})}});
  }
  EmbeddedBroker* broker() const { return broker_.get(); }

  // All values, one behind the other.
  std::string read() const {
    const KafkaPartition partition{name_, 0};
    const auto lookup = KafkaLookup::open(settings_, "readers", {});
    const auto consumer = KafkaConsumer::open(settings_, "readers", 1, {});
    REQUIRE(lookup);
    REQUIRE(consumer);
    const auto found = (*lookup)->partitions(name_, std::chrono::seconds(10));
    REQUIRE(found);
    if (found->empty()) return {};
    const auto end = (*lookup)->offsets_at({{partition, kKafkaEnd}}, std::chrono::seconds(10));
    REQUIRE(end);
    REQUIRE((*consumer)->assign({{partition, 0}}));
    const auto pool = std::make_shared<BufferPool>();
    std::string all;
    for (;;) {
      KafkaMessages messages;
      const auto more = (*consumer)->fetch(partition, end->at(partition), *pool, messages);
      REQUIRE(more);
      if (!*more) return all;
      for (const std::string_view value : messages.values) all.append(value).append("\n");
    }
  }

 private:
  const std::string name_ = "sink-test-" + std::to_string(::getpid());
  std::shared_ptr<EmbeddedBroker> broker_;
  KafkaSettings settings_;
};

// Options of each sink, in every way that it writes. A sink without an entry fails the test.
std::vector<SyntaxNode> options_of(std::string_view sink, const Topic* topic) {
  if (topic != nullptr) return {topic->options()};
  if (sink == "file") {
    return {path_options("grows.csv"), path_options("{k}.csv"), path_options("{batch}.csv"),
            path_options("{k}/{batch}.csv"),
            mapping({{"path", text("{part}.csv")}, {"roll", mapping({{"size", text("1B")}})}})};
  }
  if (sink == "pipe") return {mapping({{"command", sequence({text("sh"), text("-c"), text("cat >> got")})}})};
  if (sink == "print" || sink == "stdout" || sink == "discard") return {mapping({})};
  FAIL("no options for sink '" << sink << "'");
  return {};
}

// All that stands, files in the order of their names.
std::string all_seen(const Output& output, const Topic* topic) {
  if (topic != nullptr) return topic->read();
  std::string all = output.file("stdout");
  for (const std::string& name : output.files()) all += output.file(name);
  return all;
}

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// Batches in order, each row once, in whatever form; nothing at all of what is discarded.
void check_order(const std::string& all, std::string_view sink, const std::vector<std::string>& keys) {
  std::size_t last = 0;
  for (const std::string& key : keys) {
    CHECK(occurrences(all, key) == (sink == "discard" ? 0 : 1));
    if (sink == "discard") continue;
    CHECK(all.find(key) >= last);
    last = all.find(key);
  }
}

void check_contract(const SinkDescriptor& descriptor, const SyntaxNode& options, const Topic* topic) {
  const auto seen = [&](const Output& output) { return all_seen(output, topic); };
  Output output(descriptor, options);
  REQUIRE(output.bound);
  REQUIRE(output.sink->start(nullptr));
  {
    const auto failed = output.stage(1000);
    output.append(*failed, {"<thrown away>"});
    CHECK(seen(output).empty());
    failed->discard();
  }
  CHECK(seen(output).empty());
  CHECK(output.files().empty());

  // The next batch is staged before this one is published.
  const auto first = output.stage(1000);
  output.append(*first, {"<1>", "<2>"});
  output.append(*first, {"<3>"}, 1);
  const auto second = output.stage(2000);
  output.append(*second, {"<4>"});
  CHECK(seen(output).empty());
  REQUIRE(first->publish());
  check_order(seen(output), descriptor.name, {"<1>", "<2>", "<3>"});
  CHECK(occurrences(seen(output), "<4>") == 0);
  REQUIRE(second->publish());
  REQUIRE(output.stage(3000)->publish());
  check_order(seen(output), descriptor.name, {"<1>", "<2>", "<3>", "<4>"});

  REQUIRE(output.sink->close());
  output.open();  // another run goes on
  REQUIRE(output.sink->start(nullptr));
  output.publish(4000, {"<5>"});
  REQUIRE(output.sink->close());
  check_order(seen(output), descriptor.name, {"<1>", "<2>", "<3>", "<4>", "<5>"});
}

TEST_CASE("every sink of the catalog keeps the contract") {
  const Catalog catalog = builtin_catalog();
  for (const SinkDescriptor& descriptor : catalog.sinks()) {
    std::optional<Topic> topic;
    if (descriptor.name == "kafka") topic.emplace();
    const Topic* const used = topic ? &*topic : nullptr;
    const std::vector<SyntaxNode> ways = options_of(descriptor.name, used);
    for (std::size_t i = 0; i < ways.size(); ++i) {
      DYNAMIC_SECTION(descriptor.name << ' ' << i) {
        check_contract(descriptor, ways[i], used);
      }
    }
  }
}

const std::vector<std::string> kBefore{"<1>", "<2>"};
const std::vector<std::string> kTried{"<3>", "<4>", "<5>"};

// Each write of the second batch fails in turn, to a spool's file too, and the one before it is cut short: with another
// try all stands as if none had.
void check_tried_again(const SinkDescriptor& descriptor, const SyntaxNode& options, bool spools, bool drains) {
  std::string expected;
  for (int passes = -1, calls = 0; passes <= calls; ++passes) {
    Output output(descriptor, options, true);
    if (spools) {
      output.spool_memory = 1;
      output.open();
    }
    REQUIRE(output.sink->start(nullptr));
    output.publish(1000, kBefore);
    const auto stage = output.stage(2000);
    const int before = output.disk.calls(FaultyDisk::Call::write);
    if (passes >= 0) output.disk.fail({FaultyDisk::Call::write, ENOSPC, passes, 1, 2});
    const auto twice = [&](auto&& call) {
      if (auto done = call(); !done && done.error().kind != ErrorKind::fatal) done = call();
    };
    for (StagedRows& rows : output.encode(kTried)) twice([&] { return stage->append(std::move(rows)); });
    if (drains) twice([&] { return stage->drain(); });
    auto done = stage->publish();
    if (!done) done = stage->publish();
    CAPTURE(passes);
    CHECK(done);
    if (passes < 0) {
      expected = all_seen(output, nullptr);
      calls = output.disk.calls(FaultyDisk::Call::write) - before;
    }
    CHECK(all_seen(output, nullptr) == expected);
    output.disk.heal();
    output.publish(3000, {"<6>"});
    check_order(all_seen(output, nullptr), descriptor.name, {"<1>", "<2>", "<3>", "<4>", "<5>", "<6>"});
  }
}

// The program is run again, with the whole batch.
void check_program_again(const SinkDescriptor& descriptor) {
  const std::string script = "test -e again && exec cat >> got; touch again; head -c 6 >> got; exit 1";
  Output output(descriptor, mapping({{"command", sequence({text("sh"), text("-c"), text(script)})}}));
  REQUIRE(output.sink->start(nullptr));
  const auto stage = output.stage(1000);
  output.append(*stage, kTried);
  CHECK(!stage->publish());
  REQUIRE(stage->publish());
  CHECK(output.file("got") == "<3>,x\n<3>,x\n<4>,x\n<5>,x\n");
}

// The messages that were taken stand twice: all of the batch is sent again.
void check_messages_again(const SinkDescriptor& descriptor) {
  const Topic topic;
  if (topic.broker() == nullptr) return;
  for (std::size_t taken = 0; taken != kTried.size(); ++taken) {
    Output output(descriptor, topic.options_of_single_messages());
    REQUIRE(output.sink->start(nullptr));
    const auto stage = output.stage(1000);
    output.append(*stage, kTried);
    topic.broker()->refuse_messages(taken);
    CAPTURE(taken);
    CHECK(!stage->publish());
    const auto done = stage->publish();
    if (!done) FAIL(done.error().message);
    CHECK(topic.read().ends_with("<3>,x\n<4>,x\n<5>,x\n"));
    REQUIRE(output.sink->close());
  }
}

TEST_CASE("every sink of the catalog: a publish fails midway and is tried again") {
  const Catalog catalog = builtin_catalog();
  for (const SinkDescriptor& descriptor : catalog.sinks()) {
    if (descriptor.name == "kafka" || descriptor.name == "pipe") {
      DYNAMIC_SECTION(descriptor.name) {
        if (descriptor.name == "kafka") {
          check_messages_again(descriptor);
        } else {
          check_program_again(descriptor);
        }
      }
      continue;
    }
    const std::vector<SyntaxNode> ways = options_of(descriptor.name, nullptr);
    for (std::size_t i = 0; i < ways.size(); ++i) {
      DYNAMIC_SECTION(descriptor.name << ' ' << i) {
        for (const bool spools : {false, true}) check_tried_again(descriptor, ways[i], spools, false);
        // What a file that grows has drained is kept nowhere else: that it is not tried again is tested with it.
        if (descriptor.name == "stdout") check_tried_again(descriptor, ways[i], false, true);
      }
    }
  }
}

}  // namespace
}  // namespace streamrun
