#pragma once

#include <cstdint>
#include <vector>

namespace longwave {

/// Errors of a rolling backtest, truth - forecast, [origins, horizon, channels] row-major, oldest origin first.
struct Residuals {
  std::int64_t origins = 0, horizon = 0, channels = 0;
  std::vector<double> values;
  double spacing = 1;  // rows from one origin to the next

  double at(std::int64_t origin, std::int64_t step, std::int64_t channel) const {
    return values[(origin * horizon + step) * channels + channel];
  }
  /// Those of one series, [origins, horizon, 1].
  Residuals of_channel(std::int64_t channel) const;
};

/// How many independent errors at `step` (1, 2, ...) so many origins amount to. Errors of origins closer than the step
/// share shocks: taken as sums of them, those of a random walk, whose squares are correlated by the square of the
/// share in common.
double independent_errors(std::int64_t origins, double spacing, std::int64_t step);

/// What to add to a forecast to get its interval, [horizon, channels] row-major.
struct Intervals {
  double level = 0;  // 0.8: 80 % of truths are expected inside
  std::vector<double> low, high;
};

/// Intervals from origins [first, last), at the first origin that knows their truths, for each channel on its own, the
/// product of four parts.
/// How large errors were lately, against what they were before each of the origins: a running mean of the errors in
/// units of their step's mean, with a half-life of 20 or of the horizon; its root, for half of what was lately is
/// chance, drawn towards the mean of these roots as if that were worth 5 errors and 20 independent origins.
/// The scale of a step: its mean absolute error, drawn towards a fit that does not decrease with the step as if that
/// were worth 20 independent errors.
/// The two quantiles, of all errors in units of their step's scale (with the finite-sample ranks of conformal
/// prediction, Vovk et al. 2005), drawn towards those of a normal law as if that were worth 20 independent origins.
/// A factor for a scale known from few errors: Student's quantile over the normal one, with as many degrees of freedom
/// as there are independent errors, at the least 3.
/// 0, the forecast itself, is always inside. Needs at least one origin.
Intervals calibrate(const Residuals& residuals, double level, std::int64_t first, std::int64_t last);

/// Share of the truths of origins [first, last) that lie inside.
double coverage(const Residuals& residuals, const Intervals& intervals, std::int64_t first, std::int64_t last);

/// Coverage out of sample: of the newer half of the origins, by intervals from those older ones whose truths were all
/// known at the first of them, which go on only by how large errors were lately. NaN if there is none.
double later_coverage(const Residuals& residuals, double level);

/// Mean absolute error of every origin on one channel: [origins].
std::vector<double> origin_errors(const Residuals& residuals, std::int64_t channel);

/// Is `a` lower than `b`, the errors of the same origins, by more than one standard error of the difference? Origins
/// closer than a horizon see the same rows, so only `horizons` of them count: the backtest's length in horizons. Never
/// with fewer than three.
bool clearly_lower(const std::vector<double>& a, const std::vector<double>& b, double horizons);

}  // namespace longwave
