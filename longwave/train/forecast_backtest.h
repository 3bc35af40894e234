#pragma once

#include "longwave/tasks/intervals.h"
#include "longwave/train/forecast_plan.h"

namespace longwave {

/// A candidate trained on the older rows, and its errors in the user's units.
struct Tried {
  CandidateScore score;
  Residuals residuals;
};

bool is_naive(const std::string& model);

/// The models to try, the naive ones always among them: without them no score means anything.
std::vector<std::string> candidates_for(const AutoForecastOptions& options, std::int64_t season, std::size_t series);

/// Trains a candidate within so many seconds and scores it on origins spread over the test windows of `data`.
/// UserError if the model does not fit the data.
Tried try_candidate(const UserSeries& series, const ForecastPlan& plan, std::shared_ptr<const ForecastData> data,
                    const std::string& model, const AutoForecastOptions& options, double seconds);

/// Trains a candidate on all rows for as many epochs as the backtest found best; what follows the last row in the
/// user's units, [horizon, series].
std::vector<double> refit(const ForecastPlan& plan, std::shared_ptr<const ForecastData> data,
                          const CandidateScore& candidate, const AutoForecastOptions& options, double seconds);

}  // namespace longwave
