#include "runner/exec/tables.h"

#include <algorithm>
#include <utility>

#include "runner/exec/logged_reads.h"

namespace streamrun {
namespace {

// Of a table whose files others replace while it is read.
constexpr int kMostReads = 10;

std::string definition_of(const PhysicalPlan& plan) {
  std::string text;
  for (const auto* const texts : {&plan.definitions, &plan.params}) {
    for (const auto& [name, value] : *texts) text.append("\n").append(name).append("=").append(value);
  }
  return text;
}

}  // namespace

Tables::Tables(const PhysicalPlan& plan, const Environment& environment, std::function<void(const std::string&)> warn)
    : plan_(plan),
      environment_(environment),
      warn_(std::move(warn)),
      use_(find_table_use(plan)),
      definition_(definition_of(plan)),
      versions_(plan.sources.size()),
      kept_(plan.nodes.size()) {}

void Tables::keep_reads(ReadLog& log, std::optional<BatchTime> again_until, bool only) {
  log_ = &log;
  again_until_ = again_until;
  only_again_ = only;
}

bool Tables::due(std::size_t table, BatchTime batch) const {
  const Version& version = versions_[table];
  if (!plan_.sources[table].table || use_.loads[table].empty()) return false;  // nobody reads it
  return version.number == 0 || version.logged || (plan_.sources[table].refresh && batch >= version.due);
}

Result<> Tables::refresh(const PassInput& input, PassCounts& counts) {
  // Rejects are of the batch in which their table was read.
  if (Result<> done = clear_rejects(use_.rejects, input); !done) return done;
  for (std::size_t table = 0; table < plan_.sources.size(); ++table) {
    if (!due(table, input.batch)) continue;
    if (log_ != nullptr && again_until_ && input.batch <= *again_until_) {
      const auto had = read_kept(table, input, counts);
      if (!had) return pass_on(had);
      if (*had) continue;
      if (only_again_) {
        return failure("table '" + plan_.sources[table].name + "': batch " + format_batch_time(input.batch) +
                       " was begun, and had not read it yet");
      }
    }
    if (Result<> done = read(table, input, counts); !done) return done;
  }
  return {};
}

Result<> Tables::clear_rejects(const std::vector<NodeId>& nodes, const PassInput& input) {
  for (const NodeId node : nodes) {
    if (std::ranges::find(use_.rejects, node) == use_.rejects.end()) continue;
    Kept& none = kept_[node.value];
    none.run = plan_.nodes[node.value].breaker->start({input.spools, input.memory, input.warn});
    if (Result<> done = none.run->finish({}); !done) return done;
  }
  return {};
}

Result<> Tables::read(std::size_t table, const PassInput& input, PassCounts& counts) {
  for (int tries = 1;; ++tries) {
    auto done = read_once(table, input, counts);
    const bool again = !done && done.error().kind == ErrorKind::transient && !input.abort.stop_requested();
    if (!again || tries == kMostReads) return done;
  }
}

Result<> Tables::read_once(std::size_t table, const PassInput& input, PassCounts& counts) {
  const PlanSource& plan = plan_.sources[table];
  // Opened anew, so that it is read as it is now.
  const std::unique_ptr<Source> source = plan.bound.open(environment_);
  source->want_hidden(plan.wanted_hidden);
  if (log_ == nullptr) return load(table, *source, input, counts);
  if (auto forgotten = log_->forget(plan.name, input.batch); !forgotten) return forgotten;
  KeptTable kept(*source, plan.name, input.batch, *log_);
  Version& version = versions_[table];
  const std::uint64_t before = version.number;
  const bool first = before == 0 || version.logged;
  auto loaded = load(table, plan.varies() ? static_cast<Source&>(kept) : *source, input, counts);
  if (!loaded) return loaded;
  version.logged = false;
  return version.number == before ? log_->forget(plan.name, input.batch) : finish_read(table, input, first);
}

Result<> Tables::finish_read(std::size_t table, const PassInput& input, bool first) {
  const std::string& name = plan_.sources[table].name;
  if (first) {
    const auto former = log_->serving(name, input.batch);
    if (!former) return pass_on(former);
    const auto same = *former ? log_->same(name, **former, input.batch, definition_) : Result<bool>(false);
    if (!same) return pass_on(same);
    if (*same) return serve_as_before(table, input);
  }
  return log_->finish(name, input.batch, definition_);
}

// As its rows were made then, for a batch that comes again has these.
Result<> Tables::serve_as_before(std::size_t table, const PassInput& input) {
  const PlanSource& plan = plan_.sources[table];
  if (auto forgotten = log_->forget(plan.name, input.batch); !forgotten) return forgotten;
  PassCounts counted;
  counted.records.resize(plan_.sources.size());
  counted.rows.resize(plan_.outputs.size());
  // Both need not be held at once.
  for (const NodeId node : use_.loads[table]) kept_[node.value].run.reset();
  Version& version = versions_[table];
  version.logged = true;
  if (auto kept = read_kept(table, input, counted); !kept) return pass_on(kept);
  version.logged = false;
  version.due = BatchTime(input.batch.value + plan.refresh.value_or(Duration(0)).count());
  return {};
}

Result<bool> Tables::read_kept(std::size_t table, const PassInput& input, PassCounts& counts) {
  const PlanSource& plan = plan_.sources[table];
  const auto served = log_->serving(plan.name, input.batch);
  if (!served) return pass_on(served);
  if (!*served) return false;
  Version& version = versions_[table];
  if (version.logged && version.read == **served) return true;
  LoggedTable kept(plan.name, **served, *log_);
  const std::unique_ptr<Source> same = plan.varies() ? nullptr : plan.bound.open(environment_);
  if (same) same->want_hidden(plan.wanted_hidden);
  // By the time at which its rows were made, with whose batch it was counted.
  PassInput own = input;
  own.batch = **served;
  PassCounts others = counts;
  const bool now = own.batch == input.batch;
  auto loaded = load(table, same ? *same : static_cast<Source&>(kept), std::move(own), now ? counts : others);
  if (loaded && !now) loaded = clear_rejects(use_.loads[table], input);
  if (!loaded) return pass_on(loaded);
  version.logged = true;
  return true;
}

Result<> Tables::load(std::size_t table, Source& source, PassInput input, PassCounts& counts) {
  const PlanSource& plan = plan_.sources[table];
  const BatchTime batch = input.batch;
  const Result<std::string> place = source.start({});
  if (!place) return serve_on(table, batch, place.error());
  BatchLimits all;
  all.available_now = true;
  Result<SourceRange> range = source.plan(*place, all, batch);
  if (!range) return serve_on(table, batch, range.error());
  if (plan.header && range->empty) {
    return serve_on(table, batch, Error{"its file is empty: there is not even a header, so that it is not whole"});
  }
  input.sources.assign(plan_.sources.size(), nullptr);
  input.ranges.assign(plan_.sources.size(), SourceRange());
  input.results.assign(plan_.nodes.size(), nullptr);
  input.goals = use_.loads[table];
  input.sources[table] = &source;
  input.ranges[table] = std::move(*range);
  const std::stop_token abort = input.abort;
  Pass pass(plan_, std::move(input));
  Result<PassCounts> read = pass.run();
  if (!read) return abort.stop_requested() ? pass_on(read) : serve_on(table, batch, read.error());
  counts.add(*read);
  Version& version = versions_[table];
  if (version.patience != Duration(0)) warn_("table '" + plan.name + "' can be read again, and was");
  version = {version.number + 1, batch, BatchTime(batch.value + plan.refresh.value_or(Duration(0)).count()),
             Duration(0), false};
  for (const NodeId node : use_.loads[table]) kept_[node.value] = {pass.take_run(node), versions(node)};
  return {};
}

Result<> Tables::serve_on(std::size_t table, BatchTime batch, const Error& error) {
  Version& version = versions_[table];
  // A run begins with what its tables are then.
  if (version.number == 0 || version.logged) return failure_of("table '" + plan_.sources[table].name + "'", error);
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
