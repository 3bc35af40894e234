#include "longwave/data/seasonality.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace longwave {
namespace {

constexpr std::int64_t kMaxRows = 4096;  // recent rows are enough, and the search is quadratic in them
constexpr std::int64_t kMaxLag = 1024;   // a week of 10-minute steps
constexpr double kNoiseBand = 3.3;       // 99.9 % of the normal distribution
constexpr double kNearlyAsHigh = 0.9;    // of the highest peak
constexpr double kWeakest = 0.2;         // a seasonality that explains less is no use to a forecaster

/// Values less their least-squares line.
std::vector<double> detrended(const double* values, std::int64_t n) {
  double sum = 0, weighted = 0;
  const double centre = (n - 1) / 2.0;
  for (std::int64_t t = 0; t < n; ++t) {
    sum += values[t];
    weighted += (t - centre) * values[t];
  }
  const double slope = weighted / (n * (static_cast<double>(n) * n - 1) / 12);
  std::vector<double> rest(n);
  for (std::int64_t t = 0; t < n; ++t) rest[t] = values[t] - sum / n - slope * (t - centre);
  return rest;
}

/// Autocorrelation at lags 0 .. lags, by the unbiased estimate (each divided by its own number of products).
std::vector<double> autocorrelation(const std::vector<double>& x, std::int64_t lags) {
  const auto n = static_cast<std::int64_t>(x.size());
  std::vector<double> r(lags + 1);
  for (std::int64_t lag = 0; lag <= lags; ++lag) {
    double sum = 0;
    for (std::int64_t t = lag; t < n; ++t) sum += x[t] * x[t - lag];
    r[lag] = sum / (n - lag);
  }
  for (std::int64_t lag = lags; lag >= 0; --lag) r[lag] = r[0] > 0 ? r[lag] / r[0] : 0;
  return r;
}

}  // namespace

std::int64_t detect_period(const double* values, std::int64_t count) {
  const auto n = std::min(count, kMaxRows);
  const auto lags = std::min(n / 3, kMaxLag);
  if (lags < 3) return 0;
  const auto r = autocorrelation(detrended(values + count - n, n), lags);
  const double threshold = std::max(kWeakest, kNoiseBand / std::sqrt(static_cast<double>(n)));
  std::vector<std::int64_t> peaks;
  double valley = r[1];  // a noisy slow curve has small peaks everywhere: a true one lies behind a valley
  for (std::int64_t lag = 2; lag < lags; ++lag) {
    valley = std::min(valley, r[lag]);
    if (r[lag] > threshold && r[lag] - valley > threshold && r[lag] >= r[lag - 1] && r[lag] > r[lag + 1])
      peaks.push_back(lag);
  }
  if (peaks.empty()) return 0;
  const auto highest = *std::max_element(peaks.begin(), peaks.end(), [&](auto a, auto b) { return r[a] < r[b]; });
  return *std::find_if(peaks.begin(), peaks.end(), [&](auto lag) { return r[lag] >= kNearlyAsHigh * r[highest]; });
}

std::int64_t detect_period(const std::vector<double>& values, std::int64_t rows, std::int64_t channels) {
  std::map<std::int64_t, std::int64_t> votes;
  std::vector<double> column(rows);
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t t = 0; t < rows; ++t) column[t] = values[t * channels + c];
    ++votes[detect_period(column.data(), rows)];
  }
  if (votes.empty()) return 0;
  return std::max_element(votes.begin(), votes.end(), [](auto& a, auto& b) { return a.second < b.second; })->first;
}

}  // namespace longwave
