// iTransformer: one token for each series, attention between the series.
// "iTransformer: Inverted Transformers Are Effective for Time Series Forecasting" (Liu et al. 2024).

#include "longwave/models/instance_norm.h"
#include "longwave/models/targets.h"
#include "longwave/nn/encoder_layer.h"

namespace longwave {
namespace {

class ITransformer final : public Forecaster {
 public:
  struct Config {
    std::int64_t d_model = 256, n_heads = 8, e_layers = 2, d_ff = 256;
    double dropout = 0.1;
    std::string activation = "gelu";
    static const FieldTable<Config>& fields();
  };

  ITransformer(const ForecastSizes& sizes, const Config& config) : sizes_(sizes), dropout_{config.dropout, &random} {
    const auto d = config.d_model;
    auto embedding = register_module("enc_embedding", std::make_shared<torch::nn::Module>());
    embedding_ = embedding->register_module("value_embedding", torch::nn::Linear(sizes.lookback, d));
    auto encoder = register_module("encoder", std::make_shared<torch::nn::Module>());
    auto layers = encoder->register_module("attn_layers", std::make_shared<torch::nn::Module>());
    const EncoderLayerOptions options{d, config.n_heads, config.d_ff, activation_of(config.activation), dropout_};
    for (std::int64_t l = 0; l < config.e_layers; ++l) {
      auto layer = std::make_shared<EncoderLayer>(options, full_attention_inner(/*causal=*/false, dropout_));
      layers_.push_back(layers->register_module(std::to_string(l), layer));
    }
    norm_ = encoder->register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({d})));
    projector_ = register_module("projector", torch::nn::Linear(d, sizes.horizon));
  }

  ForecastOutput forward(const ForecastInput& in) override {
    const InstanceNorm norm(in.x);
    const auto tokens = in.x_mark.defined() ? at::cat({norm.values, in.x_mark}, -1) : norm.values;  // [b, l, c + f]
    auto x = dropout_(embedding_(tokens.transpose(1, 2)), is_training());
    for (const auto& layer : layers_) x = layer->forward(x);
    const auto series = norm_(x).narrow(1, 0, sizes_.channels);
    return {target_channels(norm.inverse(projector_(series).transpose(1, 2)), sizes_), {}};
  }

  bool uses_calendar() const override { return true; }

 private:
  ForecastSizes sizes_;
  Dropout dropout_;
  torch::nn::Linear embedding_{nullptr}, projector_{nullptr};
  std::vector<std::shared_ptr<EncoderLayer>> layers_;
  torch::nn::LayerNorm norm_{nullptr};
};

const FieldTable<ITransformer::Config>& ITransformer::Config::fields() {
  constexpr std::int64_t one = 1;
  static const auto table =
      FieldTable<Config>()
          .add("d_model", &Config::d_model, "width of a token (paper: 128 to 512; 256 on ETTh1 at 96)", at_least(one))
          .add("n_heads", &Config::n_heads, "attention heads; divides d_model", at_least(one))
          .add("e_layers", &Config::e_layers, "encoder layers (paper: 2 to 4)", at_least(one))
          .add("d_ff", &Config::d_ff, "hidden width of the feed-forward (paper: as d_model)", at_least(one))
          .add("dropout", &Config::dropout, "of tokens, attention and feed-forward", fraction())
          .add("activation", &Config::activation, "of the feed-forward", one_of({"relu", "gelu"}));
  return table;
}

const RegisterForecaster<ITransformer> registered({.name = "itransformer",
                                                   .title = "iTransformer",
                                                   .summary = "transformer whose tokens are whole series",
                                                   .source = "Liu et al. 2024, arXiv 2310.06625",
                                                   .system_ids = {"itransformer"}});

}  // namespace
}  // namespace longwave
