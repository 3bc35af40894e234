#pragma once

#include <string>
#include <vector>

#include "longwave/report/table.h"
#include "longwave/train/comparison_report.h"

namespace longwave {

/// An overview of the data sets that are scored alike, then for each set its scores and its costs; with headings.
std::vector<std::pair<std::string, Table>> sequence_tables(const Comparison& comparison, const CellRecords& records);

/// The self-contained page of a comparison of sequence models: tables, score against cost, score against length,
/// learning curves.
std::string sequence_page(const Comparison& comparison, const CellRecords& records, const std::string& command);

}  // namespace longwave
