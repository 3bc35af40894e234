#pragma once

#include <filesystem>
#include <string>

#include "longwave/cli/user_series.h"

namespace longwave {

/// The future values as CSV: the date column, then for each series the value and the ends of its 80 % and 95 %
/// intervals (name, name_lo80, name_hi80, name_lo95, name_hi95).
std::string forecast_csv(const UserFile& file, const AutoForecast& result);

/// UserError if two columns of that CSV would have one name.
void check_forecast_names(const UserFile& file);

/// Everything as JSON: what was done, the candidates' scores, coverage, and the values.
Json forecast_json(const UserFile& file, const AutoForecast& result);

/// The end of each series with its forecast and intervals, one picture under the other (the first eight series).
std::string forecast_svg(const UserFile& file, const AutoForecast& result);

/// One screen of plain text.
std::string forecast_summary(const UserFile& file, const AutoForecast& result, const std::string& name);

}  // namespace longwave
