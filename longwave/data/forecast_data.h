#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace longwave {

enum class Split { train, val, test };

/// One part of a series, scaled, with calendar features; windows slide over it with stride 1.
/// Window i: x = rows [i, i + lookback), targets = rows [i + lookback, i + lookback + horizon).
struct SeriesPart {
  std::vector<float> values;  // [rows, channels] row-major, standardised
  std::vector<float> marks;   // [rows, time_features] row-major
  std::int64_t rows = 0;
  std::int64_t first_row = 0;  // of the file
};

struct ForecastDataOptions {
  std::string data;            // "ETTh1", "weather", ... or a path to a CSV file
  std::string features = "M";  // M: all in, all out; S: the target alone; MS: all in, the target out
  std::string target = "OT";
  std::string freq = "h";  // of the calendar features: "h" (4 wide) or "t" (5 wide, with minutes)
  std::int64_t lookback = 0, horizon = 0;
};

/// A forecasting data set under the protocol of the long-term forecasting literature: split borders by data set,
/// standardisation by the training rows only, all windows.
struct ForecastData {
  std::string name;
  std::filesystem::path path;
  std::string sha256;                // of the file as it lies on disk
  std::vector<std::string> columns;  // channel names in model order: the target last
  std::int64_t targets = 0;          // the last `targets` columns are scored
  std::int64_t time_features = 0;
  std::vector<double> mean, std;  // per channel, of the training rows (population standard deviation, 0 -> 1)
  SeriesPart train, val, test;
  std::int64_t lookback = 0, horizon = 0;

  std::int64_t channels() const { return static_cast<std::int64_t>(columns.size()); }
  const SeriesPart& part(Split split) const { return split == Split::train ? train : split == Split::val ? val : test; }
  /// Number of windows of a split, at least 1 (too short a file is refused when loading).
  std::int64_t windows(Split split) const { return part(split).rows - lookback - horizon + 1; }
};

/// Finds, reads, splits and scales. `roots`: folders to look in, in order (see data_roots). UserError if the set is not
/// found (paths tried, how to get it) or too short (the longest lookback + horizon that fits).
ForecastData load_forecast_data(const ForecastDataOptions& options, const std::vector<std::filesystem::path>& roots);

/// Where data are looked for: `given` (--data) if not empty, else LONGWAVE_DATA, else ./data.
std::vector<std::filesystem::path> data_roots(const std::filesystem::path& given = {});

}  // namespace longwave
