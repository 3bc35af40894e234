#pragma once

#include <cstdint>

#include "longwave/train/auto_forecast.h"

namespace longwave {

/// Of the periods that the series show in their newest rows and the one that the clock suggests, the period whose
/// repetition is wrong by least; 0 if there is none, or none that leaves `others` rows beside a season.
std::int64_t find_season(const UserSeries& series, std::int64_t others);

}  // namespace longwave
