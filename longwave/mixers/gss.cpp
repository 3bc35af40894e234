// GSS, "Long Range Language Modeling via Gated State Spaces" (Mehta, Gupta, Cutkosky, Neyshabur 2022): a diagonal
// state-space model of few features, gated by a wide branch. Residual and norm are part of it.

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include "longwave/base/check.h"
#include "longwave/mixers/mixer.h"
#include "longwave/nn/activation.h"
#include "longwave/nn/derived_diagonal.h"
#include "longwave/nn/discretize.h"
#include "longwave/nn/state_parameters.h"

namespace longwave {
namespace {

struct GssConfig {
  std::int64_t kernel_width = 0, d_state = 512;
  double expand = 4;
  bool lambda_imag_exp = true;
  static const FieldTable<GssConfig>& fields() {
    static const auto table =
        FieldTable<GssConfig>()
            .add("kernel_width", &GssConfig::kernel_width,
                 "features of the state-space model; 0: a quarter of the width", at_least<std::int64_t>(0))
            .add("d_state", &GssConfig::d_state, "complex states, shared by all features", at_least<std::int64_t>(1))
            .add("expand", &GssConfig::expand, "width of the gating branch over that of the model, rounded down",
                 between<double>(0.01, 64))
            .add("lambda_imag_exp", &GssConfig::lambda_imag_exp, "frequencies are stored as logarithms");
    return table;
  }
};

class Gss final : public SequenceMixer, public HasStateParameters {
 public:
  using Config = GssConfig;

  Gss(const MixerSizes& sizes, const Config& config) : config_(config), d_(sizes.d) {
    using torch::nn::LayerNormOptions;
    using torch::nn::LinearOptions;
    h_ = config.kernel_width > 0 ? config.kernel_width : std::max<std::int64_t>(1, d_ / 4);
    const auto wide = static_cast<std::int64_t>(config.expand * static_cast<double>(d_));
    check(wide > 0, "gss: expand is ", config.expand, "; expected at least 1 / width = 1 / ", d_);
    norm_ = register_module("norm", torch::nn::LayerNorm(LayerNormOptions({d_})));
    const auto linear = [](std::int64_t in, std::int64_t out) {
      return torch::nn::Linear(LinearOptions(in, out).bias(false));
    };
    to_u_ = register_module("to_u", std::make_shared<Module>())->register_module("0", linear(d_, wide));
    to_v_ = register_module("to_v", std::make_shared<Module>())->register_module("0", linear(d_, h_));
    auto dss = register_module("dss", std::make_shared<Module>());
    dss_norm_ = dss->register_module("norm", torch::nn::LayerNorm(LayerNormOptions({h_})));
    log_decay_ = dss->register_parameter("Lambda_real", at::randn({config.d_state}));
    frequency_ = dss->register_parameter("Lambda_imag", at::randn({config.d_state}));
    c_real_ = dss->register_parameter("C_real", at::randn({h_, config.d_state}));
    c_imag_ = dss->register_parameter("C_imag", at::randn({h_, config.d_state}));
    skip_ = dss->register_parameter("param_D", at::randn({h_}));
    to_gate_ = register_module("to_gate", linear(h_, wide));
    to_out_ = register_module("to_out", torch::nn::Linear(wide, d_));
  }

  std::vector<std::string> state_parameters() const override { return {"dss.Lambda_real", "dss.Lambda_imag"}; }

  MixerProperties properties() const override { return {.cost = Cost::linearithmic, .reason = ""}; }

  at::Tensor forward(const at::Tensor& x_any, const Lengths& lengths, State* state) override {
    check_input("gss", x_any, d_, lengths, state);
    const auto valid = valid_steps(lengths, x_any);
    const auto x = zero_padding(x_any, valid), normed = norm_->forward(x);
    const auto u = exact_gelu(to_u_->forward(normed));
    auto v = zero_padding(dss_norm_->forward(exact_gelu(to_v_->forward(normed))), valid);
    const auto ssm =
        derived_diagonal(cache_, *this, {log_decay_, frequency_, c_real_, c_imag_}, 1, [this] { return model(); });
    v = diagonal_ssm(ssm, v, lengths, state ? &state->at("h") : nullptr, {.skip = skip_.unsqueeze(0)});
    return zero_padding(x + to_out_->forward(to_gate_->forward(v) * u), valid);
  }

  State first_state(std::int64_t b) const override {
    return {{"h", at::zeros({b, h_, config_.d_state, 2}, skip_.options().requires_grad(false))}};
  }

  /// The step size is 1 and not stored, so that the poles take the factor, and C what (e^L - 1) / L then lacks.
  bool scale_step(double factor) override {
    const at::NoGradGuard no_grad;
    scale_logarithm(log_decay_, factor);
    if (config_.lambda_imag_exp)
      scale_logarithm(frequency_, factor);
    else
      frequency_.mul_(factor);
    c_real_.mul_(factor);
    c_imag_.mul_(factor);
    return true;
  }

 private:
  DiagonalSsm model() const {
    const auto lambda =
        at::complex(-at::exp(log_decay_), config_.lambda_imag_exp ? at::exp(frequency_) : frequency_).unsqueeze(0);
    const auto c = (at::complex(c_real_, c_imag_) * expm1_over(lambda)).unsqueeze(0);
    return {{lambda, at::ones_like(lambda)}, c, 1};
  }

  Config config_;
  std::int64_t d_, h_ = 0;
  torch::nn::LayerNorm norm_{nullptr}, dss_norm_{nullptr};
  torch::nn::Linear to_u_{nullptr}, to_v_{nullptr}, to_gate_{nullptr}, to_out_{nullptr};
  at::Tensor log_decay_, frequency_, c_real_, c_imag_, skip_;
  DerivedCache cache_;
};

const RegisterMixer<Gss> registered({
    .name = "gss",
    .title = "GSS",
    .family = "state space",
    .summary = "diagonal state-space model of few features, gated by a wide branch; residual inside",
    .source = "Mehta et al. 2022, arXiv 2206.13947",
    .reference = {
        .system_ids = {"gss"},
        .configure =
            [](const Json& config, MixerSizes& sizes, Json& settings) {
              sizes.d = config.at("dim").get<std::int64_t>();
              settings["kernel_width"] = config.at("dss_kernel_H");
              settings["d_state"] = config.at("dss_kernel_N");
              settings["expand"] = config.value("dim_expansion_factor", 4.0);
            },
        .layout_of = [](const Json& config) { return config.value("reverse_seq", false) ? "btd reversed" : "btd"; }},
    .variants = {{"small", {{"kernel_width", 3}, {"d_state", 5}, {"expand", 2}, {"lambda_imag_exp", false}}, 6}},
});

}  // namespace
}  // namespace longwave
