#pragma once

#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>

#include "longwave/models/backbone.h"

namespace longwave {

struct LanguageModelConfig {
  BackboneConfig backbone;
  std::int64_t tokens = 256;  // size of the vocabulary
  bool tied = true;           // the output map is the embedding table
};

/// Predicts the next token: embedding -> backbone -> output map. Weights: embedding.weight, backbone.*, head.weight
/// (unless tied).
class LanguageModel final : public Module {
 public:
  /// UserError if the mixer is not causal.
  LanguageModel(const LanguageModelConfig& config, std::uint64_t seed);

  /// tokens [b, t] int64 -> logits of the token that follows each [b, t, tokens]. With `state`, continues from it and
  /// leaves it behind the last token; t = 1 is one step of constant cost.
  at::Tensor forward(const at::Tensor& tokens, const Lengths& lengths = {}, State* state = nullptr);

  /// Mean cross-entropy (nats) of tokens 1 .. t-1, each predicted from those before it. tokens [b, t] int64, t > 1.
  at::Tensor loss(const at::Tensor& tokens, const Lengths& lengths = {});

  /// State before the first token, for b rows. UserError if the mixer does not stream.
  State initial_state(std::int64_t b) { return backbone_->initial_state(b); }

  Backbone& backbone() { return *backbone_; }

 private:
  LanguageModelConfig config_;
  torch::nn::Embedding embedding_{nullptr};
  torch::nn::Linear head_{nullptr};
  std::shared_ptr<Backbone> backbone_;
};

}  // namespace longwave
