#pragma once

#include <torch/nn/modules/linear.h>

#include "longwave/models/adaptive_vocabulary.h"
#include "longwave/models/backbone.h"
#include "longwave/models/sequence_encoder.h"

namespace longwave {

struct LanguageModelConfig {
  BackboneConfig backbone;
  std::int64_t tokens = 256;       // size of the vocabulary
  bool tied = true;                // the output map is the embedding table
  std::string positions = "none";  // see EncoderConfig
  double embedding_dropout = 0;
  std::vector<std::int64_t> cutoffs;  // of an AdaptiveVocabulary for inputs and outputs; empty: one table
  double division = 4;                // of its widths
};

/// Predicts the next token: embedding -> backbone -> output map. Weights: embedding.weight (with cutoffs: vocabulary.*
/// and, unless tied, output.*), backbone.*, head.weight (unless tied).
class LanguageModel final : public SequenceModel {
 public:
  /// UserError if the mixer is not causal.
  LanguageModel(const LanguageModelConfig& config, std::uint64_t seed);

  /// tokens [b, t] int64 -> logits of the token that follows each [b, t, tokens] (with cutoffs: log-probabilities).
  /// With `state`, continues from it and leaves it behind the last token; t = 1 is one step of constant cost.
  at::Tensor forward(const at::Tensor& tokens, const Lengths& lengths = {}, State* state = nullptr);

  /// -log-probability (nats) [b, t] of targets [b, t] given the tokens up to each step; zero where a target is -100.
  /// The logits of all steps are never in memory at once.
  at::Tensor losses(const at::Tensor& tokens, const at::Tensor& targets, const Lengths& lengths = {},
                    State* state = nullptr);

  /// Mean cross-entropy (nats) of tokens 1 .. t-1, each predicted from those before it. tokens [b, t] int64, t > 1.
  at::Tensor loss(const at::Tensor& tokens, const Lengths& lengths = {});

  /// State before the first token, for b rows. UserError if the mixer does not stream.
  State initial_state(std::int64_t b);

  /// Most tokens of a sequence, where positions were learnt; 0: any number.
  std::int64_t max_tokens() const { return config_.positions == "learned" ? config_.backbone.l_max : 0; }

  Backbone& backbone() override { return *backbone_; }
  const LanguageModelConfig& config() const { return config_; }

 private:
  at::Tensor features(const at::Tensor& tokens, const Lengths& lengths, State* state);
  /// Names with a dot are of the backbone, which checks them.
  void check_own_state(const State& state) const;
  const at::Tensor& output_weight() const { return config_.tied ? embedding_->weight() : head_->weight; }

  LanguageModelConfig config_;
  std::shared_ptr<SequenceEncoder> embedding_;               // without cutoffs
  std::shared_ptr<AdaptiveVocabulary> vocabulary_, output_;  // with cutoffs
  torch::nn::Linear head_{nullptr};
  std::shared_ptr<Backbone> backbone_;
};

}  // namespace longwave
