// Topics of Kafka, each batch a range of offsets of every partition.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <re2/re2.h>

#include <algorithm>
#include <limits>

#include "operators/builtin_catalog.h"
#include "operators/clients/embedded_broker.h"
#include "operators/clients/kafka_begin.h"
#include "operators/clients/kafka_consumer.h"
#include "operators/clients/kafka_group.h"
#include "operators/clients/kafka_lookup.h"
#include "operators/clients/kafka_origin.h"
#include "operators/clients/kafka_reader.h"
#include "operators/clients/kafka_readers.h"
#include "operators/clients/kafka_start.h"
#include "runner/operator/source.h"

namespace streamrun {
namespace {

struct KafkaOptions {
  Located<std::string> brokers;
  std::vector<LocatedText> topics;
  std::optional<LocatedText> topic_pattern;
  std::optional<std::string> group;
  KafkaStart start;
  ClientOptions client;
  bool allow_plaintext_password = false;
};

// What bind() has found out; const, shared.
struct KafkaInput {
  std::string name;  // of the source
  KafkaSettings settings;
  std::vector<std::string> topics;
  std::shared_ptr<const RE2> pattern;
  std::string group;
  KafkaStart start;
  std::uint32_t embedded_partitions = 1;
};

constexpr std::chrono::seconds kReach{30};        // for brokers at the start
constexpr std::chrono::milliseconds kAsk{2000};   // between batches, where a tick must not wait for long
constexpr std::chrono::seconds kPatternEvery{1};  // all topics of a cluster are asked for no more often

class KafkaSource final : public Source {
 public:
  KafkaSource(std::shared_ptr<const KafkaInput> input, const Environment& environment)
      : input_(std::move(input)), environment_(environment) {}

  void want_hidden(const std::vector<std::string>& names) override {
    headers_ = std::ranges::find(names, "_headers") != names.end();
    timed_ = std::ranges::find(names, "_timestamp") != names.end();
  }

  Result<std::string> start(const std::optional<std::string>& resume) override {
    const std::stop_callback on_end(environment_.stop, [this] { stop_.request_stop(); });
    KafkaSettings settings = input_->settings;
    auto broker = EmbeddedBroker::stand_in(settings, environment_);
    if (!broker) return pass_on(broker);
    broker_ = std::move(*broker);
    for (const std::string& topic : input_->topics) {
      if (broker_) broker_->make_topic(topic, input_->embedded_partitions);
    }
    auto lookup = KafkaLookup::open(settings, input_->group, environment_.log, stop_.get_token());
    if (!lookup) return pass_on(lookup);
    lookup_ = std::move(*lookup);
    auto readers = KafkaReaders::of(environment_);
    if (!readers) return pass_on(readers);
    readers_ = std::move(*readers);
    const auto partitions = find_partitions(kReach);
    if (!partitions) return pass_on(partitions);
    if (auto entered = enter(*partitions); !entered) return pass_on(entered);
    // Topics of the embedded broker may be made by the first batch.
    nothing_matches_ = partitions->empty() && !settings.embedded;
    auto consumer =
        KafkaConsumer::open(settings, input_->group, partitions->size(), environment_.log, stop_.get_token());
    if (!consumer) return pass_on(consumer);
    consumer_ = std::move(*consumer);
    consumer_->keep_headers(headers_);
    group_.emplace(*lookup_, input_->group);
    std::optional<KafkaOffsets> kept;
    if (resume) {
      auto offsets = to_kafka_offsets(*resume);
      if (!offsets) return pass_on(offsets);
      kept = std::move(*offsets);
    }
    const auto at = begin_of(*lookup_, *group_, input_->start, *partitions, input_->pattern != nullptr, kept);
    if (!at) return pass_on(at);
    if (auto assigned = consumer_->assign(*at); !assigned) return pass_on(assigned);
    return to_text(*at);
  }

  Result<SourceRange> plan(const std::string& from, const BatchLimits& limits, BatchTime) override {
    if (auto held = group_->holds(); !held) return pass_on(held);
    if (std::exchange(nothing_matches_, false)) {
      if (limits.available_now) return failure(no_match() + "; correct `topic_pattern`, or make one");
      warn(no_match() + "; waiting for one");
    }
    auto begin = to_kafka_offsets(from);
    if (!begin) return pass_on(begin);
    if (auto found = add_partitions(*begin, limits.available_now ? kReach : kAsk); !found) return pass_on(found);
    KafkaOffsets asked;
    for (const auto& [partition, offset] : *begin) asked[partition] = kKafkaEnd;
    SourceRange range;
    range.from = to_text(*begin);
    range.until = range.from;
    if (!limits.available_now || ends_.empty() || input_->settings.embedded) {
      const auto ends = lookup_->offsets_at(asked, limits.available_now ? kReach : kAsk);
      if (!ends) {
        // On the clock brokers that are away have nothing for this batch.
        if (!lookup_->away()) return group_->lose(ends.error());
        if (limits.available_now || !away(ends.error())) return pass_on(ends);
        return range;
      }
      ends_ = *ends;
    }
    KafkaOffsets until = *begin;
    for (auto& [partition, offset] : until) {
      const auto end = ends_.find(partition);
      if (end == ends_.end()) continue;
      if (end->second < offset) {
        if (auto held = group_->look(); !held) return pass_on(held);
        return group_->lose(Error{fmt::format(
            "{}@{}: the partition ends at {} already: the topic was deleted and made again; to read the new "
            "one, reset the offsets of group '{}', or take another `group`",
            partition.name(), offset, end->second, input_->group)});
      }
      offset = end->second;
    }
    std::uint64_t most = limits.records.value_or(std::numeric_limits<std::uint64_t>::max());
    if (limits.bytes) most = std::min(most, std::max<std::uint64_t>(1, *limits.bytes / mean_.value()));
    cut_ranges(*begin, limits.partition_records, most, until);
    range.until = to_text(until);
    range.empty = until == *begin;
    // A topic that was made again may have more records than the old one had.
    if (!range.empty) {
      if (auto held = group_->look(); !held) return pass_on(held);
    }
    range.exhausted = limits.available_now && !input_->settings.embedded && until == ends_;
    return range;
  }

  Result<std::unique_ptr<RangeReader>> read(const SourceRange& range) override {
    const auto cursors = cursors_of(range, to_kafka_offsets);
    if (!cursors) return pass_on(cursors);
    const auto& [from, until] = *cursors;
    // Where the client stands elsewhere: a batch that is read again, a partition that start() did not know.
    KafkaOffsets moved;
    KafkaOffsets idle;
    std::vector<KafkaRange> ranges;
    std::uint32_t index = 0;
    for (const auto& [partition, end] : until) {
      const auto begin = from.find(partition);
      const std::int64_t first = begin == from.end() ? 0 : begin->second;
      if (!consumer_->stands_at(partition, first)) moved[partition] = first;
      if (end > first) {
        ranges.push_back({partition, PartitionIndex(index), first, end});
      } else {
        idle[partition] = first;
      }
      ++index;
    }
    if (auto assigned = consumer_->assign(moved); !assigned) return pass_on(assigned);
    return std::make_unique<KafkaReader>(std::move(ranges), idle, *consumer_, environment_.buffers, mean_, timed_);
  }

  std::optional<RangeSize> size_of(const SourceRange& range) const override {
    const auto cursors = cursors_of(range, to_kafka_offsets);
    if (!cursors) return std::nullopt;
    RangeSize size{0, "records"};
    for (const auto& [partition, until] : cursors->second) {
      const auto from = cursors->first.find(partition);
      const std::int64_t begin = from == cursors->first.end() ? 0 : from->second;
      if (until > begin) size.amount += static_cast<std::uint64_t>(until - begin);
    }
    return size;
  }

  void committed(const std::string& cursor, BatchTime batch) override {
    const auto offsets = to_kafka_offsets(cursor);
    if (!offsets) return;
    // A batch behind the clock cannot be met again by a run that starts with the clock.
    const bool ahead = batch > environment_.clock->now();
    if (auto sent = group_->commit(*offsets, batch, ahead); !sent) warn(sent.error().message);
  }

  std::optional<BatchTime> last_batch() const override { return group_->last_batch(); }

  Result<> close() override {
    if (!group_) return {};
    if (consumer_->lost()) return {};  // nothing is committed to a topic that is no more
    return group_->close();
  }

  void interrupt() override { stop_.request_stop(); }

 private:
  void warn(const std::string& message) const {
    if (environment_.log) environment_.log(LogLevel::warning, fmt::format("source '{}': {}", input_->name, message));
  }

  // No other source of the run reads their topics as this group.
  Result<> enter(const std::vector<KafkaPartition>& partitions) {
    const std::string cluster = lookup_->cluster();
    for (const KafkaPartition& partition : partitions) {
      auto alone = readers_->enter(cluster, input_->group, partition.topic, input_->name);
      if (!alone) return alone;
    }
    return {};
  }

  std::string no_match() const {
    return fmt::format("no topic at {} matches '{}' as a whole", lookup_->brokers(), input_->pattern->pattern());
  }

  // Said once, until they are back.
  bool away(const Error& error) {
    if (!lookup_->away()) return false;
    if (!away_ && !environment_.stop.stop_requested()) warn(error.message);
    away_ = true;
    return true;
  }

  Result<std::vector<KafkaPartition>> find_partitions(std::chrono::milliseconds patience) {
    std::vector<std::string> topics = input_->topics;
    if (input_->pattern) {
      auto all = lookup_->topics(patience);
      if (!all) return pass_on(all);
      for (std::string& topic : *all) {
        // The brokers' own are nobody's data.
        if (!topic.starts_with("__") && RE2::FullMatch(topic, *input_->pattern)) topics.push_back(std::move(topic));
      }
    }
    std::vector<KafkaPartition> found;
    for (const std::string& topic : topics) {
      auto own = lookup_->partitions(topic, patience, group_.has_value() && !input_->pattern);
      if (!own) return pass_on(own);
      if (own->empty() && input_->pattern) continue;  // it has gone since they were listed
      if (own->empty()) {
        return failure(
            fmt::format("there is no topic '{}' at {}; make it, or correct `topics`", topic, lookup_->brokers()));
      }
      found.insert(found.end(), own->begin(), own->end());
    }
    std::ranges::sort(found);
    return found;
  }

  // Those that have come are read from their beginning.
  Result<> add_partitions(KafkaOffsets& at, std::chrono::milliseconds patience) {
    if (input_->pattern && SteadyClock::now() - looked_ < kPatternEvery) return {};
    looked_ = SteadyClock::now();
    const auto partitions = find_partitions(patience);
    if (!partitions) {
      if (away(partitions.error())) return {};
      // A commit now might meet the topic as it was made again, whose offsets those are not.
      return group_->lose(partitions.error());
    }
    away_ = false;
    KafkaOffsets fresh;
    for (const KafkaPartition& partition : *partitions) {
      if (!at.contains(partition)) fresh[partition] = kKafkaBeginning;
    }
    if (fresh.empty()) return {};
    if (auto entered = enter(*partitions); !entered) return entered;
    const auto begins = lookup_->offsets_at(fresh, patience);
    if (!begins) return away(begins.error()) ? Result<>{} : pass_on(begins);
    at.insert(begins->begin(), begins->end());
    return consumer_->assign(*begins);
  }

  std::shared_ptr<const KafkaInput> input_;
  Environment environment_;
  std::shared_ptr<EmbeddedBroker> broker_;
  std::unique_ptr<KafkaLookup> lookup_;
  std::unique_ptr<KafkaConsumer> consumer_;
  std::optional<KafkaGroup> group_;
  std::shared_ptr<KafkaReaders> readers_;
  KafkaOffsets ends_;  // as last asked for
  MeanSize mean_;
  bool headers_ = true;  // somebody reads them
  bool timed_ = true;    // and the timestamps
  bool away_ = false;
  bool nothing_matches_ = false;  // of all topics, and nobody was told
  std::stop_source stop_;         // who waits for brokers gives up, soon
  SteadyClock::time_point looked_;
};

std::shared_ptr<const RE2> bind_pattern(const LocatedText& text, Diagnostics& diagnostics) {
  auto pattern = std::make_shared<const RE2>(text.value(), RE2::Quiet);
  if (pattern->ok()) return pattern;
  diagnostics.error("bad-pattern", text.whole(), fmt::format("'{}': {}", text.value(), pattern->error()));
  return nullptr;
}

std::optional<BoundSource> bind(const KafkaOptions& options, SourceBindContext& context) {
  const std::size_t errors = context.diagnostics.error_count();
  auto input = std::make_shared<KafkaInput>();
  auto settings = bind_kafka(options.brokers, options.client, options.allow_plaintext_password, KafkaRole::consumer,
                             context.diagnostics);
  if (options.topics.empty() == !options.topic_pattern.has_value()) {
    context.diagnostics.error("missing-option", context.place,
                              "source 'kafka' needs `topics` or `topic_pattern`, not both");
  }
  for (const LocatedText& topic : options.topics) {
    if (!is_kafka_topic(topic.value())) {
      context.diagnostics.error("bad-topic", topic.whole(), no_kafka_topic(topic.value()));
    }
    if (std::ranges::find(input->topics, topic.value()) != input->topics.end()) {
      context.diagnostics.error("duplicate-name", topic.whole(), fmt::format("'{}' is there twice", topic.value()));
    }
    input->topics.push_back(topic.value());
  }
  if (options.topic_pattern) input->pattern = bind_pattern(*options.topic_pattern, context.diagnostics);
  for (const auto& [partition, offset] : options.start.offsets) {
    if (options.topic_pattern || std::ranges::find(input->topics, partition.topic) != input->topics.end()) continue;
    context.diagnostics.error("unknown-topic", context.place,
                              fmt::format("`start` has offsets of '{}', which is none of `topics`", partition.topic));
  }
  if (options.group && options.group->empty()) {
    context.diagnostics.error("bad-option", context.place, "`group` is empty; without it, it is the pipeline's name");
  }
  if (context.diagnostics.error_count() != errors || !settings) return std::nullopt;
  input->name = context.name;
  input->settings = std::move(*settings);
  input->group = options.group.value_or(context.pipeline);
  input->start = options.start;
  input->embedded_partitions = context.partitions;

  BoundSource bound;
  bound.hidden = kafka_columns();
  const std::string where = fmt::format("' as group '{}' at {}", input->group, input->settings.brokers);
  // A pattern never matches the brokers' own.
  for (const std::string& topic : input->topics) {
    bound.alone.push_back(
        fmt::format("{} '{}{}", topic.starts_with("__") ? "the brokers' topic" : "topic", topic, where));
  }
  if (input->pattern) {
    const std::string& pattern = input->pattern->pattern();
    bound.alone.push_back("topics like '" + pattern + where);
    bound.alone_patterns.push_back(fmt::format("topic '(?:{}){}", pattern, RE2::QuoteMeta(where)));
  }
  bound.rate_controlled = true;
  bound.messages = true;
  bound.partitions = 0;
  bound.detail = fmt::format(
      "{} of {}, group {}",
      options.topic_pattern ? options.topic_pattern->value() : fmt::format("{}", fmt::join(input->topics, ", ")),
      input->settings.brokers, input->group);
  bound.open = [input = std::shared_ptr<const KafkaInput>(std::move(input))](const Environment& environment) {
    return std::make_unique<KafkaSource>(input, environment);
  };
  return bound;
}

}  // namespace

SourceDescriptor describe_kafka_source() {
  return describe_connector<KafkaOptions>(
      "kafka", "one or more topics",
      "kafka: {brokers: \"localhost:9092\", topics: [transactions], start: earliest}\nformat: json\n"
      "schema: {id: bigint, amount: double}",
      true,
      Options<KafkaOptions>{}
          .optional("brokers", &KafkaOptions::brokers, "",
                    "host:port, several with commas between; a start waits 30 s for an answer; `embedded` is a broker "
                    "in this process")
          .section("connection", Shape::of_kind(Shape::Kind::identifier),
                   "one of the pipeline's `connections`, for its brokers and client; what stands in `client` here wins")
          .optional("topics", &KafkaOptions::topics, "", "their names")
          .optional("topic_pattern", &KafkaOptions::topic_pattern, "", "or a pattern that names match as a whole")
          .optional("group", &KafkaOptions::group, "the pipeline's name", "whose offsets say where a restart goes on")
          .optional("start", &KafkaOptions::start, "latest",
                    "where partitions begin that neither checkpoint nor group knows; those that come later, from their "
                    "beginning")
          .optional("client", &KafkaOptions::client, "", "properties of librdkafka: TLS, SASL, buffers")
          .optional("allow_plaintext_password", &KafkaOptions::allow_plaintext_password, "false",
                    "a password may go over the network without TLS")
          .one_of({"brokers", "connection"})
          .table(),
      &bind);
}

}  // namespace streamrun
