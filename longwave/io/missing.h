#pragma once

#include <string>

#include "longwave/io/csv.h"

namespace longwave {

/// Fills the NaN cells of a table in place. "interpolate": on the straight line between the known neighbours in time;
/// "forward": with the last known value. Cells before the first or after the last known value get that value.
/// UserError for a column without any value. `missing` keeps the list of what was filled.
void fill_missing(CsvTable& table, const std::string& policy);

}  // namespace longwave
