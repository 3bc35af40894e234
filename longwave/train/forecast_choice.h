#pragma once

#include <map>
#include <string>
#include <vector>

#include "longwave/tasks/intervals.h"
#include "longwave/train/auto_forecast.h"

namespace longwave {

/// For each series the candidate of the least mean absolute error there, of equals the first; a trained one only if it
/// beats the best naive one of that series by more than one standard error (see clearly_lower). `candidates`: those
/// tried, at least one of them naive; `errors`: of each at the same origins; `std`: the unit of each series;
/// `horizons`: length of the backtest.
std::vector<SeriesChoice> choose_by_series(const std::vector<std::string>& candidates,
                                           const std::map<std::string, Residuals>& errors,
                                           const std::vector<double>& std, double horizons);

}  // namespace longwave
