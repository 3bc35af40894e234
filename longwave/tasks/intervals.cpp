#include "longwave/tasks/intervals.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace longwave {
namespace {

/// Independent errors that an assumption is worth: that steps further ahead have no smaller errors, that the law is
/// normal, that errors are as large as ever.
constexpr double kPrior = 20;

/// In known errors: when one counts half in how large errors were lately (at the least; it is the horizon if that is
/// longer), and what the usual size counts.
constexpr double kHalfLife = 20, kUsual = 5;

/// The number that a normal variable exceeds with probability `tail` < 1/2, by bisection.
double normal_quantile(double tail) {
  double low = 0, high = 10;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(middle / std::sqrt(2.0)) / 2 > tail ? low : high) = middle;
  }
  return low;
}

/// Student's quantile over the normal one `z` (Abramowitz and Stegun 26.7.5). With fewer than 3 degrees of freedom no
/// width would be of use, so the factor grows no further.
double student_factor(double z, double freedom) {
  const double n = std::max(3.0, freedom), q = z * z;
  return 1 + (q + 1) / (4 * n) + ((5 * q + 16) * q + 3) / (96 * n * n) +
         (((3 * q + 19) * q + 17) * q - 15) / (384 * n * n * n) +
         ((((79 * q + 776) * q + 1482) * q - 1920) * q - 945) / (92160 * n * n * n * n);
}

/// The non-decreasing sequence with the least weighted square distance from `values`: neighbours out of order are
/// replaced by their mean.
std::vector<double> non_decreasing(const std::vector<double>& values, const std::vector<double>& weights) {
  struct Block {
    double mean, weight;
    std::size_t size;
  };
  std::vector<Block> blocks;
  for (std::size_t i = 0; i < values.size(); ++i) {
    blocks.push_back({values[i], weights[i], 1});
    while (blocks.size() > 1 && blocks[blocks.size() - 2].mean > blocks.back().mean) {
      const auto last = blocks.back();
      blocks.pop_back();
      auto& before = blocks.back();
      const double weight = before.weight + last.weight;
      before = {(before.mean * before.weight + last.mean * last.weight) / weight, weight, before.size + last.size};
    }
  }
  std::vector<double> fit;
  for (const auto& block : blocks) fit.insert(fit.end(), block.size, block.mean);
  return fit;
}

/// Weight of what so many independent errors show, against an assumption.
double share_seen(double count) { return count / (count + kPrior); }

/// Origins after which all truths of one are known.
std::int64_t origins_apart(const Residuals& r) {
  return static_cast<std::int64_t>(std::ceil(static_cast<double>(r.horizon) / r.spacing));
}

/// Of every step of one channel.
std::vector<double> mean_errors(const Residuals& r, std::int64_t channel, std::int64_t first, std::int64_t last) {
  std::vector<double> errors(r.horizon, 0.0);
  for (auto origin = first; origin < last; ++origin)
    for (std::int64_t step = 0; step < r.horizon; ++step)
      errors[step] += std::abs(r.at(origin, step, channel)) / static_cast<double>(last - first);
  return errors;
}

/// A running mean, and how many errors it is of.
struct RecentErrors {
  double keep, sum = 0, weight = 0;
  void add(double error) { sum = keep * sum + error, weight = keep * weight + 1; }
  double root() const { return weight > 0 ? std::sqrt(sum / weight) : 1; }
};

/// How large the errors of one channel were lately, by what each origin could know, against the mean over
/// origins [first, last). As many values more than origins as follow the last one before its truths are known. Of every
/// row the newest forecast counts, up to the last origin whose truths are all known: that is also what is known at the
/// end.
std::vector<double> recent_sizes(const Residuals& r, std::int64_t channel, std::int64_t first, std::int64_t last) {
  const auto usual = mean_errors(r, channel, first, last);
  const auto row_of = [&](std::int64_t origin) { return std::llround(static_cast<double>(origin) * r.spacing); };
  const auto add = [&](RecentErrors& errors, std::int64_t origin, std::int64_t steps) {
    for (std::int64_t step = 0; step < steps; ++step)
      errors.add(usual[step] > 0 ? std::abs(r.at(origin, step, channel)) / usual[step] : 1);
  };
  RecentErrors before{std::exp2(-1 / std::max(kHalfLife, static_cast<double>(r.horizon)))};
  std::vector<double> sizes(origins_apart(r), 1.0);  // nothing is known yet
  std::vector<RecentErrors> known;                   // when the truths of an origin are
  double mean = 0;                                   // of the roots
  for (std::int64_t origin = 0; origin < r.origins; ++origin) {
    known.push_back(before);
    add(known.back(), origin, r.horizon);
    if (origin >= first && origin < last) mean += known.back().root() / static_cast<double>(last - first);
    add(before, origin, std::min<std::int64_t>(r.horizon, row_of(origin + 1) - row_of(origin)));
  }
  const auto seen = share_seen(independent_errors(last - first, r.spacing, r.horizon));
  for (const auto& errors : known) {
    const auto size = mean > 0 ? errors.root() / mean : 1;
    sizes.push_back(1 + seen * (size - 1) * errors.weight / (errors.weight + kUsual));
  }
  return sizes;
}

/// The errors as if all origins had been at a time of as large errors as the one that knows the truths of [first,
/// last).
Residuals at_one_size(const Residuals& r, std::int64_t first, std::int64_t last) {
  auto steady = r;
  for (std::int64_t channel = 0; channel < r.channels; ++channel) {
    const auto sizes = recent_sizes(r, channel, first, last);
    const auto now = sizes[last - 1 + origins_apart(r)];
    for (std::int64_t origin = 0; origin < r.origins; ++origin)
      for (std::int64_t step = 0; step < r.horizon; ++step)
        steady.values[(origin * r.horizon + step) * r.channels + channel] *= now / sizes[origin];
  }
  return steady;
}

/// The scale of every step of one channel, as the standard deviation of a normal law with that mean absolute error.
/// `counts`: independent errors of every step.
std::vector<double> step_scales(const Residuals& r, std::int64_t channel, std::int64_t first, std::int64_t last,
                                const std::vector<double>& counts) {
  auto errors = mean_errors(r, channel, first, last);
  const auto fit = non_decreasing(errors, counts);
  for (std::size_t step = 0; step < errors.size(); ++step)
    errors[step] = std::sqrt(M_PI / 2) * (counts[step] * errors[step] + kPrior * fit[step]) / (counts[step] + kPrior);
  return errors;
}

}  // namespace

Residuals Residuals::of_channel(std::int64_t channel) const {
  Residuals one{origins, horizon, 1, {}, spacing};
  for (auto i = channel; i < std::ssize(values); i += channels) one.values.push_back(values[i]);
  return one;
}

double independent_errors(std::int64_t origins, double spacing, std::int64_t step) {
  const auto count = static_cast<double>(origins), ahead = static_cast<double>(step);
  double correlated = 1;  // sum of the correlations of a square with all others
  for (double k = 1; k * spacing < ahead && k < count; ++k)
    correlated += 2 * std::pow(1 - k * spacing / ahead, 2) * (1 - k / count);
  return count / correlated;
}

Intervals calibrate(const Residuals& residuals, double level, std::int64_t first, std::int64_t last) {
  const auto r = at_one_size(residuals, first, last);
  const double tail = (1 - level) / 2, normal = normal_quantile(tail);
  std::vector<double> counts;  // independent errors of every step
  for (std::int64_t step = 1; step <= r.horizon; ++step)
    counts.push_back(independent_errors(last - first, r.spacing, step));
  const double seen = share_seen(counts.back());
  Intervals result{level, std::vector<double>(r.horizon * r.channels), std::vector<double>(r.horizon * r.channels)};
  for (std::int64_t channel = 0; channel < r.channels; ++channel) {
    const auto scales = step_scales(r, channel, first, last, counts);
    std::vector<double> units;
    for (auto origin = first; origin < last; ++origin)
      for (std::int64_t step = 0; step < r.horizon; ++step)
        units.push_back(scales[step] > 0 ? r.at(origin, step, channel) / scales[step] : 0);
    std::sort(units.begin(), units.end());
    const auto n = std::ssize(units);
    const auto ranked = [&](double rank) { return units[std::clamp<std::int64_t>(rank, 1, n) - 1]; };
    const double low = seen * ranked(std::floor((n + 1) * tail)) - (1 - seen) * normal;
    const double high = seen * ranked(std::ceil((n + 1) * (1 - tail))) + (1 - seen) * normal;
    for (std::int64_t step = 0; step < r.horizon; ++step) {
      const double width = scales[step] * student_factor(normal, counts[step]);
      result.low[step * r.channels + channel] = std::min(0.0, width * low);    // a biased forecast may have all errors
      result.high[step * r.channels + channel] = std::max(0.0, width * high);  // on one side
    }
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

double later_coverage(const Residuals& r, double level) {
  const auto half = r.origins / 2;
  const auto known = half - origins_apart(r) + 1;  // origin i was known at origin i + apart
  if (half < 1 || known < 1) return std::numeric_limits<double>::quiet_NaN();
  return coverage(at_one_size(r, 0, known), calibrate(r, level, 0, known), half, r.origins);
}

std::vector<double> origin_errors(const Residuals& r, std::int64_t channel) {
  std::vector<double> errors(r.origins, 0.0);
  for (std::int64_t origin = 0; origin < r.origins; ++origin)
    for (std::int64_t step = 0; step < r.horizon; ++step)
      errors[origin] += std::abs(r.at(origin, step, channel)) / static_cast<double>(r.horizon);
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
