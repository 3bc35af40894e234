#pragma once

#include "longwave/train/experiment.h"

namespace longwave {

/// With train.flops: the recipe with as many train.steps as come nearest to it, at least one, by what a training batch
/// of samples of mean length costs this model forward and backward. Other recipes as they are. Opens the data and
/// builds the model; UserError where that fails, or where nothing is trained.
Recipe with_affordable_steps(const Recipe& recipe, const RunOptions& options);

}  // namespace longwave
