// Aggregates: counts, sums, averages, extremes, moments and collections.
#include "runner/expr/functions/aggregates.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <unordered_set>

#include "runner/data/text_value.h"
#include "runner/expr/coercion.h"
#include "runner/expr/decimal_math.h"
#include "runner/expr/functions/aggregate_state.h"
#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"

namespace streamrun {
namespace {

using Groups = std::span<const std::uint32_t>;
using Arguments = std::span<const ColumnPtr>;

class Count final : public Stateful<std::int64_t> {
 public:
  explicit Count(bool if_true = false) : Stateful(TypeKind::int64), if_true_(if_true) {}
  bool exact() const override { return true; }
  void update(std::byte* states, std::size_t stride, Groups groups, Arguments arguments,
              const Selection& selection) const override {
    if (arguments.empty()) {
      for (const std::uint32_t group : groups) ++at(states + group * stride);
      return;
    }
    const bool nulls =
        std::any_of(arguments.begin(), arguments.end(), [](const ColumnPtr& c) { return !c->no_nulls(); });
    for_each_grouped(groups, selection, [&](std::uint32_t row, std::uint32_t group) {
      bool counts = true;
      if (nulls) {
        for (const ColumnPtr& argument : arguments) counts = counts && !argument->is_null(row);
      }
      if (if_true_) counts = counts && arguments[0]->value<std::uint8_t>(row) != 0;
      at(states + group * stride) += counts ? 1 : 0;
    });
  }

 protected:
  void add(std::int64_t& into, std::int64_t& from) const override { into += from; }
  void result(std::int64_t& state, Column& out, std::uint32_t group, RowErrors&) const override {
    out.values<std::int64_t>()[group] = state;
  }

 private:
  bool if_true_;
};

// T: what is read; S: what is added up, Int128 (exact) or double.
template <class S>
struct Total {
  S sum{};
  std::int64_t count = 0;
  bool overflow = false;
};
template <class T, class S>
class Sum final : public Stateful<Total<S>> {
 public:
  using Base = Stateful<Total<S>>;
  // `scale`: of decimal arguments; `average` divides by the count.
  Sum(Type result_type, int scale, bool average) : Base(std::move(result_type)), scale_(scale), average_(average) {}
  bool exact() const override { return !std::is_floating_point_v<S>; }
  void update(std::byte* states, std::size_t stride, Groups groups, Arguments arguments,
              const Selection& selection) const override {
    const Column& column = *arguments[0];
    const T* values = column.values<T>();
    const std::uint32_t step = column.constant() ? 0 : 1;
    const bool nulls = !column.no_nulls();
    for_each_grouped(groups, selection, [&](std::uint32_t row, std::uint32_t group) {
      if (nulls && column.is_null(row)) return;
      accumulate(Base::at(states + group * stride), static_cast<S>(values[row * step]), 1);
    });
  }

 protected:
  static void accumulate(Total<S>& total, S value, std::int64_t count) {
    if constexpr (std::is_floating_point_v<S>) {
      total.sum += value;
    } else if (__builtin_add_overflow(total.sum, value, &total.sum)) [[unlikely]] {
      total.overflow = true;
    }
    total.count += count;
  }
  void add(Total<S>& into, Total<S>& from) const override {
    accumulate(into, from.sum, from.count);
    into.overflow = into.overflow || from.overflow;
  }
  void result(Total<S>& total, Column& out, std::uint32_t group, RowErrors& errors) const override {
    if (total.count == 0) {
      if (out.type().kind() == TypeKind::decimal) out.values<Int128>()[group] = 0;
      out.set_null(group);
      return;
    }
    const char* const fault = average_ ? "overflow in avg" : "overflow in sum";
    switch (out.type().kind()) {
      case TypeKind::float64: {
        const auto sum = static_cast<double>(total.sum);
        out.values<double>()[group] = average_ ? sum / static_cast<double>(total.count) : sum;
        return;
      }
      case TypeKind::decimal:
        if constexpr (!std::is_floating_point_v<S>) {
          const DecimalShape to{out.type().precision(), out.type().scale()};
          Int128& slot = out.values<Int128>()[group];
          slot = total.sum;
          const bool fits = !total.overflow && (average_ ? decimal_divide(total.sum, scale_, total.count, 0, to, slot)
                                                         : decimal_fits(total.sum, to.precision));
          if (!fits) errors.add(group, fault);
        }
        return;
      case TypeKind::month_interval:
      case TypeKind::int64:
      case TypeKind::day_interval:
      default:
        if constexpr (!std::is_floating_point_v<S>) {
          if (total.overflow || total.sum > std::numeric_limits<std::int64_t>::max() ||
              total.sum < std::numeric_limits<std::int64_t>::min()) {
            errors.add(group, fault);
            return;
          }
          out.values<std::int64_t>()[group] = static_cast<std::int64_t>(total.sum);
        }
        return;
    }
  }

 private:
  int scale_;
  bool average_;
};

enum class Pick { least, greatest, first, last };

template <class T>
struct Picked {
  Stored<T> value;
  bool seen = false;  // a row was taken
  bool null = false;  // and it was null (first, last)
};
template <class T, Pick pick>
class Picker final : public Stateful<Picked<T>> {
 public:
  using Base = Stateful<Picked<T>>;
  Picker(Type type, bool ignore_nulls) : Base(std::move(type)), ignore_nulls_(ignore_nulls) {}
  bool exact() const override { return pick == Pick::least || pick == Pick::greatest; }
  bool keeps_heap() const override { return std::is_void_v<T> || std::is_same_v<T, StringRef>; }
  std::size_t heap_bytes(const std::byte* state) const override {
    if constexpr (std::is_same_v<T, StringRef>) return Base::at(state).value.value.capacity();
    return 0;
  }
  void update(std::byte* states, std::size_t stride, Groups groups, Arguments arguments,
              const Selection& selection) const override {
    const Column& column = *arguments[0];
    const bool nulls = !column.no_nulls();
    for_each_grouped(groups, selection, [&](std::uint32_t row, std::uint32_t group) {
      Picked<T>& state = Base::at(states + group * stride);
      if (pick == Pick::first && state.seen) return;
      const bool null = nulls && column.is_null(row);
      if (null && ignore_nulls_) return;
      if constexpr (pick == Pick::least || pick == Pick::greatest) {
        if (state.seen && !better(state.value.compare(column, row))) return;
      }
      state.seen = true;
      state.null = null;
      if (!null) state.value.set(column, row);
    });
  }

 protected:
  static bool better(int order) { return pick == Pick::least ? order > 0 : order < 0; }
  void add(Picked<T>& into, Picked<T>& from) const override {
    if (!from.seen) return;
    if (into.seen && pick == Pick::first) return;
    if constexpr (pick == Pick::least || pick == Pick::greatest) {
      if (into.seen && !better(into.value.compare(from.value))) return;
    }
    into = std::move(from);
  }
  // Groups are written one after the other, so nested values are gathered by a builder.
  ColumnPtr finish(std::byte* states, std::size_t stride, std::uint32_t count, RowErrors& errors) const override {
    if constexpr (std::is_void_v<T>) {
      ColumnBuilder builder(Base::result_);
      for (std::uint32_t g = 0; g < count; ++g) {
        const Picked<T>& state = Base::at(states + g * stride);
        if (state.seen && !state.null) {
          builder.append(*state.value.value, 0);
        } else {
          builder.append_null();
        }
      }
      return builder.finish();
    } else {
      MutableColumn out = Column::make(Base::result_, count);
      auto arena = std::make_shared<StringArena>();
      for (std::uint32_t g = 0; g < count; ++g) {
        const Picked<T>& state = Base::at(states + g * stride);
        state.value.put(*out, g, *arena);
        if (!state.seen || state.null) out->set_null(g);
      }
      if (std::is_same_v<T, StringRef>) out->keep(arena);
      static_cast<void>(errors);
      return out;
    }
  }
  void result(Picked<T>&, Column&, std::uint32_t, RowErrors&) const override {}

 private:
  bool ignore_nulls_;
};

struct Verdict {
  bool seen = false;
  bool value = false;
};
template <bool all>
class Truth final : public Stateful<Verdict> {
 public:
  Truth() : Stateful(TypeKind::boolean) {}
  bool exact() const override { return true; }
  void update(std::byte* states, std::size_t stride, Groups groups, Arguments arguments,
              const Selection& selection) const override {
    for_each_grouped(groups, selection, [&](std::uint32_t row, std::uint32_t group) {
      if (!arguments[0]->is_null(row)) take(at(states + group * stride), arguments[0]->value<std::uint8_t>(row) != 0);
    });
  }

 protected:
  static void take(Verdict& state, bool value) {
    state.value = !state.seen ? value : all ? state.value && value : state.value || value;
    state.seen = true;
  }
  void add(Verdict& into, Verdict& from) const override {
    if (from.seen) take(into, from.value);
  }
  void result(Verdict& state, Column& out, std::uint32_t group, RowErrors&) const override {
    out.values<std::uint8_t>()[group] = state.value ? 1 : 0;
    if (!state.seen) out.set_null(group);
  }
};

// Central moments by the updating formulas of Chan, Golub and LeVeque (as Spark's CentralMomentAgg).
struct Moments {
  double n = 0, mean = 0, m2 = 0, m3 = 0, m4 = 0;
};
Moments joined(const Moments& a, const Moments& b) {
  if (a.n == 0) return b;
  if (b.n == 0) return a;
  Moments r;
  r.n = a.n + b.n;
  const double delta = b.mean - a.mean, part = delta / r.n;
  r.mean = a.mean + part * b.n;
  r.m2 = a.m2 + b.m2 + delta * part * a.n * b.n;
  r.m3 = a.m3 + b.m3 + part * part * delta * a.n * b.n * (a.n - b.n) + 3.0 * part * (a.n * b.m2 - b.n * a.m2);
  r.m4 = a.m4 + b.m4 + part * part * part * delta * a.n * b.n * (a.n * a.n - a.n * b.n + b.n * b.n) +
         6.0 * part * part * (a.n * a.n * b.m2 + b.n * b.n * a.m2) + 4.0 * part * (a.n * b.m3 - b.n * a.m3);
  return r;
}
enum class Moment { stddev, stddev_pop, variance, var_pop, skewness, kurtosis };
template <Moment kind>
class MomentOf final : public Stateful<Moments> {
 public:
  MomentOf() : Stateful(TypeKind::float64) {}
  bool exact() const override { return false; }
  void update(std::byte* states, std::size_t stride, Groups groups, Arguments arguments,
              const Selection& selection) const override {
    for_each_grouped(groups, selection, [&](std::uint32_t row, std::uint32_t group) {
      if (arguments[0]->is_null(row)) return;
      Moments& m = at(states + group * stride);
      const double x = arguments[0]->value<double>(row);
      const double before = m.n;
      m.n += 1;
      const double delta = x - m.mean, part = delta / m.n;
      const double old_m2 = m.m2, old_m3 = m.m3;
      m.mean += part;
      m.m2 = old_m2 + delta * (delta - part);
      m.m3 = old_m3 - 3.0 * part * m.m2 + delta * (delta * delta - part * part);
      m.m4 = m.m4 - 4.0 * part * m.m3 - 6.0 * part * part * m.m2 + delta * (delta * delta * delta - part * part * part);
      static_cast<void>(before);
    });
  }

 protected:
  void add(Moments& into, Moments& from) const override { into = joined(into, from); }
  void result(Moments& m, Column& out, std::uint32_t group, RowErrors&) const override {
    double& value = out.values<double>()[group];
    value = 0;
    const bool sample = kind == Moment::stddev || kind == Moment::variance;
    if (m.n == 0 || (sample && m.n == 1)) return out.set_null(group);
    if constexpr (kind == Moment::skewness || kind == Moment::kurtosis) {
      if (m.m2 == 0) return out.set_null(group);
      value = kind == Moment::skewness ? std::sqrt(m.n) * m.m3 / std::sqrt(m.m2 * m.m2 * m.m2)
                                       : m.n * m.m4 / (m.m2 * m.m2) - 3.0;
    } else {
      value = m.m2 / (sample ? m.n - 1 : m.n);
      if (kind == Moment::stddev || kind == Moment::stddev_pop) value = std::sqrt(value);
    }
  }
};

struct Pairs {
  double n = 0, mean_x = 0, mean_y = 0, c = 0, m2_x = 0, m2_y = 0;
};
enum class Relation { corr, covar_pop, covar_samp };
template <Relation kind>
class RelationOf final : public Stateful<Pairs> {
 public:
  RelationOf() : Stateful(TypeKind::float64) {}
  bool exact() const override { return false; }
  void update(std::byte* states, std::size_t stride, Groups groups, Arguments arguments,
              const Selection& selection) const override {
    for_each_grouped(groups, selection, [&](std::uint32_t row, std::uint32_t group) {
      if (arguments[0]->is_null(row) || arguments[1]->is_null(row)) return;
      Pairs& p = at(states + group * stride);
      const double x = arguments[0]->value<double>(row), y = arguments[1]->value<double>(row);
      p.n += 1;
      const double dx = x - p.mean_x, dy = y - p.mean_y;
      p.mean_x += dx / p.n;
      p.mean_y += dy / p.n;
      p.c += dx * (y - p.mean_y);
      p.m2_x += dx * (x - p.mean_x);
      p.m2_y += dy * (y - p.mean_y);
    });
  }

 protected:
  void add(Pairs& a, Pairs& b) const override {
    if (b.n == 0) return;
    if (a.n == 0) {
      a = b;
      return;
    }
    const double n = a.n + b.n, dx = b.mean_x - a.mean_x, dy = b.mean_y - a.mean_y, w = a.n * b.n / n;
    a.c += b.c + dx * dy * w;
    a.m2_x += b.m2_x + dx * dx * w;
    a.m2_y += b.m2_y + dy * dy * w;
    a.mean_x += dx * b.n / n;
    a.mean_y += dy * b.n / n;
    a.n = n;
  }
  void result(Pairs& p, Column& out, std::uint32_t group, RowErrors&) const override {
    double& value = out.values<double>()[group];
    value = 0;
    if (p.n == 0 || (kind != Relation::covar_pop && p.n == 1)) return out.set_null(group);
    value =
        kind == Relation::corr ? p.c / std::sqrt(p.m2_x * p.m2_y) : p.c / (kind == Relation::covar_pop ? p.n : p.n - 1);
    if (kind == Relation::corr && p.m2_x * p.m2_y == 0) out.set_null(group);
  }
};

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

// Rows kept in the order they came, all or distinct ones.
struct Collection {
  std::vector<ColumnBuilder> columns;
  std::unordered_set<std::string> keys;
};
class Collector : public Aggregator {
 public:
  Collector(std::vector<Type> types, bool distinct) : types_(std::move(types)), distinct_(distinct) {}
  std::size_t state_size() const override { return sizeof(Collection); }
  bool exact() const override { return false; }
  bool keeps_heap() const override { return true; }
  std::size_t heap_bytes(const std::byte* state) const override {
    const Collection& c = *reinterpret_cast<const Collection*>(state);
    std::size_t bytes = c.keys.size() * 64;
    for (const ColumnBuilder& column : c.columns) bytes += column.bytes();
    return bytes;
  }
  void create(std::byte* state) const override {
    auto* c = new (state) Collection();
    for (const Type& type : types_) c->columns.emplace_back(type);
  }
  void destroy(std::byte* state) const override { at(state).~Collection(); }
  void update(std::byte* states, std::size_t stride, Groups groups, Arguments arguments,
              const Selection& selection) const override {
    std::string key;
    for_each_grouped(groups, selection, [&](std::uint32_t row, std::uint32_t group) {
      take(at(states + group * stride), arguments, row, key);
    });
  }
  void merge(std::byte* into, std::byte* from) const override {
    std::vector<ColumnPtr> rows;
    for (ColumnBuilder& column : at(from).columns) rows.push_back(column.finish());
    if (rows.empty()) return;
    std::string key;
    for (std::uint32_t row = 0; row < rows[0]->rows(); ++row) take(at(into), rows, row, key);
  }

 protected:
  static Collection& at(std::byte* state) { return *std::launder(reinterpret_cast<Collection*>(state)); }
  // The columns of a group; the state keeps them.
  std::vector<ColumnPtr> rows_of(std::byte* state) const {
    std::vector<ColumnPtr> rows;
    for (ColumnBuilder& builder : at(state).columns) {
      rows.push_back(builder.finish());
      for (std::uint32_t row = 0; row < rows.back()->rows(); ++row) builder.append(*rows.back(), row);
    }
    return rows;
  }

  std::vector<Type> types_;

 private:
  void take(Collection& c, Arguments arguments, std::uint32_t row, std::string& key) const {
    for (std::size_t i = 0; i < types_.size(); ++i) {
      if (arguments[i]->is_null(row)) return;
    }
    if (distinct_) {
      key.clear();
      for (std::size_t i = 0; i < types_.size(); ++i) append_key(*arguments[i], row, key);
      if (!c.keys.insert(key).second) return;
    }
    for (std::size_t i = 0; i < types_.size(); ++i) c.columns[i].append(*arguments[i], row);
  }

  bool distinct_;
};

class Collect final : public Collector {
 public:
  Collect(const Type& element, bool distinct) : Collector({element}, distinct) {}
  ColumnPtr finish(std::byte* states, std::size_t stride, std::uint32_t count, RowErrors&) const override {
    MutableColumn out = Column::make(Type::array(types_[0]), count);
    ColumnBuilder elements(types_[0]);
    for (std::uint32_t g = 0; g < count; ++g) {
      const std::vector<ColumnPtr> rows = rows_of(states + g * stride);
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
      : Collector(std::move(types), true), inner_(std::move(inner)) {}
  bool exact() const override { return inner_->exact(); }
  ColumnPtr finish(std::byte* states, std::size_t stride, std::uint32_t count, RowErrors& errors) const override {
    const std::size_t size = (inner_->state_size() + 15) / 16 * 16;
    std::vector<Int128> memory(size / 16 * count + 1);  // aligned to 16
    auto* const inner = reinterpret_cast<std::byte*>(memory.data());
    for (std::uint32_t g = 0; g < count; ++g) {
      inner_->create(inner + g * size);
      const std::vector<ColumnPtr> rows = rows_of(states + g * stride);
      const std::uint32_t n = rows.empty() ? 0 : rows[0]->rows();
      const std::vector<std::uint32_t> groups(n, 0);
      inner_->update(inner + g * size, size, groups, rows, Selection::all(n));
    }
    ColumnPtr out = inner_->finish(inner, size, count, errors);
    for (std::uint32_t g = 0; g < count; ++g) inner_->destroy(inner + g * size);
    return out;
  }

 private:
  std::shared_ptr<const Aggregator> inner_;
};

enum class Order { median, percentile, mode, greatest_by, least_by };
// Results that need all rows of a group.
class Ordered final : public Collector {
 public:
  Ordered(std::vector<Type> types, Type result_type, Order kind, std::vector<double> shares = {})
      : Collector(std::move(types), false), result_(std::move(result_type)), kind_(kind), shares_(std::move(shares)) {}
  bool exact() const override { return kind_ == Order::median || kind_ == Order::percentile; }
  ColumnPtr finish(std::byte* states, std::size_t stride, std::uint32_t count, RowErrors&) const override {
    ColumnBuilder builder(kind_ == Order::percentile && result_.kind() == TypeKind::array ? types_[0] : result_);
    MutableColumn numbers = Column::make(result_, count);
    for (std::uint32_t g = 0; g < count; ++g) {
      const std::vector<ColumnPtr> rows = rows_of(states + g * stride);
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

// max_by, min_by: rows whose second argument is null do not count; of equals the last wins.
struct ByState {
  Stored<void> value, key;
  bool seen = false;
};
template <bool greatest>
class PickBy final : public Stateful<ByState> {
 public:
  explicit PickBy(Type type) : Stateful(std::move(type)) {}
  bool exact() const override { return false; }
  bool keeps_heap() const override { return true; }
  void update(std::byte* states, std::size_t stride, Groups groups, Arguments arguments,
              const Selection& selection) const override {
    for_each_grouped(groups, selection, [&](std::uint32_t row, std::uint32_t group) {
      ByState& state = at(states + group * stride);
      if (arguments[1]->is_null(row) || (state.seen && !better(state.key.compare(*arguments[1], row)))) return;
      state.seen = true;
      state.value.set(*arguments[0], row);
      state.key.set(*arguments[1], row);
    });
  }
  ColumnPtr finish(std::byte* states, std::size_t stride, std::uint32_t count, RowErrors&) const override {
    ColumnBuilder builder(result_);
    for (std::uint32_t g = 0; g < count; ++g) {
      const ByState& state = at(states + g * stride);
      if (state.seen) {
        builder.append(*state.value.value, 0);
      } else {
        builder.append_null();
      }
    }
    return builder.finish();
  }

 protected:
  static bool better(int order) { return greatest ? order <= 0 : order >= 0; }
  void add(ByState& into, ByState& from) const override {
    if (from.seen && (!into.seen || better(into.key.compare(from.key)))) into = std::move(from);
  }
  void result(ByState&, Column&, std::uint32_t, RowErrors&) const override {}
};

ResolvedCall aggregate_of(std::vector<Type> arguments, Type result, std::shared_ptr<const Aggregator> aggregator,
                          bool can_fail = false) {
  ResolvedCall call = call_of(std::move(arguments), std::move(result), nullptr, can_fail, NullRule::kernel);
  call.aggregator = std::move(aggregator);
  return call;
}

Result<ResolvedCall> resolve_count(const CallTypes& call) {
  return aggregate_of({call.types.begin(), call.types.end()}, TypeKind::int64, std::make_shared<Count>());
}

template <bool average>
Result<ResolvedCall> resolve_sum(const CallTypes& call) {
  const std::string_view name = average ? "avg" : "sum";
  const Result<> count = check_count(name, call, 1, 1);
  if (!count) return pass_on(count);
  Type type = call.types[0];
  if (type.kind() == TypeKind::string || is_null_type(type)) type = TypeKind::float64;
  switch (type.kind()) {
    case TypeKind::int32: {
      const Type result = average ? TypeKind::float64 : TypeKind::int64;
      return aggregate_of({type}, result, std::make_shared<Sum<std::int32_t, Int128>>(result, 0, average), !average);
    }
    case TypeKind::int64: {
      const Type result = average ? TypeKind::float64 : TypeKind::int64;
      return aggregate_of({type}, result, std::make_shared<Sum<std::int64_t, Int128>>(result, 0, average), !average);
    }
    case TypeKind::day_interval:
      if (average) break;
      return aggregate_of({type}, type, std::make_shared<Sum<std::int64_t, Int128>>(type, 0, false), true);
    case TypeKind::float32:
    case TypeKind::float64:
      return aggregate_of({TypeKind::float64}, TypeKind::float64,
                          std::make_shared<Sum<double, double>>(TypeKind::float64, 0, average));
    case TypeKind::decimal: {
      const Type result = average ? decimal_bounded(type.precision() + 4, type.scale() + 4)
                                  : decimal_bounded(type.precision() + 10, type.scale());
      return aggregate_of({type}, result, std::make_shared<Sum<Int128, Int128>>(result, type.scale(), average), true);
    }
    default: break;
  }
  return failure(wrong_type(name, 0, type, "a number"));
}

template <Pick pick>
Result<ResolvedCall> resolve_pick(std::string_view name, const CallTypes& call) {
  constexpr bool kExtreme = pick == Pick::least || pick == Pick::greatest;
  const Result<> count = check_count(name, call, 1, kExtreme ? 1 : 2);
  if (!count) return pass_on(count);
  const Type& type = call.types[0];
  if (kExtreme && (type.kind() == TypeKind::map || type.kind() == TypeKind::variant)) {
    return failure(wrong_type(name, 0, type, "of a type with an order"));
  }
  bool ignore_nulls = kExtreme;
  std::vector<Type> arguments{type};
  if (call.types.size() == 2) {
    if (call.types[1].kind() != TypeKind::boolean || call.constants[1] == nullptr || call.constants[1]->is_null(0)) {
      return failure("argument 2 of " + std::string(name) + " is true or false: whether nulls are passed over");
    }
    ignore_nulls = call.constants[1]->value<std::uint8_t>(0) != 0;
    arguments.push_back(TypeKind::boolean);
  }
  std::shared_ptr<const Aggregator> aggregator =
      with_storage(type.kind(), [&]<class T>() -> std::shared_ptr<const Aggregator> {
        return std::make_shared<Picker<Keep<T>, pick>>(type, ignore_nulls);
      });
  return aggregate_of(std::move(arguments), type, std::move(aggregator));
}

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

template <class A>
TypeRule over(std::string_view name, std::vector<Type> parameters, Type result) {
  return [=](const CallTypes& call) -> Result<ResolvedCall> {
    Result<ResolvedCall> checked = fixed({std::string(name), parameters, parameters.size(), result, nullptr})(call);
    if (checked) checked->aggregator = std::make_shared<A>();
    if (checked) checked->nulls = NullRule::kernel;
    return checked;
  };
}

// f(type) makes the aggregate of one argument of any type.
template <class F>
TypeRule of_any(std::string_view name, F f) {
  return [=](const CallTypes& call) -> Result<ResolvedCall> {
    const Result<> count = check_count(name, call, 1, 1);
    if (!count) return pass_on(count);
    return f(call.types[0]);
  };
}

}  // namespace

std::shared_ptr<const Aggregator> distinct_aggregator(std::shared_ptr<const Aggregator> inner,
                                                      std::vector<Type> arguments) {
  return std::make_shared<Distinct>(std::move(inner), std::move(arguments));
}

std::vector<Function> aggregate_functions() {
  std::vector<Function> list;
  const Type real = TypeKind::float64, truth = TypeKind::boolean;
  const auto add = [&](std::vector<std::string_view> names, std::string_view signature, std::string_view summary,
                       std::string_view example, TypeRule rule) {
    list.push_back(
        {std::move(names), "Aggregates", signature, summary, example, FunctionKind::aggregate, std::move(rule)});
  };
  add({"count"}, "count(*), count([distinct] x, …) -> bigint", "rows, or rows whose arguments are not null", "count(*)",
      resolve_count);
  add({"count_if"}, "count_if(condition) -> bigint", "rows for which the condition is true", "count_if(x > 0)",
      [](const CallTypes& call) -> Result<ResolvedCall> {
        Result<ResolvedCall> checked = fixed({"count_if", {TypeKind::boolean}, 1, TypeKind::int64, nullptr})(call);
        if (checked) checked->aggregator = std::make_shared<Count>(true);
        if (checked) checked->nulls = NullRule::kernel;
        return checked;
      });
  add({"sum"}, "sum(x)", "the sum: bigint, double or decimal(p+10,s)", "sum(x)", resolve_sum<false>);
  add({"avg", "mean"}, "avg(x)", "the mean: double or decimal(p+4,s+4)", "avg(x)", resolve_sum<true>);
  add({"min"}, "min(x)", "the least value", "min(x)",
      [](const CallTypes& c) { return resolve_pick<Pick::least>("min", c); });
  add({"max"}, "max(x)", "the greatest value", "max(x)",
      [](const CallTypes& c) { return resolve_pick<Pick::greatest>("max", c); });
  add({"first", "first_value"}, "first(x[, ignore nulls])", "the first row's value", "first(x)",
      [](const CallTypes& c) { return resolve_pick<Pick::first>("first", c); });
  add({"any_value"}, "any_value(x[, ignore nulls])", "some row's value: the first's", "any_value(x)",
      [](const CallTypes& c) { return resolve_pick<Pick::first>("any_value", c); });
  add({"last", "last_value"}, "last(x[, ignore nulls])", "the last row's value", "last(x)",
      [](const CallTypes& c) { return resolve_pick<Pick::last>("last", c); });
  add({"bool_and", "every"}, "bool_and(x) -> boolean", "whether all are true", "bool_and(x)",
      over<Truth<true>>("bool_and", {truth}, truth));
  add({"bool_or", "some", "any"}, "bool_or(x) -> boolean", "whether any is true", "bool_or(x)",
      over<Truth<false>>("bool_or", {truth}, truth));
  add({"stddev", "stddev_samp", "std"}, "stddev(x) -> double", "the standard deviation of a sample", "stddev(x)",
      over<MomentOf<Moment::stddev>>("stddev", {real}, real));
  add({"stddev_pop"}, "stddev_pop(x) -> double", "the standard deviation of all", "stddev_pop(x)",
      over<MomentOf<Moment::stddev_pop>>("stddev_pop", {real}, real));
  add({"variance", "var_samp"}, "variance(x) -> double", "the variance of a sample", "variance(x)",
      over<MomentOf<Moment::variance>>("variance", {real}, real));
  add({"var_pop"}, "var_pop(x) -> double", "the variance of all", "var_pop(x)",
      over<MomentOf<Moment::var_pop>>("var_pop", {real}, real));
  add({"skewness"}, "skewness(x) -> double", "the skewness", "skewness(x)",
      over<MomentOf<Moment::skewness>>("skewness", {real}, real));
  add({"kurtosis"}, "kurtosis(x) -> double", "the excess kurtosis", "kurtosis(x)",
      over<MomentOf<Moment::kurtosis>>("kurtosis", {real}, real));
  add({"corr"}, "corr(x, y) -> double", "Pearson's correlation", "corr(x, y)",
      over<RelationOf<Relation::corr>>("corr", {real, real}, real));
  add({"covar_pop"}, "covar_pop(x, y) -> double", "the covariance of all", "covar_pop(x, y)",
      over<RelationOf<Relation::covar_pop>>("covar_pop", {real, real}, real));
  add({"covar_samp"}, "covar_samp(x, y) -> double", "the covariance of a sample", "covar_samp(x, y)",
      over<RelationOf<Relation::covar_samp>>("covar_samp", {real, real}, real));
  add({"collect_list", "array_agg"}, "collect_list(x) -> array", "the values in order, nulls left out",
      "collect_list(x)", of_any("collect_list", [](const Type& t) {
        return aggregate_of({t}, Type::array(t), std::make_shared<Collect>(t, false));
      }));
  add({"collect_set"}, "collect_set(x) -> array", "the distinct values, nulls left out", "collect_set(x)",
      of_any("collect_set",
             [](const Type& t) { return aggregate_of({t}, Type::array(t), std::make_shared<Collect>(t, true)); }));
  add({"approx_count_distinct"}, "approx_count_distinct(x) -> bigint", "how many distinct values there are",
      "approx_count_distinct(x)", [](const CallTypes& call) -> Result<ResolvedCall> {
        const Result<> count = check_count("approx_count_distinct", call, 1, 2);
        if (!count) return pass_on(count);
        return aggregate_of({call.types.begin(), call.types.end()}, TypeKind::int64,
                            std::make_shared<Distinct>(std::make_shared<Count>(), std::vector<Type>{call.types[0]}));
      });
  add({"median"}, "median(x) -> double", "the middle value", "median(x)",
      [](const CallTypes& call) -> Result<ResolvedCall> {
        Result<ResolvedCall> checked = fixed({"median", {TypeKind::float64}, 1, TypeKind::float64, nullptr})(call);
        if (!checked) return checked;
        checked->nulls = NullRule::kernel;
        checked->aggregator =
            std::make_shared<Ordered>(std::vector<Type>{TypeKind::float64}, TypeKind::float64, Order::median);
        return checked;
      });
  add({"mode"}, "mode(x)", "the most frequent value", "mode(x)", of_any("mode", [](const Type& t) {
        return aggregate_of({t}, t, std::make_shared<Ordered>(std::vector<Type>{t}, t, Order::mode));
      }));
  add({"percentile_approx", "approx_percentile"}, "percentile_approx(x, share[, accuracy])",
      "the value below which a share lies", "percentile_approx(x, 0.5)", resolve_percentile);
  const auto by = [](std::string_view name, auto make) -> TypeRule {
    return [=](const CallTypes& call) -> Result<ResolvedCall> {
      const Result<> count = check_count(name, call, 2, 2);
      if (!count) return pass_on(count);
      return aggregate_of({call.types[0], call.types[1]}, call.types[0], make(call.types[0]));
    };
  };
  add({"max_by"}, "max_by(x, y)", "x of the row with the greatest y", "max_by(x, y)",
      by("max_by", [](const Type& t) { return std::make_shared<PickBy<true>>(t); }));
  add({"min_by"}, "min_by(x, y)", "x of the row with the least y", "min_by(x, y)",
      by("min_by", [](const Type& t) { return std::make_shared<PickBy<false>>(t); }));
  // `sum(distinct x)` is resolved under the name sum_distinct.
  const auto distinct = [&](std::string_view name, std::string_view signature, std::string_view example,
                            TypeRule rule) {
    add({name}, signature, "over the distinct values", example, [rule](const CallTypes& call) -> Result<ResolvedCall> {
      Result<ResolvedCall> plain = rule(call);
      if (plain) plain->aggregator = distinct_aggregator(plain->aggregator, plain->arguments);
      return plain;
    });
  };
  distinct("count_distinct", "count(distinct x, …) -> bigint", "count(distinct x)", resolve_count);
  distinct("sum_distinct", "sum(distinct x)", "sum(distinct x)", resolve_sum<false>);
  distinct("avg_distinct", "avg(distinct x)", "avg(distinct x)", resolve_sum<true>);
  distinct("min_distinct", "min(distinct x)", "min(distinct x)",
           [](const CallTypes& c) { return resolve_pick<Pick::least>("min", c); });
  distinct("max_distinct", "max(distinct x)", "max(distinct x)",
           [](const CallTypes& c) { return resolve_pick<Pick::greatest>("max", c); });
  return list;
}

}  // namespace streamrun
