#pragma once

#include <string>
#include <utility>
#include <vector>

#include "longwave/report/html.h"
#include "longwave/report/table.h"
#include "longwave/train/comparison.h"

namespace longwave {

/// For each data set and horizon with its heading: every trial with its outcome, and the expected best of k trials.
/// Nothing without [search].
std::vector<std::pair<std::string, Table>> search_tables(const Comparison& comparison);

/// The same as a part of a page, the expected best as curves too.
void add_searches(Page& page, const Comparison& comparison);

}  // namespace longwave
