#pragma once

#include <map>
#include <string>

#include "longwave/report/score_table.h"
#include "longwave/report/table.h"
#include "longwave/train/comparison.h"

namespace longwave {

/// What the store knows of a comparison's cells, by key. Cells that are missing have not been run.
using CellRecords = std::map<std::string, CellRecord>;

/// Rows data set x horizon, columns models; a row for the noise floor if there is one.
ScoreTable score_table(const Comparison& comparison, const CellRecords& records);

/// One row for each data set, horizon and model: parameters, FLOPs, seconds a step, memory, epochs, time; means over
/// seeds.
Table cost_table(const Comparison& comparison, const CellRecords& records);

/// The self-contained page: scores, costs, accuracy against cost, forecasts against truth, learning curves. `command`
/// is how to make it again.
std::string comparison_page(const Comparison& comparison, const CellRecords& records, const std::string& command);

}  // namespace longwave
