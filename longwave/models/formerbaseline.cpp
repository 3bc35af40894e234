// FormerBaseline: a plain pre-norm transformer encoder over the observed steps and one learned query a forecast step.
// Baseline of "Linear Transformers as VAR Models" (Lu and Yang 2025).

#include <torch/nn/init.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include <cmath>

#include "longwave/models/forecaster.h"
#include "longwave/models/targets.h"
#include "longwave/nn/path.h"

namespace longwave {
namespace {

/// Pre-norm encoder layer with packed query, key and value maps. [b, t, d] -> [b, t, d].
class PackedEncoderLayer final : public Module {
 public:
  PackedEncoderLayer(std::int64_t d, std::int64_t heads, std::int64_t hidden, Dropout dropout)
      : heads_(heads), dropout_(dropout) {
    auto& attention = submodule(*this, "self_attn");
    in_weight_ = attention.register_parameter("in_proj_weight", at::empty({3 * d, d}));
    torch::nn::init::xavier_uniform_(in_weight_);
    in_bias_ = attention.register_parameter("in_proj_bias", at::zeros({3 * d}));
    out_ = attention.register_module("out_proj", torch::nn::Linear(d, d));
    out_->bias.detach().zero_();
    linear1_ = register_module("linear1", torch::nn::Linear(d, hidden));
    linear2_ = register_module("linear2", torch::nn::Linear(hidden, d));
    norm1_ = register_module("norm1", torch::nn::LayerNorm(torch::nn::LayerNormOptions({d})));
    norm2_ = register_module("norm2", torch::nn::LayerNorm(torch::nn::LayerNormOptions({d})));
  }

  at::Tensor forward(at::Tensor x) {
    x = x + drop(attention(norm1_->forward(x)));
    const auto hidden = drop(at::relu(linear1_->forward(norm2_->forward(x))));
    return x + drop(linear2_->forward(hidden));
  }

 private:
  at::Tensor drop(const at::Tensor& x) { return dropout_(x, is_training()); }

  at::Tensor attention(const at::Tensor& x) {
    const auto b = x.size(0), t = x.size(1), d = x.size(2);
    const auto qkv =
        at::linear(x, in_weight_, in_bias_).reshape({b, t, 3, heads_, d / heads_}).permute({2, 0, 3, 1, 4});
    const auto scaled = qkv[0] / std::sqrt(static_cast<double>(d / heads_));
    const auto weights = drop(at::softmax(at::matmul(scaled, qkv[1].transpose(2, 3)), -1));
    return out_->forward(at::matmul(weights, qkv[2]).transpose(1, 2).reshape({b, t, d}));
  }

  std::int64_t heads_;
  Dropout dropout_;
  at::Tensor in_weight_, in_bias_;
  torch::nn::Linear out_{nullptr}, linear1_{nullptr}, linear2_{nullptr};
  torch::nn::LayerNorm norm1_{nullptr}, norm2_{nullptr};
};

class FormerBaseline final : public Forecaster {
 public:
  struct Config {
    std::int64_t d_model = 128;
    std::int64_t n_heads = 8;
    std::int64_t e_layers = 3;
    std::int64_t mlp_ratio = 8;
    double dropout = 0.1;
    static const FieldTable<Config>& fields();
  };

  FormerBaseline(const ForecastSizes& sizes, const Config& config) : sizes_(sizes) {
    const auto d = config.d_model;
    check(d % config.n_heads == 0, "model.d_model is ", d, "; expected a multiple of model.n_heads, ", config.n_heads);
    query_ = register_parameter("output_embedding", 0.01 * at::randn({1, sizes.horizon, sizes.channels}));
    position_ = register_parameter("positional_embedding", 0.01 * at::randn({1, sizes.lookback + sizes.horizon, d}));
    in_ = register_module("input_projection", torch::nn::Linear(sizes.channels, d));
    out_ = register_module("output_projection", torch::nn::Linear(d, sizes.channels));
    auto& list = submodule(*this, "model.layers");
    const Dropout dropout{config.dropout, &random};
    for (std::int64_t i = 0; i < config.e_layers; ++i)
      layers_.push_back(list.register_module(
          std::to_string(i), std::make_shared<PackedEncoderLayer>(d, config.n_heads, config.mlp_ratio * d, dropout)));
  }

  /// The reference's position table has 8192 rows, of which the first lookback + horizon are used.
  TensorMap import_reference(TensorMap weights) const override {
    const auto found = weights.find("positional_embedding");
    const auto rows = sizes_.lookback + sizes_.horizon;
    if (found != weights.end() && found->second.dim() == 3 && found->second.size(1) > rows)
      found->second = found->second.narrow(1, 0, rows);
    return weights;
  }

  ForecastOutput forward(const ForecastInput& in) override {
    const auto last = in.x.narrow(1, sizes_.lookback - 1, 1);
    const auto rows = at::cat({in.x, query_.expand({in.x.size(0), -1, -1})}, 1) - last;
    auto x = in_->forward(rows) + position_;
    for (auto& layer : layers_) x = layer->forward(x);
    const auto forecast = out_->forward(x.narrow(1, sizes_.lookback, sizes_.horizon)) + last;
    return {target_channels(forecast, sizes_), {}};
  }

 private:
  ForecastSizes sizes_;
  at::Tensor query_, position_;
  torch::nn::Linear in_{nullptr}, out_{nullptr};
  std::vector<std::shared_ptr<PackedEncoderLayer>> layers_;
};

const FieldTable<FormerBaseline::Config>& FormerBaseline::Config::fields() {
  const auto positive = at_least<std::int64_t>(1);
  static const auto table =
      FieldTable<Config>()
          .add("d_model", &Config::d_model, "width of a step (published: 128)", positive)
          .add("n_heads", &Config::n_heads, "attention heads; must divide d_model (published: 8)", positive)
          .add("e_layers", &Config::e_layers, "encoder layers (published: 3)", positive)
          .add("mlp_ratio", &Config::mlp_ratio, "hidden width of a feed-forward part in d_model (published: 8)",
               positive)
          .add("dropout", &Config::dropout, "after attention weights, activations and sub-layers", fraction());
  return table;
}

const RegisterForecaster<FormerBaseline> registered(
    {.name = "formerbaseline",
     .title = "FormerBaseline",
     .summary = "plain transformer encoder over the observed steps and learned queries",
     .source = "Lu and Yang 2025, arXiv 2502.07244 (baseline)",
     .system_ids = {"formerbaseline"}});

}  // namespace
}  // namespace longwave
