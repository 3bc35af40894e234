#include "longwave/models/classifier.h"

#include <limits>

#include "longwave/base/check.h"
#include "longwave/ops/lengths.h"
#include "longwave/ops/linear_cross_entropy.h"

namespace longwave {

at::Tensor pool_sequence(const std::string& kind, const at::Tensor& y, const Lengths& lengths) {
  const auto valid = valid_steps(lengths, y);
  const auto rows = y.size(0), t = y.size(1), d = y.size(2);
  if (kind == "sum") return zero_padding(y, valid).sum(1);
  if (kind == "mean") {
    if (!valid.defined()) return y.mean(1);
    return zero_padding(y, valid).sum(1) / lengths.clamp_min(1).unsqueeze(1).to(y.scalar_type());
  }
  if (kind == "max") {
    if (!valid.defined()) return std::get<0>(y.max(1));
    const auto lowest = at::full({}, -std::numeric_limits<double>::infinity(), y.options());
    const auto most = std::get<0>(at::where(valid, y, lowest).max(1));
    return at::where((lengths > 0).unsqueeze(1), most, at::zeros({}, y.options()));
  }
  if (kind == "first") return zero_padding(y, valid).select(1, 0);
  check(kind == "last", "unknown pooling '", kind, "'; expected mean, max, sum, last or first");
  if (!valid.defined()) return y.select(1, t - 1);
  const auto index = (lengths - 1).clamp_min(0).view({rows, 1, 1}).expand({rows, 1, d});
  return zero_padding(y, valid).gather(1, index).squeeze(1);
}

Classifier::Classifier(const ClassifierConfig& config, std::uint64_t seed) : config_(config) {
  using torch::nn::Linear;
  const auto d = config.backbone.d_model;
  const SeededInit seeded(seed);
  auto stack = config.backbone;
  if (has_class_token() && stack.l_max > 0) ++stack.l_max;
  backbone_ = std::make_shared<Backbone>(stack, seed);
  const bool reads_first = has_class_token() || (config.pool == "first" && config.head != "steps");
  check(!reads_first || !backbone_->properties().causal, "model.pool is ", config.pool, ", but ", stack.mixer,
        " is causal here, so that ",
        has_class_token() ? "a class token in front would see no step" : "the first step sees no other",
        "; expected pool = \"last\", or a mixer that sees all steps (model.bidirectional = true)");
  encoder_ = register_module(
      "encoder", std::make_shared<SequenceEncoder>(EncoderConfig{.tokens = config.tokens,
                                                                 .inputs = config.tokens > 0 ? 0 : config.inputs,
                                                                 .d = d,
                                                                 .l_max = stack.l_max,
                                                                 .positions = config.positions,
                                                                 .dropout = config.embedding_dropout,
                                                                 .class_token = has_class_token()},
                                                   &backbone_->random));
  register_module("backbone", backbone_);
  auto width = d;
  if (config.head == "pair") {
    hidden_ = register_module("hidden", Linear((config.pair_head == "concat" ? 2 : 4) * d, d));
    if (config.pair_head == "nli" || config.pair_head == "concat") {
      width = std::max<std::int64_t>(1, d / 2);
      hidden2_ = register_module("hidden2", Linear(d, width));
    }
  }
  decoder_ = register_module("decoder", Linear(width, config.classes));
}

/// Those of the steps, behind that of the class token if there is one.
at::Tensor Classifier::all_features(const at::Tensor& x, const Lengths& lengths) {
  if (lengths.defined()) ops::check_lengths("classifier", lengths, x);
  const auto encoded = encoder_->forward(x, lengths);
  return backbone_->forward(encoded, has_class_token() && lengths.defined() ? lengths + 1 : lengths);
}

at::Tensor Classifier::features(const at::Tensor& x, const Lengths& lengths) {
  const auto y = all_features(x, lengths);
  return has_class_token() ? y.narrow(1, 1, y.size(1) - 1) : y;
}

at::Tensor Classifier::forward(const at::Tensor& x, const Lengths& lengths) {
  if (config_.head == "steps") return decode(features(x, lengths));
  const auto y = all_features(x, lengths);
  return classify(has_class_token() ? y.select(1, 0) : pool_sequence(config_.pool, y, lengths));
}

at::Tensor Classifier::classify(const at::Tensor& pooled) {
  return decode(config_.head == "pair" ? pair(pooled) : pooled);
}

at::Tensor Classifier::pair(const at::Tensor& pooled) {
  const auto both = pooled.view({-1, 2, pooled.size(1)});
  const auto u = both.select(1, 0), v = both.select(1, 1);
  const auto joined = config_.pair_head == "concat" ? both.flatten(1) : at::cat({u, v, u - v, u * v}, 1);
  const auto first = hidden_->forward(joined);
  if (config_.pair_head == "s4") return at::gelu(first);
  return hidden2_ ? at::relu(hidden2_->forward(at::relu(first))) : at::relu(first);
}

at::Tensor Classifier::losses(const at::Tensor& vectors, const at::Tensor& targets) {
  return ops::linear_cross_entropies(vectors, decoder_->weight, decoder_->bias, targets);
}

}  // namespace longwave
