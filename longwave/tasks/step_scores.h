#pragma once

#include <vector>

#include "longwave/models/classifier.h"
#include "longwave/tasks/task.h"

namespace longwave {

/// The classifier that `module` is; UserError if it is none.
Classifier& as_classifier(Module& module);

/// Mean cross-entropy of the steps that y of the batch scores; their logits alone are computed.
Loss mean_step_loss(Classifier& model, const Batch& batch);

/// Every scored step of a batch: its row and place there, the likeliest class, 1 if that is the target, and its
/// cross-entropy.
struct StepScores {
  std::vector<std::size_t> row, step;
  std::vector<std::int32_t> predicted;
  std::vector<double> right, loss;
};
StepScores score_steps(Classifier& model, const Batch& batch);

}  // namespace longwave
