#include "runner/exec/source_set.h"

#include <algorithm>
#include <cmath>

#include "runner/base/out_of_memory.h"

namespace streamrun {
namespace {

template <class Work>
auto of_source(const PlanSource& source, Work&& work) -> decltype(work()) {
  return if_memory_lasts(
      work, [&] { return decltype(work())(std::unexpected(out_of_memory("source '" + source.name + "'"))); });
}

}  // namespace

SourceSet::SourceSet(const PhysicalPlan& plan, const Environment& environment, bool available_now, bool counted,
                     const std::function<void()>& ended)
    : plan_(plan), environment_(environment), ended_(ended), available_now_(available_now), counted_(counted) {
  for (std::size_t i = 0; i < plan_.sources.size(); ++i) {
    sources_.emplace_back();
    open(i);
  }
}

void SourceSet::open(std::size_t index) {
  const PlanSource& source = plan_.sources[index];
  Open& open = sources_[index];
  if (source.table) return;
  open.source = source.bound.open(environment_);
  if (source.receiver_log) {
    auto received = std::make_unique<ReceivedSource>(std::move(open.source), source.name);
    open.received = received.get();
    open.source = std::move(received);
  }
  open.source->want_hidden(source.wanted_hidden);
  open.source->on_end(ended_);
  if (source.bound.rate_controlled && !available_now_ && !open.rate) open.rate.emplace(plan_.settings.batch_interval);
}

void SourceSet::reopen() {
  static_cast<void>(close());
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    sources_[i].started = false;
    open(i);
  }
}

Result<> SourceSet::start_one(std::size_t source, const std::optional<std::string>& resume) {
  Open& one = sources_[source];
  one.started = true;
  Result<std::string> place = of_source(plan_.sources[source], [&] { return one.source->start(resume); });
  if (!place) return pass_on(place);
  one.place = std::move(*place);
  return {};
}

Result<> SourceSet::start(const std::vector<std::optional<std::string>>& resume, ReadLog* log) {
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    Open& one = sources_[i];
    if (!one.source) continue;
    if (one.received != nullptr) one.received->keep_in(*log, false);
    if (auto started = start_one(i, i < resume.size() ? resume[i] : std::nullopt); !started) return started;
  }
  return {};
}

Result<> SourceSet::start_again(const std::vector<SourceRange>& ranges, ReadLog& log) {
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    Open& one = sources_[i];
    if (!one.source || ranges[i].empty) continue;
    if (one.received != nullptr) one.received->keep_in(log, true);
    if (auto started = start_one(i, ranges[i].from); !started) return started;
  }
  return {};
}

Result<> SourceSet::close() {
  Result<> all;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (!sources_[i].started) continue;
    const Result<> closed = sources_[i].source->close();
    if (!closed && all) all = failure_of("source '" + plan_.sources[i].name + "'", closed.error());
  }
  return all;
}

void SourceSet::interrupt() {
  for (const Open& one : sources_) {
    if (one.source) one.source->interrupt();
  }
}

BatchLimits SourceSet::limits(const PlanSource& plan, const Open& open) const {
  BatchLimits limits = plan.caps;
  limits.available_now = available_now_;
  const auto at_most = [](std::optional<std::uint64_t>& limit, std::uint64_t most) {
    limit = limit ? std::min(*limit, most) : most;
  };
  if (plan.max_rate && !available_now_) {
    const double seconds = static_cast<double>(plan_.settings.batch_interval.count()) / 1000.0;
    const double share = std::floor(*plan.max_rate * seconds * std::max<std::uint32_t>(plan.bound.partitions, 1));
    // At least one, or a slow rate would never move.
    const auto records = static_cast<std::uint64_t>(std::clamp(share, 1.0, 9e18));
    at_most(plan.bound.partitions == 0 ? limits.partition_records : limits.records, records);
  }
  if (open.rate) at_most(limits.records, open.rate->limit());
  return limits;
}

Result<SourceSet::Planned> SourceSet::plan(BatchTime batch) {
  Planned planned;
  planned.ranges.resize(sources_.size());
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const Open& one = sources_[i];
    planned.ranges[i].from = planned.ranges[i].until = one.place;
    if (!one.source || one.exhausted) continue;
    const PlanSource& own = plan_.sources[i];
    Result<SourceRange> range = of_source(own, [&] { return one.source->plan(one.place, limits(own, one), batch); });
    if (!range) return pass_on(range);
    if (range->empty && range->until.empty()) range->until = one.place;
    const bool there = !range->made_up || !available_now_ || counted_;
    const bool something = there && (!range->empty || range->until != one.place);
    const bool more_later = !available_now_ && !range->exhausted;
    planned.worth = planned.worth || something || more_later;
    planned.ranges[i] = std::move(*range);
  }
  return planned;
}

std::vector<std::string> SourceSet::take(const std::vector<SourceRange>& ranges) {
  std::vector<std::string> places;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    Open& one = sources_[i];
    // Of a source that has ended nothing is planned, and its place stays.
    if (one.source && !one.exhausted) {
      one.exhausted = ranges[i].exhausted;
      if (!ranges[i].until.empty()) one.place = ranges[i].until;
    }
    places.push_back(one.place);
  }
  return places;
}

void SourceSet::committed(BatchTime batch, const std::vector<std::string>& places) {
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (sources_[i].source) sources_[i].source->committed(places[i], batch);
  }
}

std::optional<BatchTime> SourceSet::last_batch() const {
  std::optional<BatchTime> last;
  for (const Open& one : sources_) {
    if (one.source) last = std::max(last, one.source->last_batch());
  }
  return last;
}

std::map<std::string, double> SourceSet::rates() const {
  std::map<std::string, double> rates;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (sources_[i].rate) rates[plan_.sources[i].name] = sources_[i].rate->rate();
  }
  return rates;
}

void SourceSet::restore_rates(const std::map<std::string, double>& rates) {
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const auto former = rates.find(plan_.sources[i].name);
    if (sources_[i].rate && former != rates.end()) sources_[i].rate->go_on(former->second);
  }
}

void SourceSet::update_rate(std::size_t source, const BatchTiming& timing) {
  if (sources_[source].rate) sources_[source].rate->update(timing);
}

bool SourceSet::exhausted() const {
  return std::all_of(sources_.begin(), sources_.end(), [](const Open& one) { return !one.source || one.exhausted; });
}

bool SourceSet::ended() const {
  // Tables alone have one batch, on its tick.
  bool any = false;
  for (const Open& one : sources_) {
    if (!one.source) continue;
    any = true;
    if (!one.exhausted && !one.source->ended()) return false;
  }
  return any;
}

}  // namespace streamrun
