// CATS: a forecaster on a pool of auxiliary series that are built from the input by convolutions.
// "CATS: Enhancing Multivariate Time Series Forecasting by Constructing Auxiliary Time Series as Exogenous Variables"
// (Lu et al. 2024). Layout inside: [b, series, time], so that everything along time is a product of contiguous rows.

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include "longwave/models/forecaster.h"
#include "longwave/models/targets.h"
#include "longwave/nn/activation.h"
#include "longwave/nn/dropout_draw.h"
#include "longwave/nn/long_convolution.h"
#include "longwave/nn/path.h"
#include "longwave/ops/masked_series.h"
#include "longwave/ops/mlp.h"

namespace longwave {
namespace {

class Cats final : public Forecaster {
 public:
  struct Config {
    std::int64_t F_conv_output = 8;
    std::int64_t F_noconv_output = 8;
    std::int64_t F_gconv_output_rate = 1;
    std::int64_t F_lin_output = 16;
    std::int64_t F_id_output_rate = 1;
    std::int64_t F_emb_output = 4;
    std::int64_t mlp_ratio = 8;
    double predictor_dropout = 0.1;
    double continuity_beta = 1;
    bool channel_sparsity = true, mid_gate = true, output_projection = true;
    static const FieldTable<Config>& fields();
  };

  Cats(const ForecastSizes& sizes, const Config& config) : sizes_(sizes), config_(config) {
    const auto c = sizes.channels;
    pool_ = 2 * config.F_conv_output + 2 * config.F_noconv_output + config.F_lin_output + config.F_emb_output +
            c * (config.F_gconv_output_rate + config.F_id_output_rate + 1);
    add_auxiliary_series();
    add_sparsity();
    const auto hidden = config.mlp_ratio * sizes.lookback;
    auto& predictor = submodule(*this, "Predictor.model");
    up_ = predictor.register_module("0", torch::nn::Linear(sizes.lookback, hidden));
    down_ = predictor.register_module("3", torch::nn::Linear(hidden, sizes.horizon));
    mix_ = submodule(*this, "output_conv_1x1").register_module("1", conv(pool_, c, 1));
    mix_->weight.detach().zero_();
    register_parameter("channel_w", at::ones({c}));  // in the reference's files, used by nothing
    register_parameter("channel_b", at::zeros({c}));
    dropout_ = {config.predictor_dropout, &random};
  }

  bool drops_channels() const override { return true; }

  /// The reference also stores what has no outputs.
  TensorMap import_reference(TensorMap weights) const override {
    std::erase_if(weights, [](const auto& item) { return item.second.numel() == 0; });
    return weights;
  }

  ForecastOutput forward(const ForecastInput& in) override {
    const auto c = sizes_.channels;
    const auto last = in.x.narrow(1, sizes_.lookback - 1, 1).transpose(1, 2);  // [b, c, 1]
    const auto x = in.x.transpose(1, 2).contiguous() - last.detach();
    const auto scores = config_.channel_sparsity ? channel_scores(x) : x.new_ones({x.size(0), pool_, 1});
    const auto encode = at::cat({scores.narrow(1, 0, pool_ - c), at::ones_like(scores.narrow(1, 0, c))}, 1);
    const auto decode = at::cat({at::ones_like(scores.narrow(1, 0, pool_ - c)), scores.narrow(1, pool_ - c, c)}, 1);

    const auto series = auxiliary_series(x);
    if (trace) note_mask(series * encode);
    // The oldest steps are cut. Without the gate its numbers are no weights, whose type Module::to changes.
    const auto type = series.scalar_type();
    const auto [z, changes] = ops::masked_series(series, encode, mask_weight_.squeeze(2).to(type),
                                                 mask_bias_.flatten().to(type), ramp_.to(type));
    ForecastOutput out;
    if (in.with_losses || is_training()) out.extra_losses["continuity"] = config_.continuity_beta * changes;
    const auto prediction = predict(z);  // [b, F, p]
    if (trace) note_pool(z, prediction, last);
    auto forecast = prediction.narrow(1, pool_ - c, c) + last;
    if (config_.output_projection) forecast = forecast + convolve(mix_, prediction * decode);
    out.forecast = target_channels(forecast.transpose(1, 2), sizes_);
    return out;
  }

 private:
  static torch::nn::Conv1d conv(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t groups = 1) {
    return torch::nn::Conv1d(torch::nn::Conv1dOptions(in, out, kernel).padding(kernel / 2).groups(groups));
  }

  void add_auxiliary_series() {
    const auto c = sizes_.channels;
    if (config_.F_noconv_output > 0) {
      blocks_.push_back(block_conv("input_conv", 12));
      blocks_.push_back(block_conv("input_conv_alter", 24));
    }
    if (config_.F_conv_output > 0) {
      convs_.push_back(register_module("input_conv2", conv(c, config_.F_conv_output, 49)));
      convs_.push_back(register_module("input_conv2_alter", conv(c, config_.F_conv_output, 193)));
    }
    if (const auto rate = config_.F_gconv_output_rate; rate > 0)
      convs_.push_back(register_module("input_conv_grouped2", conv(c, c * rate, 99, c)));
    if (config_.F_lin_output > 0) convs_.push_back(register_module("input_conv_1x1", conv(c, config_.F_lin_output, 1)));
    if (config_.F_emb_output > 0)
      embedding_ = register_parameter("pure_emb", at::randn({1, sizes_.lookback, config_.F_emb_output}));
  }

  void add_sparsity() {
    const auto c = sizes_.channels, l = sizes_.lookback;
    auto& selection = submodule(*this, "channel_selection");
    aggregation_ = submodule(selection, "aggregation").register_module("0", torch::nn::Linear(l, 1));
    attention_in_ = submodule(selection, "attention").register_module("0", torch::nn::Linear(c, 8 * pool_));
    attention_out_ = submodule(selection, "attention").register_module("2", torch::nn::Linear(8 * pool_, pool_));
    mask_weight_ = at::zeros({pool_, l, 1});  // zeros cut nothing
    mask_bias_ = at::zeros({pool_, 1, 1});
    ramp_ = at::linspace(1, 0, l);
    if (!config_.mid_gate) return;
    auto& mask = submodule(*this, "generate_self_mask");
    submodule(mask, "weights").register_parameter("0", mask_weight_);
    submodule(mask, "biases").register_parameter("0", mask_bias_);
    register_buffer("mask_generate_linspace", ramp_);
  }

  torch::nn::Conv1d block_conv(const std::string& name, std::int64_t kernel) {
    const auto pad = (kernel - sizes_.lookback % kernel) % kernel / 2;
    auto options = torch::nn::Conv1dOptions(sizes_.channels, kernel * config_.F_noconv_output, kernel);
    return submodule(*this, name).register_module("conv1d", torch::nn::Conv1d(options.stride(kernel).padding(pad)));
  }

  /// A convolution whose windows do not overlap and whose outputs fill them again: [b, c, l] -> [b, Fn, l].
  static at::Tensor fill_blocks(torch::nn::Conv1d& conv, const at::Tensor& x) {
    const auto pad = c10::get<torch::ExpandingArray<1>>(conv->options.padding())->front();
    const auto filled = block_convolution(x, conv->weight, conv->bias, pad);
    return at::constant_pad_nd(filled, {x.size(2) - filled.size(2), 0});  // a negative padding crops
  }

  static at::Tensor convolve(torch::nn::Conv1d& conv, const at::Tensor& x) {
    if (conv->weight.size(2) == 1) return at::matmul(conv->weight.squeeze(2), x) + conv->bias.unsqueeze(1);
    return long_convolution(x, conv->weight, conv->bias, conv->options.groups());
  }

  /// The pool of series, the input itself last: [b, c, l] -> [b, F, l].
  at::Tensor auxiliary_series(const at::Tensor& x) {
    std::vector<at::Tensor> series;
    for (auto& conv : blocks_) series.push_back(fill_blocks(conv, x));
    for (auto& conv : convs_) series.push_back(convolve(conv, x));
    for (std::int64_t i = 0; i < config_.F_id_output_rate; ++i) series.push_back(x);
    if (embedding_.defined()) series.push_back(embedding_.transpose(1, 2).expand({x.size(0), -1, -1}));
    series.push_back(x);
    return at::cat(series, 1);
  }

  at::Tensor channel_scores(const at::Tensor& x) {
    const auto summary = at::relu(aggregation_->forward(x)).transpose(1, 2);  // [b, 1, c]
    return at::sigmoid(attention_out_->forward(exact_gelu(attention_in_->forward(summary)))).transpose(1, 2);
  }

  /// Which steps of each series [b, F, l] are kept.
  void note_mask(const at::Tensor& z) const {
    const auto slope = (z * mask_weight_.squeeze(2)).sum(2, /*keepdim=*/true) + mask_bias_.squeeze(2);  // [b, F, 1]
    note("mask", (1 - ramp_ * slope > 0).to(z.scalar_type()).transpose(1, 2));
  }

  /// The pool and its forecasts over time, the last c of them (the channels) back in data units: [b, l + p, F].
  void note_pool(const at::Tensor& z, const at::Tensor& prediction, const at::Tensor& last) const {
    const auto offset = at::constant_pad_nd(last, {0, 0, pool_ - sizes_.channels, 0});
    note("predictor_snapshot", (at::cat({z, prediction}, 2) + offset).transpose(1, 2));
  }

  at::Tensor predict(const at::Tensor& z) {
    const DropoutDraw draw(dropout_, is_training());
    return ops::mlp(z, up_->weight, up_->bias, down_->weight, down_->bias, ops::Activation::gelu,
                    ops::DropoutPlace::before_activation, draw.p, draw.key);
  }

  ForecastSizes sizes_;
  Config config_;
  std::int64_t pool_ = 0;
  std::vector<torch::nn::Conv1d> blocks_, convs_;
  torch::nn::Conv1d mix_{nullptr};
  torch::nn::Linear aggregation_{nullptr}, attention_in_{nullptr}, attention_out_{nullptr}, up_{nullptr},
      down_{nullptr};
  at::Tensor embedding_, mask_weight_, mask_bias_, ramp_;
  Dropout dropout_;
};

const FieldTable<Cats::Config>& Cats::Config::fields() {
  const auto none_or_more = at_least<std::int64_t>(0);
  static const auto table =
      FieldTable<Config>()
          .add("F_conv_output", &Config::F_conv_output, "series from each of the two long convolutions", none_or_more)
          .add("F_noconv_output", &Config::F_noconv_output, "series from each of the two blockwise convolutions",
               none_or_more)
          .add("F_gconv_output_rate", &Config::F_gconv_output_rate, "series a channel from the depth-wise convolution",
               none_or_more)
          .add("F_lin_output", &Config::F_lin_output, "series that are linear mixtures of the channels", none_or_more)
          .add("F_id_output_rate", &Config::F_id_output_rate, "copies of each channel", none_or_more)
          .add("F_emb_output", &Config::F_emb_output, "learned series that do not depend on the input", none_or_more)
          .add("mlp_ratio", &Config::mlp_ratio, "hidden width of the predictor in lookbacks (published: 8)",
               at_least<std::int64_t>(1))
          .add("predictor_dropout", &Config::predictor_dropout, "dropout before the predictor's activation", fraction())
          .add("channel_sparsity", &Config::channel_sparsity, "each window weighs the series by learned scores")
          .add("mid_gate", &Config::mid_gate, "each series is cut before a step that depends on it")
          .add("output_projection", &Config::output_projection, "a learned mixture of all forecasts is added")
          .add("continuity_beta", &Config::continuity_beta, "weight of the continuity loss", at_least(0.0));
  return table;
}

const RegisterForecaster<Cats> registered(
    {.name = "cats",
     .title = "CATS",
     .summary = "auxiliary series built by convolutions, made sparse, and one MLP over time",
     .source = "Lu et al. 2024, arXiv 2403.01673",
     .system_ids = {"cats"}});

}  // namespace
}  // namespace longwave
