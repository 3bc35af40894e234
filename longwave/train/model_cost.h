#pragma once

#include "longwave/tasks/task.h"

namespace longwave {

/// What a sequence model costs: {"flops": forward pass with loss of the training sample of median length among some,
/// "steps": of that sample, "not_counted": operators without a formula, "state_bytes": of a sequence after as many
/// steps as the longest of the set has, "state_steps"; the last two are absent if the mixer does not stream}.
Json sequence_cost(Module& model, const Task& task);

/// FLOPs of training on `tokens` steps: forward, and twice as much for backward.
double training_flops(const Json& cost, double tokens);

}  // namespace longwave
