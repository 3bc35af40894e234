#pragma once

#include <torch/nn/modules/linear.h>

#include "longwave/models/backbone.h"
#include "longwave/models/sequence_encoder.h"

namespace longwave {

/// Sequences into classes or numbers: encoder -> backbone -> head.
struct ClassifierConfig {
  BackboneConfig backbone;
  std::int64_t inputs = 1;  // numbers a step; with `tokens`, 0
  std::int64_t tokens = 0;  // size of the vocabulary; 0: the inputs are numbers
  std::int64_t classes = 2;
  /// One vector of a row: mean, max, sum, last or first over the real steps; or cls, that of a learnt class token,
  /// which then stands before the first step and counts as one.
  std::string pool = "mean";
  /// sequence: one output a row; pair: one for two rows; steps: one a step
  std::string head = "sequence";
  /// How a pair's vectors u, v become one. s4: [u, v, u-v, u v] -> d, GELU; s4_relu: ReLU. nli: the same -> d -> d / 2,
  /// ReLU (Tay et al. 2021). concat: [u, v] -> d -> d / 2, ReLU.
  std::string pair_head = "s4";
  std::string positions = "none";  // see EncoderConfig
  double embedding_dropout = 0;
};

/// Weights: encoder.* (see SequenceEncoder), backbone's layers.* and norm.*, decoder.*; of pairs also
/// hidden.* and, where there are two, hidden2.*.
class Classifier final : public SequenceModel {
 public:
  /// UserError if a class token is asked for before a causal mixer: it would see no step.
  Classifier(const ClassifierConfig& config, std::uint64_t seed);

  /// x: [b, t, inputs] numbers or [b, t] int64 tokens -> logits [b, classes]; head "steps": [b, t, classes]; head
  /// "pair": rows 2 i and 2 i + 1 belong together, logits [b / 2, classes].
  at::Tensor forward(const at::Tensor& x, const Lengths& lengths = {});

  /// The vectors that the backbone makes of the steps, [b, t, d].
  at::Tensor features(const at::Tensor& x, const Lengths& lengths = {});

  /// Logits of one vector a row, pooled [b, d], as of forward.
  at::Tensor classify(const at::Tensor& pooled);

  /// Logits [n, classes] of vectors [n, d].
  at::Tensor decode(const at::Tensor& vectors) { return decoder_->forward(vectors); }

  /// Cross-entropies [n] of decode(vectors) with the classes targets [n], without the logits in memory.
  at::Tensor losses(const at::Tensor& vectors, const at::Tensor& targets);

  Backbone& backbone() override { return *backbone_; }
  const ClassifierConfig& config() const { return config_; }

 private:
  bool has_class_token() const { return config_.pool == "cls"; }
  at::Tensor all_features(const at::Tensor& x, const Lengths& lengths);
  at::Tensor pair(const at::Tensor& pooled);

  ClassifierConfig config_;
  std::shared_ptr<SequenceEncoder> encoder_;
  torch::nn::Linear hidden_{nullptr}, hidden2_{nullptr}, decoder_{nullptr};
  std::shared_ptr<Backbone> backbone_;
};

/// One vector a row [b, d] of y [b, t, d] over the true lengths; kinds as in ClassifierConfig::pool but cls. Rows of
/// length 0 give zeros.
at::Tensor pool_sequence(const std::string& kind, const at::Tensor& y, const Lengths& lengths);

}  // namespace longwave
