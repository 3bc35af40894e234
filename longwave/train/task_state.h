#pragma once

#include <string>
#include <vector>

#include "longwave/train/comparison_groups.h"

namespace longwave {

/// Which runs solved their task, after how many optimiser steps, and which did not within their budget. `limit`: score
/// of the scored split from which on a task is solved. Runs that diverged or failed are told of by remarks_of.
std::vector<std::string> solved_remarks(const Group& group, double limit);

}  // namespace longwave
