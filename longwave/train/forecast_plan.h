#pragma once

#include <memory>

#include "longwave/data/forecast_data.h"
#include "longwave/train/auto_forecast.h"

namespace longwave {

/// Of one series in the user's units; the deviation is 0 where what varies is rounding.
struct Moments {
  double mean, deviation;
};
Moments moments_of(const UserSeries& series, std::int64_t channel, std::int64_t from, std::int64_t to);  // rows

/// Where the rows go. Backtest: training on [train_from, val_from), early stopping on [val_from, test_from), origins
/// from test_from on. The errors of a naive forecast, which needs no rows of its own, are taken from reach_from on:
/// more horizons than the backtest may have.
struct ForecastPlan {
  std::int64_t lookback, season, train_from, val_from, test_from, reach_from;
};

/// UserError if there are too few rows (says the longest horizon that fits).
ForecastPlan make_plan(const UserSeries& series, const AutoForecastOptions& options);

/// Standardised by the rows trained on, whose test windows start at test_from: the backtest's.
std::shared_ptr<const ForecastData> backtest_data(const UserSeries& series, const ForecastPlan& plan,
                                                  std::int64_t horizon, std::int64_t test_from);

/// All rows to train on; the one test window is the future.
std::shared_ptr<const ForecastData> refit_data(const UserSeries& series, const ForecastPlan& plan,
                                               std::int64_t horizon);

}  // namespace longwave
