#pragma once

#include "longwave/tasks/task.h"

namespace longwave {

/// What a sequence model costs. Counted:
///   flops        forward pass with loss of the training sample of median length among some
///   steps        of that sample
///   not_counted  operators without a formula
/// Measured here and now unless `measure` is false, each the median over a tenth of a second, or one pass if that takes
/// longer:
///   tokens_per_second        of the forward pass over that sample
///   batch_tokens_per_second  the same over `batch` such samples, those of a training batch
///   state_bytes              of a sequence after `state_steps` steps, as many as the longest of the set has
///   step_seconds             latency of one streaming step of one sequence, the last of these
/// state_* and step_seconds are absent if the mixer does not stream.
Json sequence_cost(Module& model, const Task& task, std::int64_t batch_size, bool measure = true);

/// FLOPs of training on `tokens` steps: forward, and twice as much for backward.
double training_flops(const Json& cost, double tokens);

}  // namespace longwave
