#pragma once

#include "longwave/tasks/task.h"

namespace longwave {

/// What a sequence model costs; model and random streams stay as they were. Counted:
///   flops        forward and backward of a training batch, in training mode
///   batch        its rows: so often the training sample of median length among some
///   steps        of them together
///   mean_steps   of a training sample, over those looked at
///   not_counted  operators without a formula
/// Measured here and now unless `measure` is false, each the median over a tenth of a second, or one pass if that takes
/// longer:
///   tokens_per_second        of the forward pass over that sample, in evaluation mode
///   batch_tokens_per_second  the same over the batch
///   state_bytes              of a sequence after `state_steps` steps, as many as the longest of the set has
///   step_seconds             latency of one streaming step of one sequence, the last of these
/// state_* and step_seconds are absent if the mixer does not stream.
Json sequence_cost(Module& model, const Task& task, std::int64_t batch_size, bool measure = true);

/// FLOPs of training on `tokens` steps, by those of a batch.
double training_flops(const Json& cost, double tokens);

}  // namespace longwave
