#pragma once

#include <vector>

#include "longwave/data/instant.h"

namespace longwave {

/// Whether the dates from `absent` up to the row `after`, of which there is no row behind `before`, are likely the hour
/// that daylight saving time skips in spring: a whole one, early on a Sunday on which clocks change somewhere.
bool looks_skipped(Instant before, Instant absent, Instant after);

/// Whether with this row, not later than the one before it, likely the hour begins anew that daylight saving time
/// repeats in autumn: the first row of an hour once more, early on such a Sunday, of rows at most an hour apart.
bool looks_repeated(const std::vector<Instant>& instants, std::size_t row);

}  // namespace longwave
