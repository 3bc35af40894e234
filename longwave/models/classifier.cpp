#include "longwave/models/classifier.h"

#include <limits>

#include "longwave/base/check.h"

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
  const auto d = config.backbone.d_model;
  const SeededInit seeded(seed);
  if (config.tokens > 0)
    embedding_ = register_module("encoder", torch::nn::Embedding(config.tokens, d));
  else
    encoder_ = register_module("encoder", torch::nn::Linear(config.inputs, d));
  backbone_ = register_module("backbone", std::make_shared<Backbone>(config.backbone, seed));
  decoder_ = register_module("decoder", torch::nn::Linear(d, config.classes));
}

at::Tensor Classifier::forward(const at::Tensor& x, const Lengths& lengths) {
  if (config_.tokens > 0)
    check(x.dim() == 2 && x.scalar_type() == at::kLong, "classifier: x is ", x.scalar_type(), " ", x.sizes(),
          "; expected int64 [b, t]");
  else
    check(x.dim() == 3 && x.size(2) == config_.inputs, "classifier: x is ", x.sizes(), "; expected [b, t, ",
          config_.inputs, "]");
  const auto encoded = config_.tokens > 0 ? embedding_->forward(x) : encoder_->forward(x);
  return decoder_->forward(pool_sequence(config_.pool, backbone_->forward(encoded, lengths), lengths));
}

}  // namespace longwave
