// Mamba-2, "Transformers are SSMs" (Dao and Gu 2024): a state space with one decay per head, which makes it linear
// attention with queries C, keys B, values dt x and log decay dt A.

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include "longwave/base/check.h"
#include "longwave/mixers/mixer.h"
#include "longwave/nn/sequence_parts.h"
#include "longwave/nn/state_parameters.h"
#include "longwave/nn/step_sizes.h"
#include "longwave/ops/gated_activation.h"
#include "longwave/ops/gated_linear_attention.h"
#include "longwave/ops/rms_norm.h"

namespace longwave {
namespace {

using at::Tensor;
using torch::nn::Linear;

class Mamba2 final : public SequenceMixer, public HasStateParameters {
 public:
  struct Config {
    std::int64_t d_state = 128, d_conv = 4, expand = 2, headdim = 0, ngroups = 1, norm_groups = 1;
    bool conv_bias = true, bias = false, rmsnorm = true, norm_before_gate = false, D_has_hdim = false;
    bool learnable_init_states = false, rescale_out = false;
    std::vector<double> dt_limit = {};
    double dt_min = 1e-3, dt_max = 0.1, dt_init_floor = 1e-4, a_min = 1, a_max = 16;
    static const FieldTable<Config>& fields() {
      static const auto table =
          FieldTable<Config>()
              .add("d_state", &Config::d_state, "states of each channel", at_least<std::int64_t>(1))
              .add("d_conv", &Config::d_conv, "taps of the short convolution", at_least<std::int64_t>(1))
              .add("expand", &Config::expand, "inner width over that of x", between<std::int64_t>(1, 64))
              .add("headdim", &Config::headdim,
                   "channels of a head; 0: the largest divisor of the inner width up to 64", at_least<std::int64_t>(0))
              .add("ngroups", &Config::ngroups, "groups of heads that share B and C", at_least<std::int64_t>(1))
              .add("conv_bias", &Config::conv_bias, "bias of the short convolution")
              .add("bias", &Config::bias, "bias of the projections")
              .add("rmsnorm", &Config::rmsnorm, "norm of the gated outputs; false: the gate alone")
              .add("norm_before_gate", &Config::norm_before_gate, "the norm does not see the gate")
              .add("norm_groups", &Config::norm_groups, "blocks of the inner width with a norm each",
                   at_least<std::int64_t>(1))
              .add("D_has_hdim", &Config::D_has_hdim, "a skip for every channel; false: for every head")
              .add("learnable_init_states", &Config::learnable_init_states, "the state before the first step is learnt")
              .add("dt_limit", &Config::dt_limit, "smallest and largest step; empty: no limits", limits())
              .add("dt_min", &Config::dt_min, "smallest initial step", positive())
              .add("dt_max", &Config::dt_max, "largest initial step", positive())
              .add("dt_init_floor", &Config::dt_init_floor, "initial steps are at least this", at_least(0.0))
              .add("a_min", &Config::a_min, "smallest initial rate of decay", positive())
              .add("a_max", &Config::a_max, "largest initial rate of decay", positive())
              .add("rescale_out", &Config::rescale_out,
                   "the output map starts divided by the root of the number of layers, as in the authors' language "
                   "models");
      return table;
    }
  };

  Mamba2(const MixerSizes& sizes, const Config& config)
      : d_(sizes.d), inner_(d_ * config.expand), states_(config.ngroups * config.d_state), config_(config) {
    width_ = config.headdim ? config.headdim : divisor_up_to(inner_, 64);
    check(inner_ % width_ == 0, "mamba2: headdim is ", width_, "; expected a divisor of the inner width ", inner_);
    heads_ = inner_ / width_;
    check(heads_ % config.ngroups == 0, "mamba2: ngroups is ", config.ngroups, "; expected a divisor of the ", heads_,
          " heads");
    check(inner_ % config.norm_groups == 0, "mamba2: norm_groups is ", config.norm_groups,
          "; expected a divisor of the inner width ", inner_);
    const auto with_bias = [&](std::int64_t in, std::int64_t out) {
      return Linear(torch::nn::LinearOptions(in, out).bias(config.bias));
    };
    in_ = register_module("in_proj", with_bias(d_, 2 * inner_ + 2 * states_ + heads_));
    conv_ = register_module("conv1d", depthwise_taps(inner_ + 2 * states_, config.d_conv, config.conv_bias));
    const auto log_dt = draw_log_steps("mamba2", {heads_}, config.dt_min, config.dt_max);
    dt_bias_ = register_parameter("dt_bias", softplus_inverse(at::exp(log_dt).clamp_min(config.dt_init_floor)));
    check(config.a_min <= config.a_max, "mamba2: a_min is ", config.a_min, "; expected at most a_max, ", config.a_max);
    a_log_ = register_parameter("A_log", at::log(at::empty({heads_}).uniform_(config.a_min, config.a_max)));
    skip_ = register_parameter("D", at::ones({config.D_has_hdim ? inner_ : heads_}));
    if (config.learnable_init_states)
      initial_ = register_parameter("init_states", at::zeros({heads_, width_, config.d_state}));
    if (config.rmsnorm) norm_ = register_module("norm", std::make_shared<Weights>(at::ones({inner_})));
    out_ = register_module("out_proj", with_bias(inner_, d_));
    const at::NoGradGuard no_grad;
    if (config.rescale_out) out_->weight.div_(std::sqrt(static_cast<double>(sizes.layers)));
  }

  std::vector<std::string> state_parameters() const override {
    if (initial_.defined()) return {"A_log", "D", "dt_bias", "init_states"};
    return {"A_log", "D", "dt_bias"};
  }

  MixerProperties properties() const override { return {}; }

  Tensor forward(const Tensor& x_any, const Lengths& lengths, State* state) override {
    check_input("mamba2", x_any, d_, lengths, state);
    const auto valid = valid_steps(lengths, x_any);
    const auto u = zero_padding(x_any, valid);
    const auto parts = in_->forward(u).split_with_sizes({inner_, inner_ + 2 * states_, heads_}, -1);
    const auto& z = parts[0];
    const auto mixed = short_convolution(parts[1], conv_->weight, conv_->bias, true, lengths, state, "conv");
    const auto dt = zero_padding(step_sizes(parts[2]), valid);  // [b, t, h]; 0 keeps the state
    const auto xbc = mixed.split_with_sizes({inner_, states_, states_}, -1);
    const auto x = split_heads(xbc[0], heads_);
    const auto r = ops::gated_linear_attention(of_heads(xbc[2]), of_heads(xbc[1]), x, -at::exp(a_log_) * dt, {},
                                               state ? state->at("s") : first_states(x.size(0)), 1, dt,
                                               skip_.view({heads_, -1}).expand({heads_, width_}));
    if (state) state->at("s") = r.final_state;
    return zero_padding(out_->forward(gated(merge_heads(r.o), z)), valid);
  }

  State first_state(std::int64_t b) const override {
    const auto options = skip_.options().requires_grad(false);
    return {
        {"conv", at::zeros({b, config_.d_conv, inner_ + 2 * states_}, options)},
        {"s", initial_.defined() ? first_states(b).clone() : at::zeros({b, heads_, config_.d_state, width_}, options)}};
  }

 private:
  static Rule<std::vector<double>> limits() {
    return {"[low, high] with 0 <= low <= high, or []",
            [](const auto& v) { return v.empty() || (v.size() == 2 && 0 <= v[0] && v[0] <= v[1]); }};
  }

  Tensor step_sizes(const Tensor& raw) const {
    const auto dt = at::softplus(raw + dt_bias_);
    return config_.dt_limit.empty() ? dt : dt.clamp(config_.dt_limit[0], config_.dt_limit[1]);
  }

  /// What is learnt of the state before the first step, for b rows; undefined: it is zero.
  Tensor first_states(std::int64_t b) const {
    if (!initial_.defined()) return {};
    return initial_.transpose(1, 2).expand({b, heads_, config_.d_state, width_});
  }

  /// Outputs y with the gate of z.
  Tensor gated(const Tensor& y, const Tensor& z) const {
    const auto gate = [&](const Tensor& v) { return ops::gated_activation(z, {}, v, ops::HiddenFunction::silu); };
    if (!norm_) return gate(y);
    const auto normed = [&](const Tensor& v) {
      return ops::rms_norm(v, norm_->weight.view({config_.norm_groups, -1}), 1e-5);
    };
    return config_.norm_before_gate ? gate(normed(y)) : normed(gate(y));
  }

  /// B or C [b, t, groups n] for every head, [b, t, h, n]; with one group nothing is copied.
  Tensor of_heads(const Tensor& x) const {
    const auto b = x.size(0), t = x.size(1), share = heads_ / config_.ngroups;
    return split_heads(x, config_.ngroups)
        .unsqueeze(3)
        .expand({b, t, config_.ngroups, share, config_.d_state})
        .reshape({b, t, heads_, config_.d_state});
  }

  std::int64_t d_, inner_, states_, width_ = 0, heads_ = 0;
  Config config_;
  Linear in_{nullptr}, out_{nullptr};
  std::shared_ptr<Weights> conv_, norm_;
  Tensor dt_bias_, a_log_, skip_, initial_;
};

State given_states(const TensorMap& in) {
  State state;
  const auto find = [&](const char* name) { return in.count(name) ? in.at(name) : Tensor(); };
  if (const auto conv = find("conv_state"); conv.defined()) state["conv"] = conv.transpose(1, 2);
  for (const auto& s : {find("ssm_state"), given_state(in)})
    if (s.defined()) state["s"] = s.transpose(2, 3);
  return state;
}

MixerReference reference() {
  return {.system_ids = {"mamba2"},
          .configure =
              [](const Json& config, MixerSizes& sizes, Json& settings) {
                sizes.d = config.at("d_model");
                settings["rmsnorm"] = fixture_has_weight(config, "norm.weight");
                settings["learnable_init_states"] = fixture_has_weight(config, "init_states");
                // Of the two modules there, the one with these options norms every group of B and C by itself.
                for (const auto* key : {"norm_before_gate", "rmsnorm", "D_has_hdim"})
                  if (config.contains(key)) settings["norm_groups"] = config.value("ngroups", 1);
              },
          .final_state =
              [](const State& state) {  // there [b, h, channel, state]
                return TensorMap{{"conv_state", state.at("conv").transpose(1, 2)},
                                 {"ssm_state", state.at("s").transpose(2, 3)}};
              },
          .initial_state = given_states};
}

const RegisterMixer<Mamba2> registered(
    {"mamba2",
     "Mamba-2",
     "state space",
     "selective state space with one decay per head, as linear attention",
     "Dao and Gu 2024, Transformers are SSMs, arXiv:2405.21060",
     reference(),
     {{"groups", {{"d_state", 5}, {"headdim", 3}, {"ngroups", 2}, {"d_conv", 3}, {"bias", true}}, 12},
      {"norm first",
       {{"d_state", 4}, {"headdim", 4}, {"norm_before_gate", true}, {"norm_groups", 3}, {"D_has_hdim", true}},
       6},
      {"learnt state",
       {{"d_state", 4},
        {"headdim", 4},
        {"learnable_init_states", true},
        {"dt_limit", {0.01, 0.05}},
        {"rmsnorm", false}},
       8}}});

}  // namespace
}  // namespace longwave
