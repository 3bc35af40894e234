// TimesNet: folds the series by its strongest periods and convolves each fold in two dimensions.
// "TimesNet: Temporal 2D-Variation Modeling for General Time Series Analysis" (Wu et al. 2023).

#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include "longwave/models/forecaster.h"
#include "longwave/models/targets.h"
#include "longwave/nn/activation.h"
#include "longwave/nn/embedding.h"
#include "longwave/nn/inception.h"
#include "longwave/nn/path.h"

namespace longwave {
namespace {

/// The strongest periods of a batch, and how strong they are in each sample.
struct Periods {
  std::vector<std::int64_t> steps;  // k periods, strongest first
  at::Tensor amplitude;             // [b, k] amplitudes
};

/// Periods of x [b, t, d] by the mean amplitude over batch and width; frequency 0 is never chosen.
Periods find_periods(const at::Tensor& x, std::int64_t k) {
  const auto amplitude = at::fft_rfft(x, c10::nullopt, 1).abs();  // [b, t/2 + 1, d]
  const auto mean = amplitude.detach().mean(std::vector<std::int64_t>{0, 2});
  const auto frequency = std::get<1>(mean.narrow(0, 1, mean.size(0) - 1).topk(k)) + 1;
  Periods periods;
  for (std::int64_t i = 0; i < k; ++i) periods.steps.push_back(x.size(1) / frequency[i].item<std::int64_t>());
  periods.amplitude = amplitude.mean(-1).index_select(1, frequency);
  return periods;
}

class TimesBlock final : public Module {
 public:
  TimesBlock(std::int64_t d, std::int64_t hidden, std::int64_t kernels) {
    auto& conv = submodule(*this, "conv");
    up_ = conv.register_module("0", std::make_shared<Inception>(d, hidden, kernels));
    down_ = conv.register_module("2", std::make_shared<Inception>(hidden, d, kernels));
  }

  /// x [b, t, d] -> the sum of its folds, weighted by the softmax of their amplitudes, plus x.
  at::Tensor forward(const at::Tensor& x, const Periods& periods) {
    const auto weight = periods.amplitude.softmax(1);
    auto y = x;
    for (std::size_t i = 0; i < periods.steps.size(); ++i)
      y = y + fold(x, periods.steps[i]) * weight.narrow(1, i, 1).unsqueeze(2);
    return y;
  }

 private:
  at::Tensor fold(const at::Tensor& x, std::int64_t period) {
    const auto b = x.size(0), t = x.size(1), d = x.size(2), rows = (t + period - 1) / period;
    const auto padded = at::constant_pad_nd(x.transpose(1, 2), {0, rows * period - t});
    const auto y = down_->forward(exact_gelu(up_->forward(padded.reshape({b, d, rows, period}))));
    return y.reshape({b, d, -1}).narrow(2, 0, t).transpose(1, 2);
  }

  std::shared_ptr<Inception> up_, down_;
};

class TimesNet final : public Forecaster {
 public:
  struct Config {
    std::int64_t d_model = 32;
    std::int64_t d_ff = 32;
    std::int64_t e_layers = 2;
    std::int64_t num_kernels = 6;
    std::int64_t top_k = 5;
    double dropout = 0.1;
    static const FieldTable<Config>& fields();
  };

  TimesNet(const ForecastSizes& sizes, const Config& config) : sizes_(sizes) {
    const auto d = config.d_model, steps = sizes.lookback + sizes.horizon;
    periods_ = std::min(config.top_k, steps / 2);  // there are no more frequencies than that
    embedding_ =
        register_module("enc_embedding", std::make_shared<DataEmbedding>(sizes.channels, sizes.time_features, d, true,
                                                                         Dropout{config.dropout, &random}));
    extend_ = register_module("predict_linear", torch::nn::Linear(sizes.lookback, steps));
    for (std::int64_t i = 0; i < config.e_layers; ++i)
      blocks_.push_back(
          submodule(*this, "model")
              .register_module(std::to_string(i), std::make_shared<TimesBlock>(d, config.d_ff, config.num_kernels)));
    norm_ = register_module("layer_norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({d})));
    out_ = register_module("projection", torch::nn::Linear(d, sizes.channels));
  }

  bool uses_calendar() const override { return true; }

  ForecastOutput forward(const ForecastInput& in) override {
    const auto mean = in.x.mean(1, /*keepdim=*/true).detach();
    const auto centred = in.x - mean;
    const auto sd = at::sqrt(centred.var(/*dim=*/1, /*unbiased=*/false, /*keepdim=*/true) + 1e-5);
    auto x = embedding_->forward(centred / sd, in.x_mark);
    x = extend_->forward(x.transpose(1, 2)).transpose(1, 2);
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      const auto periods = find_periods(x, periods_);
      note("period." + std::to_string(i), at::tensor(periods.steps));
      note("period_weight." + std::to_string(i), periods.amplitude);
      x = norm_->forward(blocks_[i]->forward(x, periods));
    }
    const auto forecast = out_->forward(x.narrow(1, sizes_.lookback, sizes_.horizon)) * sd + mean;
    return {target_channels(forecast, sizes_), {}};
  }

 private:
  ForecastSizes sizes_;
  std::int64_t periods_ = 0;
  std::shared_ptr<DataEmbedding> embedding_;
  torch::nn::Linear extend_{nullptr}, out_{nullptr};
  std::vector<std::shared_ptr<TimesBlock>> blocks_;
  torch::nn::LayerNorm norm_{nullptr};
};

const FieldTable<TimesNet::Config>& TimesNet::Config::fields() {
  const auto positive = at_least<std::int64_t>(1);
  static const auto table =
      FieldTable<Config>()
          .add("d_model", &Config::d_model, "width of a step (published: 32)", positive)
          .add("d_ff", &Config::d_ff, "channels between the two convolutions (published: 32)", positive)
          .add("e_layers", &Config::e_layers, "blocks (published: 2)", positive)
          .add("num_kernels", &Config::num_kernels, "square kernels of sizes 1, 3, 5, ... (published: 6)", positive)
          .add("top_k", &Config::top_k, "periods a block (published: 5)", positive)
          .add("dropout", &Config::dropout, "after the embedding (published: 0.1)", fraction());
  return table;
}

const RegisterForecaster<TimesNet> registered(
    {.name = "timesnet",
     .title = "TimesNet",
     .summary = "folds the series by its periods, two-dimensional convolutions",
     .source = "Wu et al. 2023, arXiv 2210.02186",
     .system_ids = {"timesnet"}});

}  // namespace
}  // namespace longwave
