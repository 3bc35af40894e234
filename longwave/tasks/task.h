#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "longwave/base/fields.h"
#include "longwave/base/random.h"
#include "longwave/data/sequence_data.h"
#include "longwave/nn/module.h"

namespace longwave {

/// Scores by name ("mse", "accuracy"). A score of a part of the samples is named "accuracy@64" (see tasks/metrics.h).
using Scores = std::map<std::string, double>;

/// Some samples of a split, as tensors whose first axis is the sample. The tensors are views of memory that the next
/// gather into the same batch overwrites.
struct Batch {
  TensorMap tensors;
  std::int64_t size = 0;

  std::int64_t steps = 0;                 // real steps of its sequences, for counts of tokens; 0: not counted
  std::vector<SequenceExample> examples;  // memory of tasks that read samples first

  /// The tensor `name` of shape [size, rest...], on memory that is kept from batch to batch.
  float* prepare(const std::string& name, const std::vector<std::int64_t>& rest);
  std::int64_t* prepare_integers(const std::string& name, const std::vector<std::int64_t>& rest);

 private:
  at::Tensor& view(const std::string& name, const std::vector<std::int64_t>& rest, at::ScalarType type);
  TensorMap storage_;
};

struct Loss {
  at::Tensor total;                                       // scalar
  std::vector<std::pair<std::string, at::Tensor>> parts;  // the scalars it is the sum of, the main one first
  double terms = 0;  // that it is the mean of, the weight of the batch among others; 0: its samples
};

struct EvaluateOptions {
  std::int64_t batch = 64;
  bool drop_last = false;  // leave out the last partial batch: only to compare with old tables
  bool details = false;    // also scores of parts of the samples (by length or group)
};

/// The score that selects the best weights, and which way is better.
struct Selection {
  std::string score;
  bool higher = false;  // the higher the better

  /// The score as a cost: the lower the better.
  double cost(const Scores& scores) const { return higher ? -scores.at(score) : scores.at(score); }
};

/// What a model is trained on: samples, loss and scores. The trainer knows nothing else of it.
class Task {
 public:
  virtual ~Task() = default;

  /// Number of samples of a split; 0 if the task has no such split.
  virtual std::int64_t samples(Split split) const = 0;

  /// Rearranges the training samples of one pass, `order`, of which each run of `batch` makes a batch; may also replace
  /// the numbers by others that `gather` takes. Depends on its arguments alone.
  virtual void arrange(std::vector<std::int64_t>& /*order*/, std::int64_t /*batch*/, RandomStream /*random*/) const {}

  /// Fills `batch` with the samples of these indices. Called from a thread of its own: must not change the task.
  virtual void gather(Split split, const std::vector<std::int64_t>& indices, Batch& batch) const = 0;

  /// Random changes to a training batch (channel dropping, masks); none by default.
  virtual void augment(Batch&, RandomStream&) const {}

  /// The training loss; gradients flow to the parameters of `model`.
  virtual Loss loss(Module& model, const Batch& batch) const = 0;

  /// Scores of the model in evaluation mode over a whole split. Interrupted between two batches if an InterruptGuard
  /// says so; the model stays in evaluation mode then.
  virtual Scores evaluate(Module& model, Split split, const EvaluateOptions& options) const = 0;

  virtual Selection selection() const = 0;

  /// Training loss of a model that has learnt nothing but that all classes are alike; NaN where there is no such thing.
  virtual double chance_loss() const { return std::numeric_limits<double>::quiet_NaN(); }

  /// Scores without learning, to be shown beside a model's. May take seconds.
  virtual std::vector<Baseline> baselines() const { return {}; }

  /// What a reader of the scores must know: protocol, evaluation mode, sizes. For result.json.
  virtual Json about() const { return Json::object(); }
};

}  // namespace longwave
