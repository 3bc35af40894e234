#pragma once

#include "longwave/tasks/task.h"

namespace longwave {

/// What a sequence model costs, measured on the first sample of its data: {"flops": forward pass with loss, "steps": of
/// the sample, "not_counted": operators without a formula, "state_bytes": per sequence after so many steps, absent if
/// the mixer does not stream}.
Json sequence_cost(Module& model, const Task& task);

/// FLOPs of training on `tokens` steps: forward, and twice as much for backward.
double training_flops(const Json& cost, double tokens);

}  // namespace longwave
