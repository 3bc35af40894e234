#pragma once

#include <cstdint>
#include <vector>

namespace longwave {

/// Errors of a rolling backtest, truth - forecast, [origins, horizon, channels] row-major, oldest origin first.
struct Residuals {
  std::int64_t origins = 0, horizon = 0, channels = 0;
  std::vector<double> values;

  double at(std::int64_t origin, std::int64_t step, std::int64_t channel) const {
    return values[(origin * horizon + step) * channels + channel];
  }
};

/// What to add to a forecast to get its interval, [horizon, channels] row-major.
struct Intervals {
  double level = 0;  // 0.8: 80 % of truths are expected inside
  std::vector<double> low, high;
};

/// Split-conformal intervals (Vovk et al. 2005; finite-sample ranks) from origins [first, last): for each channel and
/// step the (1 - level) / 2 quantiles on both sides of the residuals at that step, pooled with neighbouring steps where
/// the origins alone are too few; where even these have no such rank, the outermost one is stretched as of a normal
/// law. 0, the forecast itself, is always inside. Needs at least one origin.
Intervals calibrate(const Residuals& residuals, double level, std::int64_t first, std::int64_t last);

/// Share of the truths of origins [first, last) that lie inside.
double coverage(const Residuals& residuals, const Intervals& intervals, std::int64_t first, std::int64_t last);

/// Mean absolute error of every origin in units of `std` [channels]: [origins].
std::vector<double> origin_errors(const Residuals& residuals, const std::vector<double>& std);

/// Is `a` lower than `b`, the errors of the same origins, by more than one standard error of the difference? Origins
/// closer than a horizon see the same rows, so only `horizons` of them count: the backtest's length in horizons. Never
/// with fewer than three.
bool clearly_lower(const std::vector<double>& a, const std::vector<double>& b, double horizons);

}  // namespace longwave
