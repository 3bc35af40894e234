// Mamba, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces" (Gu and Dao 2023), the whole block:
//   [u, z] = W_in x;  u = SiLU(conv(u));  [r, B, C] = W_x u;  step = softplus(W_dt r + b_dt)
//   h[t] = exp(step A) h[t-1] + step B u;  y = W_out ((C . h + D u) * SiLU(z)),  A = -exp(A_log)

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include <cmath>

#include "longwave/mixers/mixer.h"
#include "longwave/nn/short_convolution.h"
#include "longwave/nn/state_parameters.h"
#include "longwave/nn/step_sizes.h"
#include "longwave/ops/selective_scan.h"

namespace longwave {
namespace {

using at::Tensor;
using torch::nn::Linear;
using torch::nn::LinearOptions;

class Mamba final : public SequenceMixer, public HasStateParameters {
 public:
  struct Config {
    std::int64_t d_state = 16, d_conv = 4, expand = 2, dt_rank = 0;
    double dt_min = 1e-3, dt_max = 0.1, dt_scale = 1, dt_init_floor = 1e-4;
    std::string dt_init = "random";
    bool conv_bias = true, bias = false, rescale_out = false;
    static const FieldTable<Config>& fields() {
      static const auto one = at_least<std::int64_t>(1);
      static const auto table =
          FieldTable<Config>()
              .add("d_state", &Config::d_state, "states of a channel", one)
              .add("d_conv", &Config::d_conv, "taps of the short convolution", one)
              .add("expand", &Config::expand, "channels inside over the width of x", between<std::int64_t>(1, 64))
              .add("dt_rank", &Config::dt_rank, "rank of the map to the step sizes; 0: the width of x / 16, rounded up",
                   at_least<std::int64_t>(0))
              .add("dt_min", &Config::dt_min, "smallest step size at the start", positive())
              .add("dt_max", &Config::dt_max, "largest step size at the start", positive())
              .add("dt_init", &Config::dt_init, "start of the map to the step sizes", one_of({"random", "constant"}))
              .add("dt_scale", &Config::dt_scale, "scale of that start", positive())
              .add("dt_init_floor", &Config::dt_init_floor, "no step size starts below", positive())
              .add("conv_bias", &Config::conv_bias, "bias of the short convolution")
              .add("bias", &Config::bias, "biases of the input and output maps")
              .add("rescale_out", &Config::rescale_out,
                   "the output map starts divided by the root of the number of layers, as in the authors' language "
                   "models");
      return table;
    }
  };

  Mamba(const MixerSizes& sizes, const Config& config)
      : d_(sizes.d),
        inner_(config.expand * sizes.d),
        states_(config.d_state),
        rank_(config.dt_rank ? config.dt_rank : (sizes.d + 15) / 16) {
    in_proj_ = register_module("in_proj", Linear(LinearOptions(d_, 2 * inner_).bias(config.bias)));
    conv_ =
        register_module("conv1d", std::make_shared<ShortConvolution>(inner_, config.d_conv, config.conv_bias, true));
    x_proj_ = register_module("x_proj", Linear(LinearOptions(inner_, rank_ + 2 * states_).bias(false)));
    dt_proj_ = register_module("dt_proj", Linear(rank_, inner_));
    a_log_ = register_parameter("A_log", at::arange(1, states_ + 1, at::kFloat).log().repeat({inner_, 1}));
    skip_ = register_parameter("D", at::ones({inner_}));
    out_proj_ = register_module("out_proj", Linear(LinearOptions(inner_, d_).bias(config.bias)));
    start_step_sizes(config);
    const at::NoGradGuard no_grad;
    if (config.rescale_out) out_proj_->weight.div_(std::sqrt(static_cast<double>(sizes.layers)));
  }

  std::vector<std::string> state_parameters() const override { return {"A_log", "D", "dt_proj.bias"}; }

  MixerProperties properties() const override { return {}; }

  Tensor forward(const Tensor& x_any, const Lengths& lengths, State* state) override {
    check_input("mamba", x_any, d_, lengths, state);
    const auto valid = valid_steps(lengths, x_any);
    const auto parts = in_proj_->forward(zero_padding(x_any, valid)).chunk(2, -1);
    const auto u = conv_->forward(parts[0], lengths, state ? &state->at("conv") : nullptr);
    const auto selected = x_proj_->forward(u).split_with_sizes({rank_, states_, states_}, -1);
    const auto [y, last] = ops::selective_scan({.u = u,
                                                .delta = at::linear(selected[0], dt_proj_->weight),
                                                .A = -a_log_.exp(),
                                                .B = selected[1],
                                                .C = selected[2],
                                                .D = skip_,
                                                .z = parts[1],
                                                .delta_bias = dt_proj_->bias,
                                                .delta_softplus = true,
                                                .state = state ? state->at("ssm") : Tensor(),
                                                .lengths = lengths});
    if (state) state->at("ssm") = last;
    return zero_padding(out_proj_->forward(y), valid);
  }

  State first_state(std::int64_t b) const override {
    return {{"conv", conv_->initial_state(b)},
            {"ssm", at::zeros({b, inner_, states_}, a_log_.options().requires_grad(false))}};
  }

 private:
  /// Step sizes log-uniform in dt_min .. dt_max: softplus of the bias.
  void start_step_sizes(const Config& config) {
    const at::NoGradGuard no_grad;
    const double spread = config.dt_scale / std::sqrt(static_cast<double>(rank_));
    if (config.dt_init == "constant")
      dt_proj_->weight.fill_(spread);
    else
      dt_proj_->weight.uniform_(-spread, spread);
    const auto log_dt = draw_log_steps("mamba", {inner_}, config.dt_min, config.dt_max);
    dt_proj_->bias.copy_(softplus_inverse(at::exp(log_dt).clamp_min(config.dt_init_floor)));
  }

  std::int64_t d_, inner_, states_, rank_;
  Linear in_proj_{nullptr}, x_proj_{nullptr}, dt_proj_{nullptr}, out_proj_{nullptr};
  std::shared_ptr<ShortConvolution> conv_;
  Tensor a_log_, skip_;
};

const RegisterMixer<Mamba> registered(
    {"mamba",
     "Mamba",
     "state space",
     "gated block around a diagonal state space whose step, input and output maps depend on the input",
     "Gu and Dao 2023, Mamba: Linear-Time Sequence Modeling with Selective State Spaces, arXiv:2312.00752",
     {.system_ids = {"mamba"},
      .configure =
          [](const Json& config, MixerSizes& sizes, Json& settings) {
            sizes.d = config.at("d_model");
            if (settings.contains("dt_rank") && settings["dt_rank"] == "auto") settings["dt_rank"] = 0;
          },
      .final_state =
          [](const State& state) {
            return TensorMap{{"conv_state", state.at("conv").transpose(1, 2)}, {"ssm_state", state.at("ssm")}};
          },
      .initial_state =
          [](const TensorMap& in) {
            if (!in.count("conv_state") || !in.count("ssm_state")) return State();
            return State{{"conv", in.at("conv_state").transpose(1, 2)}, {"ssm", in.at("ssm_state")}};
          }},
     {{"three taps, biases", {{"d_conv", 3}, {"bias", true}, {"dt_rank", 2}, {"d_state", 5}}, 12},
      {"one tap, no bias", {{"d_conv", 1}, {"conv_bias", false}, {"expand", 1}, {"dt_init", "constant"}}, 7}}});

}  // namespace
}  // namespace longwave
