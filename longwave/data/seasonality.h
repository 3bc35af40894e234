#pragma once

#include <cstdint>
#include <vector>

namespace longwave {

/// The period of a series, found in its own autocorrelation: the lag of the highest peak of the autocorrelation of the
/// detrended recent values (at most 4096) among lags 2 .. count / 3 (at most 1024). A peak counts if it clears the
/// 99.9 % band of white noise and lies behind a valley of that depth; the first peak nearly as high as the highest wins
/// over its multiples. 0 if there is none.
std::int64_t detect_period(const double* values, std::int64_t count);

/// One period for several series [rows, channels]: the one most of the channels agree on; 0 if most have none.
std::int64_t detect_period(const std::vector<double>& values, std::int64_t rows, std::int64_t channels);

}  // namespace longwave
