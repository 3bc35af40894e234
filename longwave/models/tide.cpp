// TiDE: residual dense encoder and decoder on one series and the calendar, plus a linear map over time.
// "Long-term Forecasting with TiDE: Time-series Dense Encoder" (Das et al. 2023).

#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include "longwave/models/instance_norm.h"
#include "longwave/models/targets.h"

namespace longwave {
namespace {

constexpr std::int64_t kFeatureWidth = 2;  // encoded calendar features of a step

/// LN(fc2(relu(fc1(x))) + fc3(x)), dropout after fc2.
class ResidualBlock final : public torch::nn::Module {
 public:
  struct Sizes {
    std::int64_t in = 0, hidden = 0, out = 0;
  };

  ResidualBlock(const Sizes& sizes, Dropout dropout, bool with_norm = true) : dropout_(dropout) {
    fc1_ = register_module("fc1", torch::nn::Linear(sizes.in, sizes.hidden));
    fc2_ = register_module("fc2", torch::nn::Linear(sizes.hidden, sizes.out));
    fc3_ = register_module("fc3", torch::nn::Linear(sizes.in, sizes.out));
    if (with_norm) ln_ = register_module("ln", torch::nn::LayerNorm(torch::nn::LayerNormOptions({sizes.out})));
  }

  at::Tensor forward(const at::Tensor& x) {
    const auto y = dropout_(fc2_(at::relu(fc1_(x))), is_training()) + fc3_(x);
    if (!ln_) return y;
    // The norm of one number is its bias: computed, it would be that but for rounding, times up to 1 / sqrt(eps)^3 in
    // the gradients.
    return y.size(-1) == 1 ? ln_->bias.expand_as(y) : ln_(y);
  }

 private:
  Dropout dropout_;
  torch::nn::Linear fc1_{nullptr}, fc2_{nullptr}, fc3_{nullptr};
  torch::nn::LayerNorm ln_{nullptr};
};

class Tide final : public Forecaster {
 public:
  struct Config {
    std::int64_t d_model = 256, e_layers = 2, d_layers = 2, d_ff = 128;
    double dropout = 0.3;
    bool temporal_norm = true;
    static const FieldTable<Config>& fields();
  };

  Tide(const ForecastSizes& sizes, const Config& config)
      : sizes_(sizes), config_(config), dropout_{config.dropout, &random} {
    const auto d = config.d_model;
    const auto window = sizes.lookback + (sizes.lookback + sizes.horizon) * kFeatureWidth;
    const auto decoded = (sizes.channels + 1) * sizes.horizon;
    const auto block = [&](std::int64_t in, std::int64_t out) {
      return std::make_shared<ResidualBlock>(ResidualBlock::Sizes{in, d, out}, dropout_);
    };
    features_ = register_module("feature_encoder", block(sizes.time_features, kFeatureWidth));
    auto encoders = register_module("encoders", std::make_shared<torch::nn::Module>());
    encoders_ = {encoders->register_module("0", block(window, d))};
    if (config.e_layers > 1) repeat(encoders_, encoders->register_module("1", block(d, d)), config.e_layers - 1);
    auto decoders = register_module("decoders", std::make_shared<torch::nn::Module>());
    if (config.d_layers > 1) repeat(decoders_, decoders->register_module("0", block(d, d)), config.d_layers - 1);
    decoders_.push_back(decoders->register_module(std::to_string(config.d_layers - 1), block(d, decoded)));
    const ResidualBlock::Sizes step{sizes.channels + 1 + kFeatureWidth, config.d_ff, 1};
    temporal_ =
        register_module("temporalDecoder", std::make_shared<ResidualBlock>(step, dropout_, config.temporal_norm));
    residual_ = register_module("residual_proj", torch::nn::Linear(sizes.lookback, sizes.horizon));
  }

  ForecastOutput forward(const ForecastInput& in) override {
    const InstanceNorm norm(in.x);
    const auto b = in.x.size(0), c = in.x.size(2);
    const auto series = norm.values.transpose(1, 2);  // [b, c, l]
    const auto calendar = features_->forward(calendar_of(in));
    auto hidden = at::cat({series, calendar.flatten(1).unsqueeze(1).expand({b, c, -1})}, -1);
    for (const auto& block : encoders_) hidden = block->forward(hidden);
    for (const auto& block : decoders_) hidden = block->forward(hidden);
    if (trace)
      for (std::int64_t channel = 0; channel < c; ++channel)
        note("decoded." + std::to_string(channel), hidden.select(1, channel));
    const auto steps = hidden.view({b, c, sizes_.horizon, -1});
    const auto ahead = calendar.narrow(1, sizes_.lookback, sizes_.horizon).unsqueeze(1).expand({b, c, -1, -1});
    const auto dense = temporal_->forward(at::cat({ahead, steps}, -1)).squeeze(-1);  // [b, c, p]
    const auto y = (dense + residual_(series)).transpose(1, 2);
    return {target_channels(norm.inverse(y), sizes_), {}};
  }

  /// The reference repeats one shared block under several names; here it has the first of them.
  TensorMap import_reference(TensorMap weights) const override {
    const auto is_repeat = [](const std::string& name, const std::string& list, std::int64_t first, std::int64_t end) {
      for (auto i = first; i < end; ++i)
        if (name.starts_with(list + "." + std::to_string(i) + ".")) return true;
      return false;
    };
    std::erase_if(weights, [&](const auto& item) {
      return is_repeat(item.first, "encoders", 2, config_.e_layers) ||
             is_repeat(item.first, "decoders", 1, config_.d_layers - 1);
    });
    return weights;
  }

  bool uses_calendar() const override { return true; }

 private:
  using Blocks = std::vector<std::shared_ptr<ResidualBlock>>;

  static void repeat(Blocks& list, const std::shared_ptr<ResidualBlock>& block, std::int64_t times) {
    list.insert(list.end(), static_cast<std::size_t>(times), block);
  }

  /// Calendar of window and horizon, [b, l + p, f].
  at::Tensor calendar_of(const ForecastInput& in) const {
    const auto future = in.y_mark.narrow(1, in.y_mark.size(1) - sizes_.horizon, sizes_.horizon);
    return at::cat({in.x_mark, future}, 1);
  }

  ForecastSizes sizes_;
  Config config_;
  Dropout dropout_;
  std::shared_ptr<ResidualBlock> features_, temporal_;
  Blocks encoders_, decoders_;
  torch::nn::Linear residual_{nullptr};
};

const FieldTable<Tide::Config>& Tide::Config::fields() {
  constexpr std::int64_t one = 1;
  static const auto table =
      FieldTable<Config>()
          .add("d_model", &Config::d_model, "hidden width of the dense blocks (paper: 256 on ETTh1)", at_least(one))
          .add("e_layers", &Config::e_layers, "encoder blocks; all but the first share their weights", at_least(one))
          .add("d_layers", &Config::d_layers, "decoder blocks; all but the last share their weights", at_least(one))
          .add("d_ff", &Config::d_ff, "hidden width of the temporal decoder (paper: 128 on ETTh1)", at_least(one))
          .add("dropout", &Config::dropout, "of every dense block (paper: 0.3 on ETTh1)", fraction())
          .add("temporal_norm", &Config::temporal_norm,
               "layer norm after the temporal decoder, as in the released program: it is over a single number, so the "
               "dense path does not reach the forecast; false: without it the path works");
  return table;
}

const RegisterForecaster<Tide> registered({.name = "tide",
                                           .title = "TiDE",
                                           .summary = "dense encoder and decoder with calendar, plus a linear map",
                                           .source = "Das et al. 2023, arXiv 2304.08424",
                                           .system_ids = {"tide"}});

}  // namespace
}  // namespace longwave
