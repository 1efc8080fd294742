#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runner/base/shown_text.h"
#include "runner/cli/lag.h"
#include "runner/cli/state_diff.h"
#include "runner/cli/verbs.h"
#include "runner/exec/batch_log.h"

namespace streamrun {
namespace {

using Json = nlohmann::ordered_json;

// Places are JSON where a source can be asked for more than a number.
Json place_of(const std::string& cursor) {
  Json place = Json::parse(cursor, nullptr, false);
  return place.is_discarded() ? Json(cursor) : place;
}

// A file and its bytes, or whatever it is.
std::string describe(const OutputMark& mark) {
  const Json stands = place_of(mark.value);
  const auto path = stands.is_object() ? stands.find("path") : stands.end();
  const auto length = stands.is_object() ? stands.find("length") : stands.end();
  if (!stands.is_object() || path == stands.end() || length == stands.end()) return mark.value;
  return fmt::format("{}: {} bytes", path->get<std::string>(), length->get<std::uint64_t>());
}

// Of the sources, behind the last commit; where the first batch begins, if there is none yet.
std::map<std::string, std::string> places_of(const LogContent& content) {
  std::map<std::string, std::string> places;
  if (content.batches.empty()) return places;
  const bool none = content.committed().empty();
  const LoggedBatch& last = none ? content.batches.front() : content.committed().back();
  for (const auto& [source, range] : last.intent.ranges) places[source] = none ? range.from : range.until;
  return places;
}

std::string in_words(const Lag& lag) {
  if (!lag.size) return lag.fault.empty() ? std::string("not known") : fmt::format("not known: {}", lag.fault);
  if (lag.size->unit == "bytes") return format_byte_size({lag.size->amount});
  return fmt::format("{} {}", lag.size->amount, lag.size->unit);
}

Json state_of(const LogContent& content, const std::string& folder, const std::map<std::string, Lag>& lags) {
  Json batches = Json::array();
  for (const LoggedBatch& one : content.batches) {
    Json made = {{"batch", format_batch_time(one.intent.batch)}, {"committed", one.commit.has_value()}};
    for (const auto& [source, range] : one.intent.ranges) {
      made["sources"][source] = {{"from", place_of(range.from)}, {"until", place_of(range.until)}};
      if (one.commit && one.commit->records.contains(source))
        made["sources"][source]["records"] = one.commit->records.at(source);
    }
    if (one.commit) made["rows"] = one.commit->rows;
    batches.push_back(std::move(made));
  }
  Json state = {{"pipeline", content.pipeline}, {"folder", folder}, {"bytes", content.bytes}, {"last_commit", nullptr}};
  if (const auto committed = content.committed(); !committed.empty()) {
    state["last_commit"] = format_batch_time(committed.back().intent.batch);
  }
  for (const auto& [source, place] : places_of(content)) {
    Json& made = state["sources"][source] = {{"at", place_of(place)}, {"lag", nullptr}};
    const auto lag = lags.find(source);
    if (lag == lags.end()) continue;
    if (lag->second.size) made["lag"] = {{lag->second.size->unit, lag->second.size->amount}};
    if (!lag->second.fault.empty()) made["fault"] = lag->second.fault;
  }
  for (const auto& [output, marks] : content.marks) {
    Json& made = state["outputs"][output] = Json::array();
    for (const OutputMark& mark : marks) made.push_back({{"name", mark.key}, {"stands", place_of(mark.value)}});
  }
  state["batches"] = std::move(batches);
  return state;
}

constexpr std::size_t kShownBatches = 10;

void print_last(std::span<const LoggedBatch> committed, Console& console) {
  if (committed.empty()) return;
  const auto shown = committed.last(std::min(kShownBatches, committed.size()));
  console.print("  last batches{}:\n", shown.size() == committed.size()
                                           ? ""
                                           : fmt::format(", of {} (--format json has all)", committed.size()));
  const auto sum = [](const std::map<std::string, std::uint64_t>& counts) {
    std::uint64_t all = 0;
    for (const auto& [name, count] : counts) all += count;
    return all;
  };
  for (const LoggedBatch& one : shown) {
    const std::uint64_t records = sum(one.commit->records);
    const std::uint64_t rows = sum(one.commit->rows);
    console.print("    {}: {} record{} in, {} row{} out\n", format_batch_time(one.intent.batch), records,
                  records == 1 ? "" : "s", rows, rows == 1 ? "" : "s");
  }
}

void print_text(const LogContent& content, const std::string& folder, const std::map<std::string, Lag>& lags,
                Console& console) {
  const auto committed = content.committed();
  const auto begun = content.begun();
  console.print("{}: {}, {} kept in {} ({})\n", shown_text(content.pipeline),
                committed.empty() ? "no commit yet" : "last commit " + format_batch_time(committed.back().intent.batch),
                fmt::format("{} batch{}", committed.size(), committed.size() == 1 ? "" : "es"), shown_text(folder),
                format_byte_size({content.bytes}));
  for (const auto& [source, place] : places_of(content)) {
    console.print("  source {}: {}\n", source, shown_text(place));
    const auto lag = lags.find(source);
    if (lag != lags.end()) console.print("    lag: {}\n", shown_text(in_words(lag->second)));
  }
  for (const auto& [output, marks] : content.marks) {
    console.print("  output {}: {} file{}\n", output, marks.size(), marks.size() == 1 ? "" : "s");
    for (const OutputMark& mark : marks) console.print("    {}\n", shown_text(describe(mark)));
  }
  print_last(committed, console);
  if (begun.empty()) return;
  console.print("  begun and not committed, so that the next start runs {} again:\n",
                begun.size() == 1 ? "it" : "them");
  for (const LoggedBatch& one : begun) console.print("    batch {}\n", format_batch_time(one.intent.batch));
}

// Changes in the words of a person, or as JSON; whether any is refused.
bool print_changes(const std::vector<StateChange>& changes, bool json, Console& console) {
  Json all = Json::array();
  bool refused = false;
  for (const StateChange& one : changes) {
    refused = refused || one.verdict == StateChange::Verdict::refused;
    const std::string_view verdict = verdict_name(one.verdict);
    all.push_back({{"verdict", verdict}, {"what", one.what}, {"name", one.name}, {"why", one.why}});
    if (json) continue;
    console.print("{:<8} {}{}{}: {}\n", verdict, one.what, one.name.empty() ? "" : " ", one.name, shown_text(one.why));
  }
  if (json) console.print("{}\n", all.dump(2, ' ', false, Json::error_handler_t::replace));
  return refused;
}

int diff(const Command& command, const Catalog& catalog, const LogContent& content, const PhysicalPlan& plan,
         Console& console) {
  const CompiledPipeline next = compile_pipeline(command.other, catalog, starts_nothing(compile_options(command)));
  print_diagnostics(next.file, console);
  if (!next.plan) return 2;
  const bool refused = print_changes(state_changes(content, plan, *next.plan), command.format == "json", console);
  return console.exit_code(refused ? 1 : 0);
}

}  // namespace

int state_verb(const Command& command, const Catalog& catalog, Console& console) {
  CompiledPipeline compiled = compile_pipeline(command.files[0], catalog, starts_nothing(compile_options(command)));
  print_diagnostics(compiled.file, console);
  if (!compiled.plan) return 2;
  const auto& checkpoint = compiled.plan->settings.checkpoint;
  if (!checkpoint) {
    console.say("{}: the pipeline has no `checkpoint`, so nothing is kept of its runs\n", shown_text(command.files[0]));
    return 2;
  }
  const auto content = BatchLog::read(checkpoint->path);
  if (!content) {
    console.say("error: {}\n", content.error().message);
    return 1;
  }
  if (!command.other.empty()) return diff(command, catalog, *content, *compiled.plan, console);
  const auto lags = find_lags(*compiled.plan, places_of(*content));
  if (command.format == "json") {
    console.print("{}\n",
                  state_of(*content, checkpoint->path, lags).dump(2, ' ', false, Json::error_handler_t::replace));
  } else {
    print_text(*content, checkpoint->path, lags, console);
  }
  return console.exit_code(0);
}

}  // namespace streamrun
