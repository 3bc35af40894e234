#pragma once

#include <filesystem>
#include <string>

#include "longwave/base/fields.h"
#include "longwave/nn/module.h"

namespace longwave {

/// All that a run needs to go on as if it had never stopped.
struct Checkpoint {
  Json recipe;               // resolved
  Json state;                // position, streams, schedule, scores (the trainer's own account)
  TensorMap model;           // weights now
  TensorMap optimizer;       // by parameter name
  TensorMap best;            // weights of the best validation epoch; empty before the first
  TensorMap average = {};    // of the weights; empty without train.average
  std::string content = {};  // hash of the data; empty: not known
};

/// Writes atomically: the file is the old one or the new one, never half of one.
void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);

/// UserError in one line if the file is missing, damaged or no checkpoint.
Checkpoint read_checkpoint(const std::filesystem::path& path);

/// Weights alone, under the model's own names, with what is needed to build the model.
struct Weights {
  TensorMap tensors;
  Json recipe, sizes;
  std::string content = {};  // hash of the data they were trained on; empty: not known
};
void write_weights(const std::filesystem::path& path, const Weights& weights);

/// UserError in one line if the file is missing, damaged or not written by write_weights.
Weights read_weights(const std::filesystem::path& path);

/// Copies that later training does not change.
TensorMap copy_of(const TensorMap& tensors);

}  // namespace longwave
