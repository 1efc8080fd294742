#include "runner/exec/tables.h"

#include <algorithm>
#include <utility>

namespace streamrun {

Tables::Tables(const PhysicalPlan& plan, const Environment& environment, std::function<void(const std::string&)> warn)
    : plan_(plan),
      environment_(environment),
      warn_(std::move(warn)),
      use_(find_table_use(plan)),
      versions_(plan.sources.size()),
      kept_(plan.nodes.size()) {}

bool Tables::due(std::size_t table, BatchTime batch) const {
  if (!plan_.sources[table].table) return false;
  return versions_[table].number == 0 || (plan_.sources[table].refresh && batch >= versions_[table].due);
}

Result<> Tables::refresh(const PassInput& input, PassCounts& counts) {
  // Rejects are of the batch in which their table was read.
  for (const NodeId node : use_.rejects) {
    Kept& none = kept_[node.value];
    none.run = plan_.nodes[node.value].breaker->start({input.spools, input.memory, input.warn});
    if (Result<> done = none.run->finish({}); !done) return done;
  }
  for (std::size_t table = 0; table < plan_.sources.size(); ++table) {
    if (!due(table, input.batch)) continue;
    if (Result<> done = read(table, input, counts); !done) return done;
  }
  return {};
}

Result<> Tables::read(std::size_t table, const PassInput& input, PassCounts& counts) {
  const PlanSource& plan = plan_.sources[table];
  if (use_.loads[table].empty()) return {};  // nobody reads it
  PassInput own = input;
  own.sources.assign(plan_.sources.size(), nullptr);
  own.ranges.assign(plan_.sources.size(), SourceRange());
  own.results.assign(plan_.nodes.size(), nullptr);
  own.goals = use_.loads[table];
  // Opened anew, so that it is read as it is now.
  const std::unique_ptr<Source> source = plan.bound.open(environment_);
  source->want_hidden(plan.wanted_hidden);
  own.sources[table] = source.get();
  const Result<std::string> place = source->start({});
  if (!place) return serve_on(table, input.batch, place.error());
  BatchLimits all;
  all.available_now = true;
  Result<SourceRange> range = source->plan(*place, all, input.batch);
  if (!range) return serve_on(table, input.batch, range.error());
  if (plan.header && range->empty) {
    return serve_on(table, input.batch,
                    Error{"its file is empty: there is not even a header, so that it is not whole"});
  }
  own.ranges[table] = std::move(*range);
  return load(table, std::move(own), counts);
}

Result<> Tables::load(std::size_t table, PassInput input, PassCounts& counts) {
  const BatchTime batch = input.batch;
  const std::stop_token abort = input.abort;
  Pass pass(plan_, std::move(input));
  Result<PassCounts> read = pass.run();
  if (!read) return abort.stop_requested() ? pass_on(read) : serve_on(table, batch, read.error());
  counts.add(*read);
  Version& version = versions_[table];
  if (version.patience != Duration(0)) warn_("table '" + plan_.sources[table].name + "' can be read again, and was");
  version = {version.number + 1, batch,
             BatchTime(batch.value + plan_.sources[table].refresh.value_or(Duration(0)).count()), Duration(0)};
  for (const NodeId node : use_.loads[table]) kept_[node.value] = {pass.take_run(node), versions(node)};
  return {};
}

Result<> Tables::serve_on(std::size_t table, BatchTime batch, const Error& error) {
  Version& version = versions_[table];
  if (version.number == 0) return failure_of("table '" + plan_.sources[table].name + "'", error);
  if (version.patience == Duration(0)) {
    warn_("table '" + plan_.sources[table].name + "': " + error.message + "; its rows of batch " +
          format_batch_time(version.read) + " serve until it can be read again");
  }
  version.patience = std::clamp(2 * version.patience, plan_.settings.batch_interval,
                                std::max(plan_.settings.batch_interval, *plan_.sources[table].refresh));
  version.due = BatchTime(batch.value + version.patience.count());
  return {};
}

std::vector<std::uint64_t> Tables::versions(NodeId node) const {
  std::vector<std::uint64_t> numbers;
  for (const std::size_t table : use_.made_by[node.value]) numbers.push_back(versions_[table].number);
  return numbers;
}

std::vector<BreakerRun*> Tables::results() const {
  std::vector<BreakerRun*> results(plan_.nodes.size());
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    const NodeId node(static_cast<std::uint32_t>(i));
    if (kept_[i].run && kept_[i].versions == versions(node)) results[i] = kept_[i].run.get();
  }
  return results;
}

void Tables::keep(Pass& pass) {
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    const NodeId node(static_cast<std::uint32_t>(i));
    if (use_.made_by[i].empty()) continue;
    if (std::unique_ptr<BreakerRun> run = pass.take_run(node)) kept_[i] = {std::move(run), versions(node)};
  }
}

}  // namespace streamrun
