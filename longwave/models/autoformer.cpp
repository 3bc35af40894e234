// Autoformer: an encoder-decoder of series decompositions and auto-correlation instead of attention.
// "Autoformer: Decomposition Transformers with Auto-Correlation for Long-Term Series Forecasting" (Wu et al. 2021).

#include <torch/nn/init.h>

#include <cmath>

#include "longwave/models/encoder_decoder.h"
#include "longwave/models/targets.h"
#include "longwave/nn/auto_correlation.h"
#include "longwave/nn/moving_average.h"
#include "longwave/nn/path.h"

namespace longwave {
namespace {

struct LayerOptions {
  EncoderLayerOptions common;
  std::int64_t window = 25;
};

/// What encoder and decoder layers share: x + feed-forward(x) without biases.
class DecompositionLayer : public torch::nn::Module {
 protected:
  explicit DecompositionLayer(const LayerOptions& options) : options_(options) {
    const auto d = options.common.d_model, hidden = options.common.d_ff;
    conv1_ = register_module("conv1", std::make_shared<PointwiseConv>(d, hidden, /*with_bias=*/false));
    conv2_ = register_module("conv2", std::make_shared<PointwiseConv>(hidden, d, /*with_bias=*/false));
  }
  at::Tensor drop(const at::Tensor& x) { return options_.common.dropout(x, is_training()); }
  std::pair<at::Tensor, at::Tensor> split(const at::Tensor& x) const { return decompose(x, options_.window); }
  at::Tensor add_feed_forward(const at::Tensor& x) {
    return x + drop(feed_forward(x, {conv1_->matrix(), {}, conv2_->matrix(), {}}, options_.common.activation,
                                 options_.common.dropout, is_training()));
  }
  std::shared_ptr<AttentionLayer> correlation(const char* name, AttentionLayer::Inner inner) {
    return register_module(
        name, std::make_shared<AttentionLayer>(options_.common.d_model, options_.common.n_heads, std::move(inner)));
  }

 private:
  LayerOptions options_;
  std::shared_ptr<PointwiseConv> conv1_, conv2_;
};

/// Keeps the seasonal part after each step; trends are thrown away. [b, t, d] -> [b, t, d].
class SeasonalEncoderLayer final : public DecompositionLayer {
 public:
  SeasonalEncoderLayer(const LayerOptions& options, AttentionLayer::Inner inner) : DecompositionLayer(options) {
    attention_ = correlation("attention", std::move(inner));
  }
  at::Tensor forward(at::Tensor x) {
    x = split(x + drop(attention_->forward(x, x, x))).first;
    return split(add_feed_forward(x)).first;
  }

 private:
  std::shared_ptr<AttentionLayer> attention_;
};

/// Passes the seasonal part on and returns the trends that it split off, mapped to the channels.
class SeasonalDecoderLayer final : public DecompositionLayer {
 public:
  SeasonalDecoderLayer(const LayerOptions& options, std::int64_t channels, AttentionLayer::Inner self,
                       AttentionLayer::Inner cross)
      : DecompositionLayer(options) {
    self_ = correlation("self_attention", std::move(self));
    cross_ = correlation("cross_attention", std::move(cross));
    auto weight = at::empty({channels, options.common.d_model, 3});
    torch::nn::init::kaiming_uniform_(weight, std::sqrt(5.0));  // torch's default for convolutions
    trend_weight_ = submodule(*this, "projection").register_parameter("weight", weight);
  }

  /// x [b, t, d], memory [b, s, d] -> (seasonal [b, t, d], trend [b, t, c]).
  std::pair<at::Tensor, at::Tensor> forward(const at::Tensor& x, const at::Tensor& memory) {
    const auto [season1, trend1] = split(x + drop(self_->forward(x, x, x)));
    const auto [season2, trend2] = split(season1 + drop(cross_->forward(season1, memory, memory)));
    const auto [season3, trend3] = split(add_feed_forward(season2));
    return {season3, circular_conv(trend1 + trend2 + trend3, trend_weight_)};
  }

 private:
  std::shared_ptr<AttentionLayer> self_, cross_;
  at::Tensor trend_weight_;
};

class Autoformer final : public Forecaster {
 public:
  struct Config : EncoderDecoderOptions {
    std::int64_t factor = 3;
    std::int64_t moving_avg = 25;
    static const FieldTable<Config>& fields();
  };

  Autoformer(const ForecastSizes& sizes, const Config& config) : sizes_(sizes), config_(config) {
    check(config.moving_avg % 2 == 1, "model.moving_avg is ", config.moving_avg, "; expected an odd number");
    check(sizes.label <= sizes.lookback, "label is ", sizes.label, "; expected at most the lookback, ", sizes.lookback);
    const Dropout dropout{config.dropout, &random};
    const LayerOptions layer{{config.d_model, config.n_heads, config.d_ff, activation_of(config.activation), dropout},
                             config.moving_avg};
    enc_embedding_ = embedding("enc_embedding", dropout);
    dec_embedding_ = embedding("dec_embedding", dropout);
    for (std::int64_t i = 0; i < config.e_layers; ++i)
      encoder_.push_back(
          submodule(*this, "encoder.attn_layers")
              .register_module(std::to_string(i), std::make_shared<SeasonalEncoderLayer>(layer, correlation())));
    for (std::int64_t i = 0; i < config.d_layers; ++i)
      decoder_.push_back(
          submodule(*this, "decoder.layers")
              .register_module(std::to_string(i), std::make_shared<SeasonalDecoderLayer>(
                                                      layer, sizes.channels, correlation(), correlation())));
    enc_norm_ = norm("encoder.norm");
    dec_norm_ = norm("decoder.norm");
    projection_ =
        submodule(*this, "decoder").register_module("projection", torch::nn::Linear(config.d_model, sizes.channels));
  }

  bool uses_calendar() const override { return true; }

  ForecastOutput forward(const ForecastInput& in) override {
    calls_ = 0;
    auto memory = enc_embedding_->forward(in.x, in.x_mark);
    for (auto& layer : encoder_) memory = layer->forward(memory);
    memory = normalise(enc_norm_, memory);

    auto [x, trend] = decoder_start(in.x);
    x = dec_embedding_->forward(x, in.y_mark);
    for (auto& layer : decoder_) {
      const auto [season, extra] = layer->forward(x, memory);
      x = season;
      trend = trend + extra;
    }
    const auto all = trend + projection_->forward(normalise(dec_norm_, x));
    return {target_channels(all.slice(1, all.size(1) - sizes_.horizon), sizes_), {}};
  }

 private:
  std::shared_ptr<DataEmbedding> embedding(const char* name, const Dropout& dropout) {
    return register_module(name, std::make_shared<DataEmbedding>(sizes_.channels, sizes_.time_features, config_.d_model,
                                                                 /*positions=*/false, dropout));
  }

  torch::nn::LayerNorm norm(const char* path) {
    return submodule(*this, path)
        .register_module("layernorm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({config_.d_model})));
  }

  AttentionLayer::Inner correlation() {
    return [this](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool training) {
      const auto l = q.size(2);
      const auto wanted = static_cast<double>(config_.factor) * std::log(static_cast<double>(l));
      const auto count = std::clamp<std::int64_t>(static_cast<std::int64_t>(wanted), 1, l);
      const auto [y, delays] = auto_correlation(q, k, v, count, /*shared=*/training);
      note("delay." + std::to_string(calls_++), delays);
      return y;
    };
  }

  /// Layer norm without its mean over time.
  static at::Tensor normalise(torch::nn::LayerNorm& norm, const at::Tensor& x) {
    const auto y = norm->forward(x);
    return y - y.mean(1, /*keepdim=*/true);
  }

  /// Seasonal part and trend of the last `label` steps, continued by zeros and by the mean of the window.
  std::pair<at::Tensor, at::Tensor> decoder_start(const at::Tensor& x) const {
    const auto [season, trend] = decompose(x, config_.moving_avg);
    const auto first = sizes_.lookback - sizes_.label;
    const auto mean = x.mean(1, /*keepdim=*/true).expand({-1, sizes_.horizon, -1});
    return {at::cat({season.slice(1, first), at::zeros_like(mean)}, 1), at::cat({trend.slice(1, first), mean}, 1)};
  }

  ForecastSizes sizes_;
  Config config_;
  std::int64_t calls_ = 0;  // of auto-correlation in the current forward
  std::shared_ptr<DataEmbedding> enc_embedding_, dec_embedding_;
  std::vector<std::shared_ptr<SeasonalEncoderLayer>> encoder_;
  std::vector<std::shared_ptr<SeasonalDecoderLayer>> decoder_;
  torch::nn::LayerNorm enc_norm_{nullptr}, dec_norm_{nullptr};
  torch::nn::Linear projection_{nullptr};
};

const FieldTable<Autoformer::Config>& Autoformer::Config::fields() {
  const auto positive = at_least<std::int64_t>(1);
  static const auto table =
      encoder_decoder_fields<Config>()
          .add("factor", &Config::factor, "delays: floor(factor * ln steps) (published: 3)", positive)
          .add("moving_avg", &Config::moving_avg, "steps of the moving average, odd (published: 25)", positive);
  return table;
}

const RegisterForecaster<Autoformer> registered({.name = "autoformer",
                                                 .title = "Autoformer",
                                                 .summary = "encoder-decoder of decompositions and auto-correlation",
                                                 .source = "Wu et al. 2021, arXiv 2106.13008",
                                                 .system_ids = {"autoformer"}});

}  // namespace
}  // namespace longwave
