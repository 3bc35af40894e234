#pragma once

#include <string>
#include <vector>

#include "longwave/report/table.h"
#include "longwave/train/comparison_groups.h"

namespace longwave {

/// Scores of every contender on one data set, with remarks; with several seeds their standard deviation, and the
/// difference to the best over common seeds. Below, in brackets, scores without learning and published ones, each with
/// its source, never ranked.
Table score_table_of(const Comparison& comparison, const std::vector<Group>& groups, const std::string& data);

/// What the runs of one data set cost; contenders without a finished run are left out.
Table cost_table_of(const std::vector<Group>& groups);

/// The first finished run, null if there is none.
const CellResult* first_result(const std::vector<Group>& groups);

/// A number of CellResult::about by path, NaN if it is not there.
double about_number(const CellResult& result, const std::string& section, const std::string& key);

}  // namespace longwave
