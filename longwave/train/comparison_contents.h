#pragma once

#include <map>
#include <string>
#include <vector>

#include "longwave/train/comparison.h"

namespace longwave {

/// Hashes of what the files of sequence sets hold (SequenceFacts::content_hash), by data set of the comparison; none of
/// generated sets.
using Contents = std::map<std::string, std::string>;

/// What cells of this plan in a store were measured on, by data set: every content once.
std::map<std::string, std::vector<std::string>> stored_contents(const Comparison& plan,
                                                                const std::vector<CellRecord>& stored);

/// Makes every cell of these data sets, trials too, one of this content: of other files it is another cell. Cells that
/// a store has from before contents were part of their key stay the same where their result names the content. Returns
/// how many finished cells of the plan are of other contents, by data set.
std::map<std::string, std::size_t> take_contents(Comparison& plan, const Contents& contents,
                                                 const std::vector<CellRecord>& stored);

}  // namespace longwave
