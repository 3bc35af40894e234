#pragma once

#include <functional>
#include <string>
#include <vector>

#include "longwave/tasks/intervals.h"
#include "longwave/train/experiment.h"

namespace longwave {

/// Several series of one clock, complete (no missing value), oldest row first.
struct UserSeries {
  std::vector<std::string> names;  // [channels]
  std::vector<double> values;      // [rows, channels] row-major, in the user's units
  std::vector<float> marks;        // [rows + horizon, time_features] calendar features, known ahead
  std::int64_t rows = 0, time_features = 0;
  std::int64_t season = 0;  // steps of the season that the clock suggests (24 for hours); 0: none
};

struct AutoForecastOptions {
  std::int64_t horizon = 0;
  std::int64_t lookback = 0;            // 0: chosen from horizon, season and number of rows
  std::vector<std::string> candidates;  // registered models; empty: naive ones, linear ones and SAMoVAR
  double budget_seconds = 60;           // of everything; candidates that do not fit in are left out and named
  std::int64_t seed = 2024;
  std::function<void(const std::string&)> say;  // progress, one line a call; may be empty
};

/// One candidate on the rolling backtest.
struct CandidateScore {
  std::string model;         // registered name
  double mae = 0, rmse = 0;  // of standardised values, over all origins, steps and series
  std::int64_t epochs = 0;   // epoch of the best validation score; 0: nothing to train
  double seconds = 0;
  bool naive = false;
  std::string left_out;  // why it was not tried, or ""
};

/// What forecasts one series.
struct SeriesChoice {
  std::string model;              // registered name; "naive-last" for a constant series
  bool beats_naive = false;       // a trained model, better than the best naive one by more than chance
  std::string naive;              // the best naive one on this series; "" for a constant series
  double mae = 0, naive_mae = 0;  // backtest errors of both, in the series' standard deviation

  bool constant() const { return naive.empty(); }
};

struct AutoForecast {
  std::int64_t lookback = 0, season = 0;
  std::int64_t origins = 0, backtest_rows = 0, train_rows = 0;
  std::vector<CandidateScore> candidates;  // best first, left out last; empty if every series is constant
  std::vector<SeriesChoice> series;        // [channels]
  std::vector<double> forecast;            // [horizon, channels] in the user's units
  Intervals interval80, interval95;        // offsets in the user's units
  double coverage80 = 0, coverage95 = 0;   // see later_coverage, mean over the series that have one; NaN: none has
  double seconds = 0;
};

/// Trains the candidates on the older rows, scores them on rolling origins in the newest fifth, chooses one for each
/// series (see choose_by_series), refits every winner on all rows and forecasts the next `horizon` steps. A constant
/// series is forecast as itself. UserError if there are too few rows (says the longest lookback + horizon that fits).
AutoForecast auto_forecast(const UserSeries& series, const AutoForecastOptions& options);

}  // namespace longwave
