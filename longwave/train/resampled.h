#pragma once

#include "longwave/train/experiment.h"

namespace longwave {

/// UserError if the data of [resampled] cannot be opened, or are of another kind than those that a model of `sizes` is
/// trained on. Reads them.
void check_resampled(const Recipe& recipe, const RunOptions& options, const Json& sizes);

/// Scores of the test split at the sampling rate of [resampled], "accuracy@resampled" with its interval, by the weights
/// of `trained`, a model of `sizes`, which stays as it is. None where time steps should be scaled and the model has
/// none. Data in memory (RunOptions) are not used.
Scores resampled_scores(const Recipe& recipe, const RunOptions& options, const Module& trained, const Json& sizes);

}  // namespace longwave
