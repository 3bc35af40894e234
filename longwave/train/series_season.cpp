#include "longwave/train/series_season.h"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <set>

#include "longwave/models/seasonality.h"

namespace longwave {
namespace {

constexpr std::int64_t kSeasonRows = 4096;  // searched for a season

/// Mean of |x_t - x_{t - period}| over the newest rows, in standard deviations of each series: what repeating a season
/// is wrong by.
double season_error(const UserSeries& s, std::int64_t from, std::int64_t period) {
  const auto c = std::ssize(s.names);
  double sum = 0;
  for (std::int64_t j = 0; j < c; ++j) {
    double mean = 0, square = 0, error = 0;
    const auto rows = static_cast<double>(s.rows - from);
    for (auto t = from; t < s.rows; ++t) mean += s.values[t * c + j] / rows;
    for (auto t = from; t < s.rows; ++t) square += std::pow(s.values[t * c + j] - mean, 2) / rows;
    for (auto t = from + period; t < s.rows; ++t)
      error += std::abs(s.values[t * c + j] - s.values[(t - period) * c + j]);
    if (square > 0) sum += error / (rows - static_cast<double>(period)) / std::sqrt(square);
  }
  return sum;
}

}  // namespace

std::int64_t find_season(const UserSeries& s, std::int64_t others) {
  const auto c = std::ssize(s.names), rows = std::min(s.rows, kSeasonRows);
  auto* newest = const_cast<double*>(s.values.data()) + (s.rows - rows) * c;  // from_blob takes no const
  const auto periods = detect_period(at::from_blob(newest, {1, rows, c}, at::kDouble)).flatten();
  std::set<std::int64_t> found;
  for (std::int64_t j = 0; j < c; ++j) found.insert(periods[j].item<std::int64_t>());
  if (s.season < rows) found.insert(s.season);
  std::int64_t season = 0;
  double least = std::numeric_limits<double>::infinity();
  for (const auto period : found) {
    if (period <= 1 || period + others > s.rows) continue;
    constexpr double kClock = 0.95;  // the clock's own season need not be better
    const double error = season_error(s, s.rows - rows, period) * (period == s.season ? kClock : 1);
    if (error < least) least = error, season = period;
  }
  return season;
}

}  // namespace longwave
