// Variances, skewness, kurtosis, correlation.
#include <cmath>

#include "runner/expr/functions/aggregates.h"
#include "runner/expr/functions/lists.h"

namespace streamrun {

namespace {

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
  void update(const StateRows& states, Groups groups, Arguments arguments, const Selection& selection) const override {
    for_each_grouped(groups, selection, [&](std::uint32_t row, std::uint32_t group) {
      if (arguments[0]->is_null(row)) return;
      Moments& m = at(states[group]);
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
  void update(const StateRows& states, Groups groups, Arguments arguments, const Selection& selection) const override {
    for_each_grouped(groups, selection, [&](std::uint32_t row, std::uint32_t group) {
      if (arguments[0]->is_null(row) || arguments[1]->is_null(row)) return;
      Pairs& p = at(states[group]);
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
  void result(Pairs& p, Column& out, std::uint32_t group, RowErrors& errors) const override {
    double& value = out.values<double>()[group];
    value = 0;
    if (p.n == 0 || (kind != Relation::covar_pop && p.n == 1)) return out.set_null(group);
    value =
        kind == Relation::corr ? p.c / std::sqrt(p.m2_x * p.m2_y) : p.c / (kind == Relation::covar_pop ? p.n : p.n - 1);
    if (kind == Relation::corr && p.m2_x * p.m2_y == 0) errors.add(group, "division by zero in corr");
  }
};

}  // namespace

std::vector<Function> moment_aggregates() {
  FunctionList list("Aggregates", FunctionKind::aggregate);
  const Type real = TypeKind::float64;
  list.add({"stddev", "stddev_samp", "std"}, "stddev(x) -> double", "the standard deviation of a sample", "stddev(x)",
           over<MomentOf<Moment::stddev>>("stddev", {real}, real));
  list.add({"stddev_pop"}, "stddev_pop(x) -> double", "the standard deviation of all", "stddev_pop(x)",
           over<MomentOf<Moment::stddev_pop>>("stddev_pop", {real}, real));
  list.add({"variance", "var_samp"}, "variance(x) -> double", "the variance of a sample", "variance(x)",
           over<MomentOf<Moment::variance>>("variance", {real}, real));
  list.add({"var_pop"}, "var_pop(x) -> double", "the variance of all", "var_pop(x)",
           over<MomentOf<Moment::var_pop>>("var_pop", {real}, real));
  list.add({"skewness"}, "skewness(x) -> double", "the skewness", "skewness(x)",
           over<MomentOf<Moment::skewness>>("skewness", {real}, real));
  list.add({"kurtosis"}, "kurtosis(x) -> double", "the excess kurtosis", "kurtosis(x)",
           over<MomentOf<Moment::kurtosis>>("kurtosis", {real}, real));
  list.add({"corr"}, "corr(x, y) -> double", "Pearson's correlation", "corr(x, y)",
           over<RelationOf<Relation::corr>>("corr", {real, real}, real));
  list.add({"covar_pop"}, "covar_pop(x, y) -> double", "the covariance of all", "covar_pop(x, y)",
           over<RelationOf<Relation::covar_pop>>("covar_pop", {real, real}, real));
  list.add({"covar_samp"}, "covar_samp(x, y) -> double", "the covariance of a sample", "covar_samp(x, y)",
           over<RelationOf<Relation::covar_samp>>("covar_samp", {real, real}, real));
  return list.take();
}

}  // namespace streamrun
