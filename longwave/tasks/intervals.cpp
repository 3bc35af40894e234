#include "longwave/tasks/intervals.h"

#include <algorithm>
#include <cmath>

namespace longwave {
namespace {

/// Fewer residuals than this cannot place a 2.5 % quantile; neighbouring steps then lend theirs.
constexpr std::int64_t kEnough = 100;

/// Residuals of one channel at steps within `radius` of `step`, sorted.
std::vector<double> pooled(const Residuals& r, std::int64_t step, std::int64_t channel, std::int64_t radius,
                           std::int64_t first, std::int64_t last) {
  std::vector<double> pool;
  const auto from = std::max<std::int64_t>(0, step - radius), to = std::min(r.horizon - 1, step + radius);
  for (auto origin = first; origin < last; ++origin)
    for (auto s = from; s <= to; ++s) pool.push_back(r.at(origin, s, channel));
  std::sort(pool.begin(), pool.end());
  return pool;
}

/// The number that a normal variable exceeds with probability `tail` < 1/2, by bisection.
double normal_quantile(double tail) {
  double low = 0, high = 10;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(middle / std::sqrt(2.0)) / 2 > tail ? low : high) = middle;
  }
  return low;
}

/// By how much the outermost of n residuals must be stretched to be exceeded with probability `tail`: those of a normal
/// law where n is too small to have a rank for it.
double stretch(std::int64_t n, double tail) {
  const double reached = 1.0 / static_cast<double>(n + 1);
  return tail >= reached ? 1 : normal_quantile(tail) / std::max(normal_quantile(std::min(reached, 0.25)), 0.5);
}

/// The value that a new residual exceeds with probability at most `tail`: rank ceil((n + 1)(1 - tail)).
double upper_quantile(const std::vector<double>& sorted, double tail) {
  const auto n = static_cast<std::int64_t>(sorted.size());
  const auto rank = static_cast<std::int64_t>(std::ceil((n + 1) * (1 - tail)));
  return stretch(n, tail) * sorted[std::clamp<std::int64_t>(rank, 1, n) - 1];
}

double lower_quantile(const std::vector<double>& sorted, double tail) {
  const auto n = static_cast<std::int64_t>(sorted.size());
  const auto rank = static_cast<std::int64_t>(std::floor((n + 1) * tail));
  return stretch(n, tail) * sorted[std::clamp<std::int64_t>(rank, 1, n) - 1];
}

}  // namespace

Intervals calibrate(const Residuals& residuals, double level, std::int64_t first, std::int64_t last) {
  const double tail = (1 - level) / 2;
  const auto origins = std::max<std::int64_t>(1, last - first);
  const auto radius = ((kEnough + origins - 1) / origins) / 2;
  Intervals result{level, {}, {}};
  for (std::int64_t step = 0; step < residuals.horizon; ++step)
    for (std::int64_t channel = 0; channel < residuals.channels; ++channel) {
      const auto pool = pooled(residuals, step, channel, radius, first, last);
      // A biased forecast may have all residuals on one side.
      result.low.push_back(std::min(0.0, lower_quantile(pool, tail)));
      result.high.push_back(std::max(0.0, upper_quantile(pool, tail)));
    }
  return result;
}

double coverage(const Residuals& residuals, const Intervals& intervals, std::int64_t first, std::int64_t last) {
  std::int64_t inside = 0;
  const auto width = residuals.horizon * residuals.channels;
  for (auto origin = first; origin < last; ++origin)
    for (std::int64_t i = 0; i < width; ++i) {
      const auto r = residuals.values[origin * width + i];
      inside += r >= intervals.low[i] && r <= intervals.high[i];
    }
  return static_cast<double>(inside) / ((last - first) * width);
}

std::vector<double> origin_errors(const Residuals& r, const std::vector<double>& std) {
  const auto width = r.horizon * r.channels;
  std::vector<double> errors(r.origins, 0.0);
  for (std::size_t i = 0; i < r.values.size(); ++i)
    errors[i / width] += std::abs(r.values[i]) / std[i % std.size()] / static_cast<double>(width);
  return errors;
}

bool clearly_lower(const std::vector<double>& a, const std::vector<double>& b, double horizons) {
  constexpr double kFew = 3;  // horizons, from which no error of a difference can be told
  double mean = 0, square = 0;
  const auto n = static_cast<double>(a.size());
  if (std::min(horizons, n) < kFew) return false;
  for (std::size_t i = 0; i < a.size(); ++i) mean += (b[i] - a[i]) / n;
  for (std::size_t i = 0; i < a.size(); ++i) square += std::pow(b[i] - a[i] - mean, 2) / n;
  return mean > std::sqrt(square / (std::min(horizons, n) - 1));
}

}  // namespace longwave
