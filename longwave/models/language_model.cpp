#include "longwave/models/language_model.h"

#include "longwave/base/check.h"

namespace longwave {

LanguageModel::LanguageModel(const LanguageModelConfig& config, std::uint64_t seed) : config_(config) {
  const auto d = config.backbone.d_model;
  const SeededInit seeded(seed);
  embedding_ = register_module("embedding", torch::nn::Embedding(config.tokens, d));
  {
    const at::NoGradGuard no_grad;
    embedding_->weight.normal_(0, 0.02);
  }
  backbone_ = register_module("backbone", std::make_shared<Backbone>(config.backbone, seed));
  const auto properties = backbone_->properties();
  check(properties.causal, "language model: ", config.backbone.mixer, " is not causal: ", properties.reason);
  if (!config.tied)
    head_ = register_module("head", torch::nn::Linear(torch::nn::LinearOptions(d, config.tokens).bias(false)));
}

at::Tensor LanguageModel::forward(const at::Tensor& tokens, const Lengths& lengths, State* state) {
  check(tokens.dim() == 2 && tokens.scalar_type() == at::kLong, "language model: tokens is ", tokens.scalar_type(), " ",
        tokens.sizes(), "; expected int64 [b, t]");
  const auto y = backbone_->forward(embedding_->forward(tokens), lengths, state);
  return at::linear(y, config_.tied ? embedding_->weight : head_->weight);
}

at::Tensor LanguageModel::loss(const at::Tensor& tokens, const Lengths& lengths) {
  const auto t = tokens.size(1);
  check(t > 1, "language model: a loss needs two tokens or more; tokens is ", tokens.sizes());
  constexpr std::int64_t kIgnored = -100;
  const auto shorter = lengths.defined() ? (lengths - 1).clamp_min(0) : Lengths();
  const auto logits = forward(tokens.narrow(1, 0, t - 1), shorter);
  auto targets = tokens.narrow(1, 1, t - 1);
  if (lengths.defined())
    targets = targets.masked_fill(valid_steps(shorter, targets).squeeze(-1).logical_not(), kIgnored);
  return at::cross_entropy_loss(logits.reshape({-1, config_.tokens}), targets.reshape({-1}), {}, at::Reduction::Mean,
                                kIgnored);
}

}  // namespace longwave
