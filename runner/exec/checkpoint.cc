#include "runner/exec/checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "runner/operator/digest.h"
#include "runner/operator/read_files.h"

namespace streamrun {
namespace {

constexpr std::size_t kShownParts = 5;

// Values may be secret, so that only those who know one can tell whether it is the same.
std::map<std::string, std::string> hashes_of(const std::map<std::string, std::string>& values) {
  std::map<std::string, std::string> hashes;
  for (const auto& [name, value] : values) hashes[name] = digest(value);
  return hashes;
}

}  // namespace

std::vector<SourceRange> ranges_of(const BatchIntent& intent, const PhysicalPlan& plan) {
  std::vector<SourceRange> ranges;
  for (const PlanSource& source : plan.sources) {
    const auto own = intent.ranges.find(source.name);
    ranges.push_back(own == intent.ranges.end() ? SourceRange() : own->second);
  }
  return ranges;
}

std::span<const LoggedBatch> batches_kept_at(std::span<const LoggedBatch> committed, Duration keeps) {
  if (committed.empty()) return committed;
  const std::int64_t last = committed.back().intent.batch.value;
  std::size_t first = committed.size();
  while (first != 0 && committed[first - 1].intent.batch.value > last - keeps.count()) --first;
  return committed.subspan(first);
}

std::optional<std::string> changed_param(const BatchIntent& intent, const PhysicalPlan& plan) {
  const std::map<std::string, std::string> now = hashes_of(plan.params);
  for (const auto& [name, hash] : intent.params) {
    const auto same = now.find(name);
    if (same != now.end() && same->second != hash) return name;
  }
  return std::nullopt;
}

std::vector<std::string> changed_parts(const BatchIntent& intent, const PhysicalPlan& plan) {
  std::vector<std::string> changed;
  const std::map<std::string, std::string> now = hashes_of(plan.definitions);
  for (const auto& [name, hash] : intent.definitions) {
    const auto same = now.find(name);
    if (same == now.end() || same->second != hash) changed.push_back(name);
  }
  for (const auto& [name, hash] : now) {
    if (!intent.definitions.contains(name)) changed.push_back(name);
  }
  return changed;
}

Checkpoint::Output::Output(BatchLog& log, std::string name, std::optional<BatchTime> again_until)
    : log_(log), name_(std::move(name)), goes_on_(!log.former().committed().empty()), again_until_(again_until) {
  const LogContent& former = log_.former();
  for (const OutputMarks* marks : {&former.marks, &former.announced}) {
    const auto own = marks->find(name_);
    if (own != marks->end()) marks_.insert(marks_.end(), own->second.begin(), own->second.end());
  }
}

Result<> Checkpoint::Output::announce(BatchTime batch, const std::vector<OutputMark>& before) {
  return log_.announce(batch, name_, before);
}

void Checkpoint::Output::stand(BatchTime batch, std::vector<OutputMark> marks) {
  const std::scoped_lock lock(mutex_);
  standing_[batch] = std::move(marks);
}

std::vector<OutputMark> Checkpoint::Output::take(BatchTime batch) {
  const std::scoped_lock lock(mutex_);
  const auto found = standing_.extract(batch);
  return found ? std::move(found.mapped()) : std::vector<OutputMark>();
}

Checkpoint::Checkpoint(const PhysicalPlan& plan, std::unique_ptr<BatchLog> log)
    : plan_(plan), params_(hashes_of(plan.params)), definitions_(hashes_of(plan.definitions)), log_(std::move(log)) {
  for (const PlanOutput& output : plan_.outputs) {
    outputs_.emplace_back(*log_, output.name, again_until());
    if (output.bound.stands) standing_.push_back(output.name);
  }
}

Result<std::unique_ptr<Checkpoint>> Checkpoint::open(const PhysicalPlan& plan, const Environment& environment,
                                                     const std::vector<std::string>& resets,
                                                     const std::function<void(const std::string&)>& warn) {
  const CheckpointOption& option = *plan.settings.checkpoint;
  const bool afresh = std::ranges::find(resets, "all") != resets.end();
  auto log = BatchLog::open(below_folder(environment.working_folder, option.path), plan.settings.name,
                            {option.keep, plan.keeps}, afresh);
  if (!log) return failure_of("checkpoint", log.error());
  for (const std::string& name : resets) {
    if (name == "all") continue;
    const auto known = (*log)->reset(name);
    if (!known) return failure_of("checkpoint", known.error());
    if (!*known) {
      return failure(
          fmt::format("--reset {}: the checkpoint '{}' knows no source and no output of that name", name, option.path));
    }
  }
  std::unique_ptr<Checkpoint> made(new Checkpoint(plan, std::move(*log)));
  if (auto known = made->check_missing(warn); !known) return failure_of("checkpoint", known.error());
  for (const PlanSource& source : plan.sources) {
    if (source.table || source.can_read_again()) continue;
    warn(
        fmt::format("source '{}' cannot be read again: of its records those of a batch that a crash cuts off are lost "
                    "(at most once); `receiver_log: true` keeps them in the checkpoint",
                    source.name));
  }
  return made;
}

Result<> Checkpoint::check_missing(const std::function<void(const std::string&)>& warn) {
  const LogContent& former = log_->former();
  if (former.batches.empty()) return {};
  const auto open = former.begun();
  const auto refuse = [&](std::string_view what, const std::string& name) {
    return failure(
        fmt::format("batch {} was begun and not committed, with {} '{}', which the pipeline no longer has: let "
                    "a pipeline that has it finish the batch, or forget it with --reset {}",
                    format_batch_time(open.front().intent.batch), what, name, name));
  };
  for (const LoggedBatch& one : open) {
    for (const PlanSource& source : plan_.sources) {
      const auto had = one.intent.ranges.find(source.name);
      if (source.table || source.can_read_again() || had == one.intent.ranges.end() || had->second.empty) continue;
      return failure(fmt::format(
          "batch {} was begun and not committed, and what it took of source '{}' stands in the receiver_log: "
          "leave `receiver_log: true` until the batch is done, or forget it with --reset {}",
          format_batch_time(one.intent.batch), source.name, source.name));
    }
    const auto param = changed_param(one.intent, plan_);
    if (!param) continue;
    return failure(fmt::format(
        "batch {0} was begun and not committed, with another value of param '{1}': give it that value, with "
        "--param {1}=…, until the batch is done, or forget all batches with --reset all",
        format_batch_time(one.intent.batch), *param));
  }
  std::set<std::string> outputs;
  for (const OutputMarks* marks : {&former.marks, &former.announced}) {
    for (const auto& [output, mark] : *marks) outputs.insert(output);
  }
  // One that went before the batch was begun is no part of it.
  const auto in_begun = [&](const std::string& part) {
    return std::ranges::any_of(open, [&](const LoggedBatch& one) { return one.intent.definitions.contains(part); });
  };
  for (const std::string& output : outputs) {
    if (in_begun("output '" + output + "'") &&
        std::ranges::find(plan_.outputs, output, &PlanOutput::name) == plan_.outputs.end()) {
      return refuse("an output", output);
    }
  }
  for (const auto& [name, range] : former.batches.back().intent.ranges) {
    if (std::ranges::find(plan_.sources, name, &PlanSource::name) != plan_.sources.end()) continue;
    if (in_begun("source '" + name + "'")) return refuse("a source", name);
    // Its place is kept, should it come back.
    others_[name] = {range.until, range.until, true};
    warn(fmt::format("the checkpoint knows a source '{}', which the pipeline no longer has", name));
  }
  return {};
}

void Checkpoint::warn_short(const std::function<void(const std::string&)>& warn) const {
  const auto committed = log_->former().committed();
  const BatchTime dropped = log_->dropped();
  if (committed.empty() || dropped == BatchTime() ||
      dropped.value <= committed.back().intent.batch.value - plan_.keeps.count())
    return;
  warn(
      fmt::format("windows look back over {}, and the checkpoint no longer has the batches up to {}: until they have "
                  "left, windows are without their rows",
                  format_duration(plan_.keeps), format_batch_time(dropped)));
}

std::vector<std::optional<std::string>> Checkpoint::places(bool kept) const {
  const LogContent& former = log_->former();
  const auto committed = former.committed();
  std::vector<std::optional<std::string>> places;
  for (const PlanSource& source : plan_.sources) {
    std::optional<std::string>& place = places.emplace_back();
    if (source.table || !source.can_read_again()) continue;
    // Where the first batch began that comes again, in whole or for what steps keep; else behind the last commit.
    for (const LoggedBatch& one : kept ? kept_batches() : std::span<const LoggedBatch>()) {
      const auto own = one.intent.ranges.find(source.name);
      if (own == one.intent.ranges.end()) continue;  // it was new then
      place = own->second.from;
      break;
    }
    if (place) continue;
    if (!committed.empty()) {
      const auto& ranges = committed.back().intent.ranges;
      if (const auto own = ranges.find(source.name); own != ranges.end()) place = own->second.until;
    } else if (!former.batches.empty()) {
      const auto& ranges = former.batches.front().intent.ranges;
      if (const auto own = ranges.find(source.name); own != ranges.end()) place = own->second.from;
    }
  }
  return places;
}

std::vector<Checkpoint::Former> Checkpoint::begun() const {
  std::vector<Former> begun;
  for (const LoggedBatch& one : log_->former().begun()) {
    begun.push_back({one.intent.batch, ranges_of(one.intent, plan_)});
  }
  return begun;
}

std::span<const LoggedBatch> Checkpoint::kept_batches() const {
  return batches_kept_at(log_->former().committed(), plan_.keeps);
}

std::vector<Checkpoint::Former> Checkpoint::kept() const {
  std::vector<Former> kept;
  for (const LoggedBatch& one : kept_batches()) kept.push_back({one.intent.batch, ranges_of(one.intent, plan_)});
  return kept;
}

std::optional<BatchTime> Checkpoint::read_until() const {
  const auto kept = kept_batches();
  return kept.empty() ? again_until() : std::max(again_until(), std::optional(kept.back().intent.batch));
}

std::optional<BatchTime> Checkpoint::origin() const {
  const LogContent& former = log_->former();
  if (former.batches.empty()) return std::nullopt;
  return former.batches.back().intent.origin;
}

std::optional<BatchTime> Checkpoint::again_until() const {
  const auto open = log_->former().begun();
  return open.empty() ? std::nullopt : std::optional(open.back().intent.batch);
}

Result<> Checkpoint::may_finish(const std::map<std::string, BatchTime>& published,
                                const std::function<void(const std::string&)>& warn) {
  std::vector<BatchIntent> taken_over;
  for (const LoggedBatch& one : log_->former().begun()) {
    std::vector<std::string> changed = changed_parts(one.intent, plan_);
    if (changed.empty()) continue;
    const std::string batch = format_batch_time(one.intent.batch);
    if (changed.size() > kShownParts) {
      const std::size_t more = changed.size() - kShownParts;
      changed.resize(kShownParts);
      changed.push_back(fmt::format("{} more", more));
    }
    const std::string what = fmt::format("{} changed since", fmt::join(changed, ", "));
    const auto has_it = [&](const std::string& output) {
      const auto last = published.find(output);
      return last != published.end() && last->second >= one.intent.batch;
    };
    const auto lacks = std::ranges::find_if(plan_.outputs, [&](const PlanOutput& to) { return !has_it(to.name); });
    const auto has = std::ranges::find_if(plan_.outputs, [&](const PlanOutput& to) { return has_it(to.name); });
    if (lacks != plan_.outputs.end() && has != plan_.outputs.end()) {
      return failure(fmt::format(
          "batch {} was begun and not committed, output '{}' has published it, and {}: what output '{}' has "
          "yet to publish would be of another pipeline; let the former one finish the batch, or forget all "
          "batches with --reset all",
          batch, has->name, what, lacks->name));
    }
    for (const std::string& output : one.intent.standing) {
      if (std::ranges::find(plan_.outputs, output, &PlanOutput::name) != plan_.outputs.end()) continue;
      return failure(fmt::format(
          "batch {} was begun and not committed, and output '{}', which may have published it, is gone: let "
          "the former pipeline finish the batch, or forget all batches with --reset all",
          batch, output));
    }
    if (lacks != plan_.outputs.end()) {
      warn(fmt::format(
          "batch {} was begun and not committed, and {}: it is computed again with the pipeline as it is now", batch,
          what));
    }
    BatchIntent& intent = taken_over.emplace_back(one.intent);
    intent.definitions = definitions_;
    intent.standing = standing_;
  }
  return taken_over.empty() ? Result<>() : log_->replace(taken_over);
}

std::map<std::string, double> Checkpoint::rates() const {
  const auto committed = log_->former().committed();
  return committed.empty() ? std::map<std::string, double>() : committed.back().commit->rates;
}

std::optional<BatchTime> Checkpoint::last_batch() const {
  const LogContent& former = log_->former();
  if (former.batches.empty()) return std::nullopt;
  return former.batches.back().intent.batch;
}

BatchIntent Checkpoint::intent(BatchTime batch, const std::vector<SourceRange>& ranges) const {
  BatchIntent intent;
  intent.batch = batch;
  intent.origin = origin_;
  intent.ranges = others_;
  intent.params = params_;
  intent.definitions = definitions_;
  intent.standing = standing_;
  for (std::size_t i = 0; i < plan_.sources.size(); ++i) {
    const PlanSource& source = plan_.sources[i];
    if (source.table || !source.can_read_again()) continue;
    intent.ranges[source.name] = ranges[i];
  }
  return intent;
}

BatchCommit Checkpoint::commit(BatchTime batch, const std::vector<std::uint64_t>& records,
                               const std::vector<std::uint64_t>& rows) {
  BatchCommit commit;
  commit.batch = batch;
  for (std::size_t i = 0; i < plan_.sources.size(); ++i) {
    if (!plan_.sources[i].table) commit.records[plan_.sources[i].name] = records[i];
  }
  for (std::size_t i = 0; i < plan_.outputs.size(); ++i) {
    const std::string& name = plan_.outputs[i].name;
    commit.rows[name] = i < rows.size() ? rows[i] : 0;
    if (auto marks = outputs_[i].take(batch); !marks.empty()) commit.marks[name] = std::move(marks);
  }
  return commit;
}

}  // namespace streamrun
