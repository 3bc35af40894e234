// In-context linear regression (Garg et al. 2022): points x and their y = w x in turn, w drawn anew for every sample; y
// is to be told at every x.

#include <algorithm>
#include <cmath>
#include <limits>

#include "longwave/base/check.h"
#include "longwave/data/generated.h"

namespace longwave {
namespace {

using Vector = std::vector<double>;

constexpr std::int64_t kFirstDimensions = 5, kFirstPoints = 11;  // of the curriculum

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// Solves A z = b for a symmetric positive definite A [n][n] by elimination; both are used up.
Vector solve(std::vector<Vector> a, Vector b) {
  const auto n = b.size();
  for (std::size_t k = 0; k < n; ++k)
    for (std::size_t i = k + 1; i < n; ++i) {
      const auto factor = a[i][k] / a[k][k];
      for (std::size_t j = k; j < n; ++j) a[i][j] -= factor * a[k][j];
      b[i] -= factor * b[k];
    }
  for (auto k = n; k-- > 0;) {
    for (std::size_t j = k + 1; j < n; ++j) b[k] -= a[k][j] * b[j];
    b[k] /= a[k][k];
  }
  return b;
}

/// The points seen before one that is asked for.
struct Seen {
  std::vector<Vector> x;
  Vector y;
};

/// w of least squares; where it is not unique, the shortest.
Vector least_squares(const Seen& seen, std::size_t dimensions) {
  Vector w(dimensions);
  const auto n = seen.x.size();
  if (n == 0) return w;
  const bool few = n < dimensions;
  const auto size = few ? n : dimensions;
  std::vector<Vector> gram(size, Vector(size));
  Vector right(size);
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t j = 0; j < size; ++j)
      if (few)
        gram[i][j] = dot(seen.x[i], seen.x[j]);
      else
        for (const auto& x : seen.x) gram[i][j] += x[i] * x[j];
    if (few)
      right[i] = seen.y[i];
    else
      for (std::size_t p = 0; p < n; ++p) right[i] += seen.x[p][i] * seen.y[p];
  }
  const auto z = solve(std::move(gram), std::move(right));
  if (!few) return z;
  for (std::size_t p = 0; p < n; ++p)
    for (std::size_t i = 0; i < dimensions; ++i) w[i] += z[p] * seen.x[p][i];
  return w;
}

double by_least_squares(const Seen& seen, const Vector& x) { return dot(least_squares(seen, x.size()), x); }

double by_averaging(const Seen& seen, const Vector& x) {
  double sum = 0;
  for (std::size_t p = 0; p < seen.x.size(); ++p) sum += seen.y[p] * dot(seen.x[p], x);
  return seen.x.empty() ? 0 : sum / static_cast<double>(seen.x.size());
}

double by_neighbours(const Seen& seen, const Vector& x) {
  std::vector<std::pair<double, double>> near;  // squared distance, y
  for (std::size_t p = 0; p < seen.x.size(); ++p)
    near.push_back({dot(seen.x[p], seen.x[p]) - 2 * dot(seen.x[p], x), seen.y[p]});
  const auto count = std::min<std::size_t>(3, near.size());
  std::partial_sort(near.begin(), near.begin() + static_cast<std::ptrdiff_t>(count), near.end());
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += near[i].second;
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

class Regression final : public GeneratedData {
 public:
  struct Config : GeneratedConfig {
    std::int64_t dimensions = 20, points = 41, nonzero = 0;
    double noise = 0;
    std::int64_t curriculum = 0;

    Config() {
      train_samples = 1000000;
      val_samples = test_samples = 1000;
    }
    static const FieldTable<Config>& fields();
  };

  Regression(const Config& config, const SequenceSource&) : GeneratedData(config), config_(config) {
    check(config.nonzero <= config.dimensions, "data.nonzero is ", config.nonzero, "; expected at most dimensions, ",
          config.dimensions);
    facts_.goal = SequenceGoal::regress_steps;
    facts_.channels = config.dimensions;
    facts_.max_length = 2 * config.points;
    facts_.in_order = config.curriculum > 0;
  }

  std::int64_t length(Split split, std::int64_t index) const override {
    return 2 * grown(config_.points, kFirstPoints, 2, split, index);
  }

  void example(Split split, std::int64_t index, SequenceExample& out) const override {
    auto random = stream(split, index);
    const auto d = static_cast<std::size_t>(config_.dimensions);
    const auto used = static_cast<std::size_t>(grown(config_.dimensions, kFirstDimensions, 1, split, index));
    const auto steps = static_cast<std::size_t>(length(split, index));
    const auto w = draw_weights(random);
    out.first.values.assign(steps * d, 0);
    out.target_values.assign(steps, std::numeric_limits<float>::quiet_NaN());
    for (std::size_t t = 0; t < steps; t += 2) {
      double y = config_.noise > 0 ? config_.noise * random.normal() : 0;
      for (std::size_t i = 0; i < used; ++i) {
        const auto x = static_cast<float>(random.normal());
        out.first.values[t * d + i] = x;
        y += w[i] * static_cast<double>(x);
      }
      out.first.values[(t + 1) * d] = out.target_values[t] = static_cast<float>(y);
    }
  }

  std::vector<Baseline> baselines() const override {
    const auto zero = [](const Seen&, const Vector&) { return 0.0; };
    return {line("zero predictor", zero), line("least squares", by_least_squares), line("average of y x", by_averaging),
            line("three nearest neighbours", by_neighbours)};
  }

 private:
  /// What a number of the curriculum has come to at a training sample; all of it elsewhere.
  std::int64_t grown(std::int64_t all, std::int64_t first, std::int64_t by, Split split, std::int64_t index) const {
    if (config_.curriculum == 0 || split != Split::train) return all;
    return std::min(all, first + index / config_.curriculum * by);
  }

  Vector draw_weights(RandomStream& random) const {
    Vector w(static_cast<std::size_t>(config_.dimensions));
    if (config_.nonzero == 0)
      for (auto& entry : w) entry = random.normal();
    else
      for (const auto i : draw_distinct(random, config_.dimensions, config_.nonzero))
        w[static_cast<std::size_t>(i)] = random.normal();
    return w;
  }

  /// Squared error in units of the mean square of y, over all points.
  template <class Predictor>
  Baseline line(const std::string& name, const Predictor& predict) const {
    const auto d = static_cast<std::size_t>(config_.dimensions);
    auto baseline = measured(*this, name, [&](const SequenceExample& sample, Tally& tally) {
      Seen seen;
      for (std::size_t t = 0; t < sample.target_values.size(); t += 2) {
        const auto* row = sample.first.values.data() + t * d;
        const Vector x(row, row + d);
        const double y = sample.target_values[t];
        tally.right += std::pow(predict(seen, x) - y, 2);
        tally.scored += y * y;
        seen.x.push_back(x);
        seen.y.push_back(y);
      }
    });
    baseline.comment += ", squared error over mean square";
    return baseline;
  }

  Config config_;
};

const FieldTable<Regression::Config>& Regression::Config::fields() {
  using C = Config;
  static const auto table = [] {
    FieldTable<C> t;
    t.add("dimensions", &C::dimensions, "of x", at_least<std::int64_t>(1))
        .add("points", &C::points, "of a sample; two steps each", at_least<std::int64_t>(1))
        .add("nonzero", &C::nonzero, "entries of w that are not 0; 0: all", at_least<std::int64_t>(0))
        .add("noise", &C::noise, "standard deviation of what is added to y", at_least<double>(0))
        .add("curriculum", &C::curriculum,
             "training begins with 5 dimensions and 11 points; 1 and 2 more every that many samples; 0: none; goes "
             "with task.fresh",
             at_least<std::int64_t>(0));
    return add_generated_fields(t);
  }();
  return table;
}

const RegisterSequenceData<Regression> registered({.name = "regression",
                                                   .title = "In-context regression",
                                                   .family = "synthetic",
                                                   .summary = "y of a new linear function, from examples before it",
                                                   .source = "Garg et al. 2022: 20 dimensions, 41 points",
                                                   .generated = true});

}  // namespace
}  // namespace longwave
