// The time of day elsewhere. Timestamps are UTC; a time elsewhere is shown as if it were.
#include <limits>
#include <optional>

#include "runner/data/time_zone.h"
#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"
#include "runner/expr/functions/time_math.h"

namespace streamrun {
namespace {

// Zones of a call that are constant, by argument; what is null there is looked up row by row.
using FixedZones = std::vector<std::optional<TimeZone>>;

Result<std::shared_ptr<const void>> prepare_zones(std::span<const ColumnPtr> constants) {
  auto zones = std::make_shared<FixedZones>(constants.size());
  for (std::size_t i = 0; i < constants.size(); ++i) {
    const ColumnPtr& constant = constants[i];
    if (constant == nullptr || constant->type().kind() != TypeKind::string || constant->is_null(0)) continue;
    const Result<TimeZone> zone = TimeZone::find(constant->value<StringRef>(0).view());
    if (!zone) return pass_on(zone);
    (*zones)[i] = *zone;
  }
  return std::shared_ptr<const void>(std::move(zones));
}

// The zones that an argument names; a name is looked up again only where it changes.
class Zones {
 public:
  Zones(const KernelCall& call, std::size_t argument) : call_(call), argument_(argument) {
    if (call.prepared != nullptr) fixed_ = (*static_cast<const FixedZones*>(call.prepared))[argument];
  }
  // Null after an error of the row.
  const TimeZone* at(std::uint32_t row) {
    if (fixed_) return &*fixed_;
    const std::string_view name = text_at(call_, argument_, row);
    if (!current_ || name != name_) {
      const Result<TimeZone> zone = TimeZone::find(name);
      if (!zone) {
        call_.context.errors.add(row, zone.error().message);
        return nullptr;
      }
      name_ = name;
      current_ = *zone;
    }
    return &*current_;
  }

 private:
  const KernelCall& call_;
  std::size_t argument_;
  std::optional<TimeZone> fixed_;
  std::optional<TimeZone> current_;
  std::string name_;
};

// Times at the ends of the range are farther away than any zone.
bool shift(const KernelCall& call, std::uint32_t row, std::int64_t from, std::int64_t& out, auto&& f) {
  out = 0;
  constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max() - 2 * kDayMicros;
  if (from > kLast || from < -kLast) {
    call.context.errors.add(row, kTimeOverflow);
    return false;
  }
  out = f(from);
  return true;
}

template <bool to_utc>
void shift_zone(const KernelCall& call) {
  Zones zones(call, 1);
  std::int64_t* out = call.out.values<std::int64_t>();
  for_each_value<std::int64_t>(call, call.arguments[0], [&](const std::int64_t& t, std::uint32_t row) {
    const TimeZone* zone = zones.at(row);
    if (zone == nullptr) return;
    shift(call, row, t, out[row], [&](std::int64_t at) { return to_utc ? zone->to_utc(at) : zone->to_local(at); });
  });
}

// convert_timezone(source, target, t): the session's zone, UTC, is the source that may be left out.
void convert(const KernelCall& call) {
  const std::size_t last = call.arguments.size() - 1;
  std::optional<Zones> sources;
  if (last == 2) sources.emplace(call, 0);
  Zones targets(call, last - 1);
  std::int64_t* out = call.out.values<std::int64_t>();
  for_each_value<std::int64_t>(call, call.arguments[last], [&](const std::int64_t& t, std::uint32_t row) {
    const TimeZone utc;
    const TimeZone* source = sources ? sources->at(row) : &utc;
    const TimeZone* target = source == nullptr ? nullptr : targets.at(row);
    if (target == nullptr) return;
    shift(call, row, t, out[row], [&](std::int64_t at) { return target->to_local(source->to_utc(at)); });
  });
}

}  // namespace

std::vector<Function> time_zone_functions() {
  FunctionList list("Time");
  const Type text = TypeKind::string, timestamp = TypeKind::timestamp;
  list.add({"from_utc_timestamp"}, "from_utc_timestamp(t, zone) -> timestamp",
           "the time of a zone's clocks at a moment",
           "from_utc_timestamp(timestamp'2024-07-01 10:00:00', 'Europe/Berlin') = timestamp'2024-07-01 12:00:00'",
           fixed({"from_utc_timestamp", {timestamp, text}, 2, timestamp, shift_zone<false>, true, prepare_zones}));
  list.add({"to_utc_timestamp"}, "to_utc_timestamp(t, zone) -> timestamp",
           "the moment at which a zone's clocks show a time",
           "to_utc_timestamp(timestamp'2024-07-01 12:00:00', 'Europe/Berlin') = timestamp'2024-07-01 10:00:00'",
           fixed({"to_utc_timestamp", {timestamp, text}, 2, timestamp, shift_zone<true>, true, prepare_zones}));
  list.add({"convert_timezone"}, "convert_timezone([source,] target, t) -> timestamp",
           "what the clocks of target show when those of source (UTC) show t",
           "convert_timezone('America/New_York', 'Asia/Tokyo', timestamp'2024-07-01 12:00:00') = "
           "timestamp'2024-07-02 01:00:00'",
           [=](const CallTypes& call) -> Result<ResolvedCall> {
             std::vector<Type> parameters{text, timestamp};
             if (call.types.size() == 3) parameters.insert(parameters.begin(), text);
             return fixed({"convert_timezone", parameters, parameters.size(), timestamp, convert, true, prepare_zones})(
                 call);
           });
  return list.take();
}

}  // namespace streamrun
