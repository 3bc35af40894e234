#pragma once

#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>

#include "longwave/models/backbone.h"

namespace longwave {

/// Sequences into classes: encoder -> backbone -> one vector a row -> linear map.
struct ClassifierConfig {
  BackboneConfig backbone;
  std::int64_t inputs = 1;  // numbers a step; with `tokens`, 0
  std::int64_t tokens = 0;  // size of the vocabulary; 0: the inputs are numbers
  std::int64_t classes = 2;
  std::string pool = "mean";  // over the true length: mean, max, sum, last (real step) or first (a class token)
};

/// Weights: encoder.* (Linear, or an embedding table), backbone's layers.* and norm.*, decoder.*.
class Classifier final : public Module {
 public:
  Classifier(const ClassifierConfig& config, std::uint64_t seed);

  /// x: [b, t, inputs] numbers or [b, t] int64 tokens -> logits [b, classes].
  at::Tensor forward(const at::Tensor& x, const Lengths& lengths = {});

  Backbone& backbone() { return *backbone_; }

 private:
  ClassifierConfig config_;
  torch::nn::Embedding embedding_{nullptr};
  torch::nn::Linear encoder_{nullptr}, decoder_{nullptr};
  std::shared_ptr<Backbone> backbone_;
};

/// One vector a row [b, d] of y [b, t, d] over the true lengths; kinds as in ClassifierConfig::pool. Rows of length 0
/// give zeros.
at::Tensor pool_sequence(const std::string& kind, const at::Tensor& y, const Lengths& lengths);

}  // namespace longwave
