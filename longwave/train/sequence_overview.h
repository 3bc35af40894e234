#pragma once

#include <string>
#include <utility>
#include <vector>

#include "longwave/report/table.h"
#include "longwave/train/comparison_report.h"

namespace longwave {

/// For every metric that several data sets are scored by: models against data sets, with their averages. Shares have
/// two: over all tasks, where a run without a score counts as the first score without learning (chance, majority class)
/// and is marked, and over the tasks whose runs all finished. Headings and tables.
std::vector<std::pair<std::string, Table>> overview_tables(const Comparison& comparison, const CellRecords& records);

}  // namespace longwave
