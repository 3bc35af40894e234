#pragma once

#include <memory>

#include "longwave/tasks/sequence_model.h"
#include "longwave/tasks/sequence_task.h"

namespace longwave {

/// Self-pretraining on the inputs of a task's own training split (Amos, Berant and Gupta 2024, arXiv 2310.02980).
struct PretrainOptions {
  std::string objective = "masked";  // masked: restore hidden steps; causal: predict the next step
  double mask_ratio = -1;            // share of hidden steps; < 0: as published for the set, else 0.15 of tokens,
                                     // 0.5 of numbers
  std::int64_t mask_span = 1;        // steps that are hidden together
  std::string loss = "auto";         // of numbers: l1 or levels; auto: as published for the set, else l1; of tokens
                                     // always cross-entropy
  bool bucket = true;
};

/// Masked: the real steps of a training sample, cut into spans of mask_span steps at a random place (the first and the
/// last may be shorter), are hidden span by span with probability mask_ratio, anew each time; those of the other splits
/// always alike. Hidden tokens become the set's mask token (or one more than its vocabulary), hidden
/// numbers Masking::hidden; one more input channel is 1 there. Only hidden steps are scored, never padding. Loss of
/// numbers: mean absolute error, or cross-entropy over 256 levels of the range seen in the training split. Pairs are
/// taken apart.
/// Scores: "accuracy" and "loss", or "r2" and "l1".
std::shared_ptr<const Task> make_pretrain_task(std::shared_ptr<const SequenceData> data,
                                               const PretrainOptions& options);

/// What the model to pre-train is built for. UserError for sets that are one stream of tokens.
SequenceSizes pretrain_sizes(const SequenceFacts& facts, const PretrainOptions& options);

/// Weights for the task's model from those of the pre-trained one: the backbone, and of the encoder what both have (the
/// mask token and the mask channel fall away). What is left, the head, keeps the values of `fresh`.
TensorMap transferred(const TensorMap& pretrained, TensorMap fresh);

}  // namespace longwave
