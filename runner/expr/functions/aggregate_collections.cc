// Aggregates that keep values: lists, sets, distinct arguments, and what takes an order of all rows.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <unordered_set>

#include "runner/expr/coercion.h"
#include "runner/expr/decimal_math.h"
#include "runner/expr/functions/aggregates.h"
#include "runner/expr/functions/lists.h"
#include "runner/expr/group_states.h"

namespace streamrun {

namespace {

// A value's bytes as a grouping key: NaNs are one, and so are the zeros.
void append_key(const Column& column, std::uint32_t row, std::string& out) {
  if (column.is_null(row)) {
    out.push_back('\0');
    return;
  }
  out.push_back('\1');
  const auto raw = [&](const auto& value) { out.append(reinterpret_cast<const char*>(&value), sizeof value); };
  with_storage(column.type().kind(), [&]<class T>() {
    if constexpr (std::is_void_v<T>) {
      for (const ColumnPtr& child : column.children) append_key(*child, column.slot(row), out);
    } else if constexpr (std::is_same_v<T, ListRef>) {
      const ListRef& list = column.value<ListRef>(row);
      raw(list.length);
      for (const ColumnPtr& child : column.children) {
        for (std::uint32_t i = 0; i < list.length; ++i) append_key(*child, list.offset + i, out);
      }
    } else if constexpr (std::is_same_v<T, StringRef>) {
      const StringRef& text = column.value<StringRef>(row);
      raw(text.size());
      out += text.view();
    } else if constexpr (std::is_floating_point_v<T>) {
      T value = column.value<T>(row);
      if (value == 0) value = 0;
      if (std::isnan(value)) value = std::numeric_limits<T>::quiet_NaN();
      raw(value);
    } else {
      raw(column.value<T>(row));
    }
  });
}

enum class Kept : std::uint8_t { values, distinct, all };  // all: nulls, too

// Rows kept in the order they came, all or distinct ones; made when the first one comes.
struct Rows {
  std::vector<ColumnBuilder> columns;
  std::unordered_set<std::string> keys;
  std::int64_t heap = 0;
};
using Collection = std::unique_ptr<Rows>;

class Collector : public Aggregator {
 public:
  Collector(std::vector<Type> types, Kept kept) : types_(std::move(types)), kept_(kept) {}
  std::size_t state_size() const override { return sizeof(Collection); }
  std::size_t state_alignment() const override { return alignof(Collection); }
  bool exact() const override { return false; }
  void create(const StateRows& states, std::uint32_t begin, std::uint32_t end) const override {
    for (std::uint32_t group = begin; group < end; ++group) new (states[group]) Collection();
  }
  void destroy(const StateRows& states, std::uint32_t begin, std::uint32_t end) const override {
    for (std::uint32_t group = begin; group < end; ++group) at(states[group]).~Collection();
  }
  void update(const StateRows& states, Groups groups, Arguments arguments, const Selection& selection) const override {
    std::string key;
    for_each_grouped(groups, selection,
                     [&](std::uint32_t row, std::uint32_t group) { take(states, group, arguments, row, key); });
  }
  void merge(const StateRows& into, Groups groups, const StateRows& from, std::uint32_t first) const override {
    std::string key;
    for (const std::uint32_t group : groups) {
      Collection& later = at(from[first++]);
      if (!at(into[group]) && later) {
        into.hold(later->heap);
        at(into[group]) = std::move(later);
        continue;
      }
      const std::vector<ColumnPtr> rows = rows_of(later);
      for (std::uint32_t row = 0; row < rows[0]->rows(); ++row) take(into, group, rows, row, key);
    }
  }

 protected:
  static Collection& at(std::byte* state) { return *std::launder(reinterpret_cast<Collection*>(state)); }
  // The columns of a group, which has none afterwards.
  std::vector<ColumnPtr> rows_of(Collection& collection) const {
    const Collection taken = std::move(collection);
    std::vector<ColumnPtr> rows;
    for (std::size_t i = 0; i < types_.size(); ++i) {
      rows.push_back(taken ? ColumnPtr(taken->columns[i].finish()) : Column::make(types_[i], 0));
    }
    return rows;
  }

  std::vector<Type> types_;

 private:
  // What a builder and an entry of the set cost beside what they hold.
  static constexpr std::int64_t kBuilder = 192;
  static constexpr std::int64_t kEntry = 64;

  void take(const StateRows& states, std::uint32_t group, Arguments arguments, std::uint32_t row,
            std::string& key) const {
    for (std::size_t i = 0; i < types_.size(); ++i) {
      if (kept_ != Kept::all && arguments[i]->is_null(row)) return;
    }
    Collection& collection = at(states[group]);
    std::int64_t grown = 0;
    if (!collection) {
      collection = std::make_unique<Rows>();
      for (const Type& type : types_) collection->columns.emplace_back(type);
      grown += static_cast<std::int64_t>(sizeof(Rows)) + kBuilder * static_cast<std::int64_t>(types_.size());
    }
    Rows& rows = *collection;
    if (kept_ == Kept::distinct) {
      key.clear();
      for (std::size_t i = 0; i < types_.size(); ++i) append_key(*arguments[i], row, key);
      if (!rows.keys.insert(key).second) return;
      grown += kEntry + static_cast<std::int64_t>(key.size());
    }
    for (std::size_t i = 0; i < types_.size(); ++i) {
      ColumnBuilder& column = rows.columns[i];
      grown -= static_cast<std::int64_t>(column.bytes());
      if (arguments[i]->is_null(row)) {
        column.append_null();
      } else {
        column.append(*arguments[i], row);
      }
      grown += static_cast<std::int64_t>(column.bytes());
    }
    rows.heap += grown;
    states.hold(grown);
  }

  Kept kept_;
};

class Collect final : public Collector {
 public:
  Collect(const Type& element, Kept kept) : Collector({element}, kept) {}
  ColumnPtr finish(const StateRows& states, Groups groups, RowErrors&) const override {
    MutableColumn out = Column::make(Type::array(types_[0]), static_cast<std::uint32_t>(groups.size()));
    ColumnBuilder elements(types_[0]);
    for (std::uint32_t g = 0; g < groups.size(); ++g) {
      const std::vector<ColumnPtr> rows = rows_of(at(states[groups[g]]));
      out->values<ListRef>()[g] = {elements.rows(), rows[0]->rows()};
      for (std::uint32_t i = 0; i < rows[0]->rows(); ++i) elements.append(*rows[0], i);
    }
    out->children = {elements.finish()};
    return out;
  }
};

class Distinct final : public Collector {
 public:
  Distinct(std::shared_ptr<const Aggregator> inner, std::vector<Type> types)
      : Collector(std::move(types), Kept::distinct), inner_(std::move(inner)) {}
  bool exact() const override { return inner_->exact(); }
  ColumnPtr finish(const StateRows& states, Groups groups, RowErrors& errors) const override {
    const auto count = static_cast<std::uint32_t>(groups.size());
    GroupStates inner(std::span(&inner_, 1));
    inner.reach(count);
    std::vector<std::uint32_t> all(count);
    std::iota(all.begin(), all.end(), 0U);
    for (const std::uint32_t g : all) {
      const std::vector<ColumnPtr> rows = rows_of(at(states[groups[g]]));
      const std::uint32_t n = rows[0]->rows();
      inner_->update(inner.states(0), std::vector<std::uint32_t>(n, g), rows, Selection::all(n));
    }
    return inner.finish(0, all, errors);
  }

 private:
  std::shared_ptr<const Aggregator> inner_;
};

enum class Order { median, percentile, mode, greatest_by, least_by };
// Results that need all rows of a group.
class Ordered final : public Collector {
 public:
  Ordered(std::vector<Type> types, Type result_type, Order kind, std::vector<double> shares = {})
      : Collector(std::move(types), Kept::values),
        result_(std::move(result_type)),
        kind_(kind),
        shares_(std::move(shares)) {}
  bool exact() const override { return kind_ == Order::median || kind_ == Order::percentile; }
  ColumnPtr finish(const StateRows& states, Groups groups, RowErrors&) const override {
    const auto count = static_cast<std::uint32_t>(groups.size());
    ColumnBuilder builder(kind_ == Order::percentile && result_.kind() == TypeKind::array ? types_[0] : result_);
    MutableColumn numbers = Column::make(result_, count);
    for (std::uint32_t g = 0; g < count; ++g) {
      const std::vector<ColumnPtr> rows = rows_of(at(states[groups[g]]));
      const Column& values = *rows[0];
      const std::uint32_t n = values.rows();
      std::vector<std::uint32_t> order(n);
      for (std::uint32_t i = 0; i < n; ++i) order[i] = i;
      const Column& by = *rows.back();
      std::stable_sort(order.begin(), order.end(),
                       [&](std::uint32_t a, std::uint32_t b) { return compare_values(by, a, by, b) < 0; });
      switch (kind_) {
        case Order::median:
          if (n == 0) {
            numbers->values<double>()[g] = 0;
            numbers->set_null(g);
          } else {
            const double low = values.value<double>(order[(n - 1) / 2]), high = values.value<double>(order[n / 2]);
            numbers->values<double>()[g] = low == high ? low : low + (high - low) * 0.5;
          }
          break;
        case Order::percentile: {
          if (result_.kind() == TypeKind::array) {
            numbers->values<ListRef>()[g] = {builder.rows(), n == 0 ? 0 : static_cast<std::uint32_t>(shares_.size())};
            if (n == 0) numbers->set_null(g);
          } else if (n == 0) {
            builder.append_null();
          }
          for (const double share : shares_) {
            if (n == 0) break;
            const auto place = static_cast<std::uint32_t>(std::max(1.0, std::ceil(share * n)));
            builder.append(values, order[std::min(place, n) - 1]);
          }
          break;
        }
        case Order::mode: {
          std::uint32_t best = 0, best_count = 0;
          for (std::uint32_t i = 0; i < n;) {
            std::uint32_t end = i + 1;
            while (end < n && compare_values(values, order[i], values, order[end]) == 0) ++end;
            if (end - i > best_count) {
              best_count = end - i;
              best = order[i];
            }
            i = end;
          }
          if (n == 0) {
            builder.append_null();
          } else {
            builder.append(values, best);
          }
          break;
        }
        default: builder.append_null(); break;
      }
    }
    if (kind_ == Order::median) return numbers;
    if (kind_ == Order::percentile && result_.kind() == TypeKind::array) {
      numbers->children = {builder.finish()};
      return numbers;
    }
    return builder.finish();
  }

 private:
  Type result_;
  Order kind_;
  std::vector<double> shares_;
};

Result<ResolvedCall> resolve_percentile(const CallTypes& call) {
  const Result<> count = check_count("percentile_approx", call, 2, 3);
  if (!count) return pass_on(count);
  const Type& type = call.types[0];
  if (!type.is_numeric() && type.kind() != TypeKind::date && type.kind() != TypeKind::timestamp) {
    return failure(wrong_type("percentile_approx", 0, type, "a number"));
  }
  const ColumnPtr& share = call.constants[1];
  if (share == nullptr || share->is_null(0))
    return failure("argument 2 of percentile_approx is a constant from 0 to 1");
  std::vector<double> shares;
  const auto take = [&](const Column& column, std::uint32_t row) {
    const Type& t = column.type();
    if (t.kind() == TypeKind::decimal) shares.push_back(decimal_to_double(column.value<Int128>(row), t.scale()));
    if (t.kind() == TypeKind::float64) shares.push_back(column.value<double>(row));
    if (t.kind() == TypeKind::int32) shares.push_back(column.value<std::int32_t>(row));
  };
  const bool many = share->type().kind() == TypeKind::array;
  if (many) {
    const ListRef& list = share->value<ListRef>(0);
    for (std::uint32_t i = 0; i < list.length; ++i) take(*share->children[0], list.offset + i);
  } else {
    take(*share, 0);
  }
  if (shares.empty() || std::any_of(shares.begin(), shares.end(), [](double s) { return !(s >= 0 && s <= 1); })) {
    return failure("argument 2 of percentile_approx is a constant from 0 to 1");
  }
  const Type result = many ? Type::array(type) : type;
  return aggregate_of({call.types.begin(), call.types.end()}, result,
                      std::make_shared<Ordered>(std::vector<Type>{type}, result, Order::percentile, std::move(shares)));
}

}  // namespace

AggregateCall gather_call(Expression value, Nulls nulls) {
  AggregateCall call;
  call.type = Type::array(value.type());
  call.aggregator = std::make_shared<Collect>(value.type(), nulls == Nulls::kept ? Kept::all : Kept::values);
  call.arguments.push_back(std::move(value));
  return call;
}

std::shared_ptr<const Aggregator> distinct_aggregator(std::shared_ptr<const Aggregator> inner,
                                                      std::vector<Type> arguments) {
  return std::make_shared<Distinct>(std::move(inner), std::move(arguments));
}

TypeRule over_distinct(TypeRule rule) {
  return [rule = std::move(rule)](const CallTypes& call) -> Result<ResolvedCall> {
    Result<ResolvedCall> plain = rule(call);
    if (plain) plain->aggregator = distinct_aggregator(plain->aggregator, plain->arguments);
    return plain;
  };
}

std::vector<Function> collection_aggregates() {
  FunctionList list("Aggregates", FunctionKind::aggregate);
  list.add({"collect_list", "array_agg"}, "collect_list(x) -> array", "the values in order, nulls left out",
           "collect_list(x)", of_any("collect_list", [](const Type& t) {
             return aggregate_of({t}, Type::array(t), std::make_shared<Collect>(t, Kept::values));
           }));
  list.add({"collect_set"}, "collect_set(x) -> array", "the distinct values, nulls left out", "collect_set(x)",
           of_any("collect_set", [](const Type& t) {
             return aggregate_of({t}, Type::array(t), std::make_shared<Collect>(t, Kept::distinct));
           }));
  list.add({"approx_count_distinct"}, "approx_count_distinct(x) -> bigint", "how many distinct values there are",
           "approx_count_distinct(x)", [](const CallTypes& call) -> Result<ResolvedCall> {
             const Result<> count = check_count("approx_count_distinct", call, 1, 2);
             if (!count) return pass_on(count);
             return aggregate_of({call.types.begin(), call.types.end()}, TypeKind::int64,
                                 distinct_aggregator(count_aggregator(), {call.types[0]}));
           });
  list.add({"median"}, "median(x) -> double", "the middle value", "median(x)",
           [](const CallTypes& call) -> Result<ResolvedCall> {
             Result<ResolvedCall> checked = fixed({"median", {TypeKind::float64}, 1, TypeKind::float64, nullptr})(call);
             if (!checked) return checked;
             checked->nulls = NullRule::kernel;
             checked->aggregator =
                 std::make_shared<Ordered>(std::vector<Type>{TypeKind::float64}, TypeKind::float64, Order::median);
             return checked;
           });
  list.add({"mode"}, "mode(x)", "the most frequent value", "mode(x)", of_any("mode", [](const Type& t) {
             return aggregate_of({t}, t, std::make_shared<Ordered>(std::vector<Type>{t}, t, Order::mode));
           }));
  list.add({"percentile_approx", "approx_percentile"}, "percentile_approx(x, share[, accuracy])",
           "the value below which a share lies", "percentile_approx(x, 0.5)", resolve_percentile);
  return list.take();
}

}  // namespace streamrun
