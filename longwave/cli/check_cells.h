#pragma once

#include <string>
#include <vector>

#include "longwave/train/comparison.h"
#include "longwave/train/comparison_contents.h"

namespace longwave {

/// What is run first, or at all: trials where settings are searched, else cells.
std::vector<ComparisonCell> first_cells(const Comparison& comparison);

/// UserError before anything runs for what would make cells fail: a set that is missing or too short or cannot be
/// generated so, a stack that cannot be built for it, a setting that no set of the comparison takes. Points of a search
/// that cannot be built are failed trials, unless none can. Returns what the files of the sets, looked for in `folder`
/// ("": see data_roots), hold; prints cautions.
Contents check_cells(const Comparison& comparison, const std::string& folder);

/// Without running anything the data may be away: the store says on what its cells were measured. Only where that is
/// several things do the files, which must be there then, say which of them to show.
Contents contents_to_show(const Comparison& comparison, const std::vector<CellRecord>& stored,
                          const std::string& folder);

}  // namespace longwave
