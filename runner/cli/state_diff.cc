#include "runner/cli/state_diff.h"

#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <utility>

#include "runner/exec/checkpoint.h"

namespace streamrun {
namespace {

using Verdict = StateChange::Verdict;
using Kinds = std::map<std::string, std::string>;  // by name

Kinds kinds_of(const PhysicalPlan& plan, PlanNode::Kind kind) {
  Kinds kinds;
  for (const PlanNode& node : plan.nodes) {
    if (node.kind != kind) continue;
    if (kind == PlanNode::Kind::output) {
      kinds[plan.outputs[node.output].name] = node.label;
    } else if (!plan.sources[node.source].table && plan.sources[node.source].can_read_again()) {
      kinds[plan.sources[node.source].name] = node.label;
    }
  }
  return kinds;
}

class Diff {
 public:
  Diff(const LogContent& log, const PhysicalPlan& former, const PhysicalPlan& next)
      : log_(log), former_(former), next_(next) {}

  std::vector<StateChange> changes() {
    if (!same_log()) return std::move(changes_);
    std::map<std::string, std::string> places;
    if (!log_.batches.empty()) {
      const LoggedBatch& last = log_.committed().empty() ? log_.batches.front() : log_.committed().back();
      for (const auto& [source, range] : last.intent.ranges) {
        places[source] = fmt::format("goes on at {}", last.commit ? range.until : range.from);
      }
    }
    compare("source", PlanNode::Kind::source, places, "is kept, should it come back");
    std::map<std::string, std::string> marks;
    for (const OutputMarks* known : {&log_.announced, &log_.marks}) {
      for (const auto& [output, own] : *known) {
        marks[output] = own.size() == 1 ? fmt::format("goes on behind '{}', as it stands", own[0].key)
                                        : fmt::format("goes on behind {} files, as they stand", own.size());
      }
    }
    compare("output", PlanNode::Kind::output, marks, "is known no longer, once a batch has been committed");
    if (!log_.begun().empty()) add_parts(log_.begun().front().intent);
    return std::move(changes_);
  }

 private:
  void add(Verdict verdict, std::string_view what, const std::string& name, std::string why) {
    changes_.push_back({verdict, what, name, std::move(why)});
  }

  // Sources and outputs have been compared already.
  void add_parts(const BatchIntent& begun) {
    for (const std::string& part : changed_parts(begun, next_)) {
      if (part.starts_with("source '") || part.starts_with("output '")) continue;
      add(Verdict::changes, "part", part,
          fmt::format(
              "batch {} was begun with another, and is computed again with this one; refused where an output to "
              "Kafka has published it",
              format_batch_time(begun.batch)));
    }
  }

  // Whether it is this log that the next pipeline would open.
  bool same_log() {
    const auto& checkpoint = next_.settings.checkpoint;
    if (!checkpoint) {
      add(Verdict::loses, "checkpoint", "", "the other pipeline has none: it begins anew");
    } else if (checkpoint->path != former_.settings.checkpoint->path) {
      add(Verdict::begins, "checkpoint", "", fmt::format("the other pipeline has its own, '{}'", checkpoint->path));
    } else if (next_.settings.name != log_.pipeline) {
      add(Verdict::refused, "checkpoint", "",
          fmt::format("it is that of the pipeline '{}', and the other one is '{}'; give it the name", log_.pipeline,
                      next_.settings.name));
    } else {
      return true;
    }
    return false;
  }

  void compare(std::string_view what, PlanNode::Kind kind, const std::map<std::string, std::string>& known,
               std::string_view lost) {
    const Kinds before = kinds_of(former_, kind);
    const Kinds after = kinds_of(next_, kind);
    const bool begun = !log_.begun().empty();
    for (const auto& [name, stands] : known) {
      const auto now = after.find(name);
      const auto was = before.find(name);
      if (now == after.end() && begun) {
        add(Verdict::refused, what, name,
            fmt::format("a batch was begun with it and not committed; let the former pipeline finish it, or --reset {}",
                        name));
      } else if (now == after.end()) {
        add(Verdict::loses, what, name, std::string("what stands of it ").append(lost));
      } else if (was != before.end() && was->second != now->second) {
        add(Verdict::refused, what, name,
            fmt::format("it was '{}' and is '{}', which does not understand its place; --reset {}", was->second,
                        now->second, name));
      } else {
        add(Verdict::keeps, what, name, stands);
      }
    }
    for (const auto& [name, label] : after) {
      if (!known.contains(name)) {
        add(Verdict::begins, what, name, fmt::format("the checkpoint knows none of that name ({})", label));
      }
    }
  }

  const LogContent& log_;
  const PhysicalPlan& former_;
  const PhysicalPlan& next_;
  std::vector<StateChange> changes_;
};

}  // namespace

std::string_view verdict_name(StateChange::Verdict verdict) {
  constexpr std::string_view kNames[] = {"keeps", "begins", "changes", "loses", "refused"};
  return kNames[static_cast<std::size_t>(verdict)];
}

std::vector<StateChange> state_changes(const LogContent& log, const PhysicalPlan& former, const PhysicalPlan& next) {
  return Diff(log, former, next).changes();
}

}  // namespace streamrun
