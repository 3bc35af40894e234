#pragma once

#include <string>
#include <vector>

#include "longwave/report/table.h"
#include "longwave/train/comparison_report.h"

namespace longwave {

/// One table a data set: scores with intervals and costs of every contender; below, scores without learning and
/// published ones, each with its source, never ranked.
std::vector<std::pair<std::string, Table>> sequence_tables(const Comparison& comparison, const CellRecords& records);

/// The self-contained page of a comparison of sequence models: tables, score against cost, score against length,
/// learning curves.
std::string sequence_page(const Comparison& comparison, const CellRecords& records, const std::string& command);

}  // namespace longwave
