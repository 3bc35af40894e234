#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "longwave/base/random.h"
#include "longwave/data/forecast_data.h"
#include "longwave/nn/module.h"

namespace longwave {

/// Scores by name ("mse", "mae"); the lower the better.
using Scores = std::map<std::string, double>;

/// Some samples of a split, as tensors whose first axis is the sample. The tensors are views of memory that the next
/// gather into the same batch overwrites.
struct Batch {
  TensorMap tensors;
  std::int64_t size = 0;

  /// The tensor `name` of shape [size, rest...], on memory that is kept from batch to batch.
  float* prepare(const std::string& name, std::vector<std::int64_t> rest);

 private:
  TensorMap storage_;
};

struct Loss {
  at::Tensor total;                                       // scalar
  std::vector<std::pair<std::string, at::Tensor>> parts;  // the scalars it is the sum of, the main one first
};

struct EvaluateOptions {
  std::int64_t batch = 64;
  bool drop_last = false;  // leave out the last partial batch: only to compare with old tables
};

/// What a model is trained on: samples, loss and scores. The trainer knows nothing else of it.
class Task {
 public:
  virtual ~Task() = default;

  /// Number of samples of a split; 0 if the task has no such split.
  virtual std::int64_t samples(Split split) const = 0;

  /// Fills `batch` with the samples of these indices. Called from a thread of its own: must not change the task.
  virtual void gather(Split split, const std::vector<std::int64_t>& indices, Batch& batch) const = 0;

  /// Random changes to a training batch (channel dropping); none by default.
  virtual void augment(Batch&, RandomStream&) const {}

  /// The training loss; gradients flow to the parameters of `model`.
  virtual Loss loss(Module& model, const Batch& batch) const = 0;

  /// Scores of the model in evaluation mode over a whole split.
  virtual Scores evaluate(Module& model, Split split, const EvaluateOptions& options) const = 0;

  /// The score that selects the best weights.
  virtual std::string selection_score() const = 0;
};

}  // namespace longwave
