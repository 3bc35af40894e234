#include "longwave/models/language_model.h"

#include "longwave/base/check.h"
#include "longwave/nn/embedding.h"
#include "longwave/ops/linear_cross_entropy.h"

namespace longwave {

LanguageModel::LanguageModel(const LanguageModelConfig& config, std::uint64_t seed) : config_(config) {
  const auto d = config.backbone.d_model;
  const SeededInit seeded(seed);
  backbone_ = std::make_shared<Backbone>(config.backbone, seed);
  const auto properties = backbone_->properties();
  check(properties.causal, "language model: ", config.backbone.mixer, " is not causal: ", properties.reason);
  const bool banded = !config.cutoffs.empty();
  if (banded) {
    check(config.positions == "none",
          "language model: positions go with one embedding table; expected positions = ", "\"none\" with cutoffs");
    const auto make = [&](bool outputs) {
      return std::make_shared<AdaptiveVocabulary>(config.tokens, d, config.cutoffs, config.division, outputs);
    };
    vocabulary_ = output_ = register_module("vocabulary", make(config.tied));
    if (!config.tied) output_ = register_module("output", make(true));
  } else {
    embedding_ = register_module("embedding",
                                 std::make_shared<SequenceEncoder>(EncoderConfig{.tokens = config.tokens,
                                                                                 .d = d,
                                                                                 .l_max = config.backbone.l_max,
                                                                                 .positions = config.positions,
                                                                                 .deviation = 0.02,
                                                                                 .dropout = config.embedding_dropout},
                                                                   &backbone_->random));
  }
  register_module("backbone", backbone_);
  if (!config.tied && !banded)
    head_ = register_module("head", torch::nn::Linear(torch::nn::LinearOptions(d, config.tokens).bias(false)));
}

at::Tensor LanguageModel::features(const at::Tensor& tokens, const Lengths& lengths, State* state) {
  check(tokens.dim() == 2 && tokens.scalar_type() == at::kLong, "language model: tokens is ", tokens.scalar_type(), " ",
        tokens.sizes(), "; expected int64 [b, t]");
  if (state) check_own_state(*state);
  if (embedding_) return backbone_->forward(embedding_->forward(tokens, lengths, state), lengths, state);
  check_tokens("language model", tokens, config_.tokens);
  const Dropout dropout{config_.embedding_dropout, &backbone_->random};
  return backbone_->forward(dropout(vocabulary_->embed(tokens), is_training()), lengths, state);
}

at::Tensor LanguageModel::forward(const at::Tensor& tokens, const Lengths& lengths, State* state) {
  const auto y = features(tokens, lengths, state);
  return output_ ? output_->log_probabilities(y) : at::linear(y, output_weight());
}

at::Tensor LanguageModel::losses(const at::Tensor& tokens, const at::Tensor& targets, const Lengths& lengths,
                                 State* state) {
  const auto y = features(tokens, lengths, state).flatten(0, 1);
  const auto flat = targets.reshape({-1});
  const auto losses = output_ ? output_->losses(y, flat) : ops::linear_cross_entropies(y, output_weight(), {}, flat);
  return losses.view_as(targets);
}

at::Tensor LanguageModel::loss(const at::Tensor& tokens, const Lengths& lengths) {
  const auto t = tokens.size(1);
  check(t > 1, "language model: a loss needs two tokens or more; tokens is ", tokens.sizes());
  const auto shorter = lengths.defined() ? (lengths - 1).clamp_min(0) : Lengths();
  auto targets = tokens.narrow(1, 1, t - 1);
  auto count = static_cast<double>(targets.numel());
  if (lengths.defined()) {
    targets = targets.masked_fill(valid_steps(shorter, targets).squeeze(-1).logical_not(), -100);
    count = std::max(1.0, static_cast<double>(shorter.sum().item<std::int64_t>()));
  }
  return losses(tokens.narrow(1, 0, t - 1), targets, shorter).sum() / count;
}

void LanguageModel::check_own_state(const State& state) const {
  for (const auto& [name, tensor] : state)
    check(name.find('.') != std::string::npos || (name == "position" && config_.positions != "none"),
          "language model: the state has '", name, "', which is not this model's; expected one of its initial_state");
}

State LanguageModel::initial_state(std::int64_t b) {
  auto state = backbone_->initial_state(b);
  if (embedding_) embedding_->add_initial_state(state, b);
  return state;
}

}  // namespace longwave
