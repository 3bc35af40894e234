// DeltaNet (Yang et al. 2024) and its gated form (Yang, Kautz and Hatamizadeh 2024): the state learns by the delta rule
// to answer keys with values, that is, it corrects what it would have answered instead of adding to it.

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include <cmath>

#include "longwave/mixers/mixer.h"
#include "longwave/nn/projection_taps.h"
#include "longwave/nn/state_parameters.h"
#include "longwave/nn/step_sizes.h"
#include "longwave/ops/gated_linear_attention.h"
#include "longwave/ops/rms_norm.h"

namespace longwave {
namespace {

using at::Tensor;
using torch::nn::Linear;

struct DeltaConfig {
  std::int64_t num_heads = 4;
  double expand_k = 1, expand_v = 1;
  bool use_gate = false;
  bool use_short_conv = true;
  std::int64_t conv_size = 4;
  bool allow_neg_eigval = false;
  double norm_eps = 1e-5;
};

/// A member of what Config is derived from, as one of Config.
template <class Config, class T>
T Config::*member(T DeltaConfig::*of_base) {
  return of_base;
}

/// The fields that both forms have.
template <class Config>
FieldTable<Config> shared_fields() {
  return FieldTable<Config>()
      .add("num_heads", member<Config>(&DeltaConfig::num_heads), "heads", at_least<std::int64_t>(1))
      .add("expand_k", member<Config>(&DeltaConfig::expand_k), "width of the keys over that of x", positive())
      .add("expand_v", member<Config>(&DeltaConfig::expand_v), "width of the values over that of x", positive())
      .add("use_gate", member<Config>(&DeltaConfig::use_gate),
           "the output of each head is gated by silu of a linear map of x")
      .add("use_short_conv", member<Config>(&DeltaConfig::use_short_conv),
           "short causal convolutions on queries, keys and values")
      .add("conv_size", member<Config>(&DeltaConfig::conv_size), "taps of these", at_least<std::int64_t>(1))
      .add("allow_neg_eigval", member<Config>(&DeltaConfig::allow_neg_eigval),
           "learning rates up to 2 instead of 1, so that a state can change its sign")
      .add("norm_eps", member<Config>(&DeltaConfig::norm_eps), "of the norm of each head's output", at_least(0.0));
}

class DeltaBase : public SequenceMixer {
 public:
  DeltaBase(const char* name, const MixerSizes& sizes, const DeltaConfig& config)
      : name_(name), d_(sizes.d), config_(config) {
    const auto h = config.num_heads;
    dk_ = static_cast<std::int64_t>(std::floor(d_ * config.expand_k));
    dv_ = static_cast<std::int64_t>(std::floor(d_ * config.expand_v));
    check(dk_ > 0 && dv_ > 0 && dk_ % h == 0 && dv_ % h == 0, name, ": num_heads is ", h,
          "; expected a divisor of the widths of keys and values, ", dk_, " and ", dv_);
    query_ = linear("q_proj", d_, dk_);
    key_ = linear("k_proj", d_, dk_);
    value_ = linear("v_proj", d_, dv_);
    rate_ = linear("b_proj", d_, h);
    if (config.use_short_conv) taps_ = ProjectionTaps(*this, {{"q", dk_}, {"k", dk_}, {"v", dv_}}, config.conv_size);
    if (config.use_gate) gate_ = linear("g_proj", d_, dv_);
    norm_ = register_module("o_norm", std::make_shared<Weights>(at::ones({dv_ / h})));
    out_ = linear("o_proj", dv_, d_);
  }

  MixerProperties properties() const override { return {}; }

  Tensor forward(const Tensor& x_any, const Lengths& lengths, State* state) override {
    check_input(name_, x_any, d_, lengths, state);
    const auto h = config_.num_heads;
    const auto valid = valid_steps(lengths, x_any);
    const auto x = zero_padding(x_any, valid);
    const auto part = [&](const char* name, const Linear& projection) {
      return split_heads(activated(name, projection, x, lengths, state), h);
    };
    const auto q = l2_normalised(part("q", query_)), k = l2_normalised(part("k", key_)), v = part("v", value_);
    auto beta = zero_padding(at::sigmoid(rate_->forward(x)), valid);  // 0: nothing is learnt at padded steps
    if (config_.allow_neg_eigval) beta = 2 * beta;
    const auto g = decay(x);
    const auto r = ops::delta_rule(q, k, v, beta, g.defined() ? zero_padding(g, valid) : g,
                                   state ? state->at("s") : Tensor(), 1 / std::sqrt(static_cast<double>(dk_ / h)));
    if (state) state->at("s") = r.final_state;
    auto o = merge_heads(ops::rms_norm(r.o, norm_->weight, config_.norm_eps));
    if (config_.use_gate) o = o * at::silu(gate_->forward(x));
    return zero_padding(out_->forward(o), valid);
  }

  State first_state(std::int64_t b) const override {
    const auto h = config_.num_heads;
    const auto options = norm_->weight.options().requires_grad(false);
    State state{{"s", at::zeros({b, h, dk_ / h, dv_ / h}, options)}};
    taps_.add_initial_state(b, state);
    return state;
  }

 protected:
  Linear linear(const char* name, std::int64_t in, std::int64_t out) {
    return register_module(name, Linear(torch::nn::LinearOptions(in, out).bias(false)));
  }

 private:
  /// Log decay per head [b, t, h], if there is one.
  virtual Tensor decay(const Tensor& x) const = 0;

  Tensor activated(const std::string& name, Linear projection, const Tensor& x, const Lengths& lengths,
                   State* state) const {
    const auto y = projection->forward(x);
    return taps_.exist() ? taps_.convolved(name, y, lengths, state) : at::silu(y);
  }

  const char* name_;
  std::int64_t d_, dk_ = 0, dv_ = 0;
  DeltaConfig config_;
  Linear query_{nullptr}, key_{nullptr}, value_{nullptr}, rate_{nullptr}, gate_{nullptr}, out_{nullptr};
  ProjectionTaps taps_;
  std::shared_ptr<Weights> norm_;
};

class DeltaNet final : public DeltaBase {
 public:
  struct Config : DeltaConfig {
    static const FieldTable<Config>& fields() {
      static const auto table = shared_fields<Config>();
      return table;
    }
  };
  DeltaNet(const MixerSizes& sizes, const Config& config) : DeltaBase("deltanet", sizes, config) {}

 private:
  Tensor decay(const Tensor&) const override { return {}; }
};

class GatedDeltaNet final : public DeltaBase, public HasStateParameters {
 public:
  struct Config : DeltaConfig {
    double dt_min = 1e-3, dt_max = 0.1, a_max = 16;
    Config() {
      expand_k = 0.75;
      expand_v = 1.5;
      use_gate = true;
    }
    static const FieldTable<Config>& fields() {
      static const auto table = shared_fields<Config>()
                                    .add("dt_min", &Config::dt_min, "smallest initial step of the decay", positive())
                                    .add("dt_max", &Config::dt_max, "largest initial step of the decay", positive())
                                    .add("a_max", &Config::a_max, "largest initial rate of decay", positive());
      return table;
    }
  };

  GatedDeltaNet(const MixerSizes& sizes, const Config& config) : DeltaBase("gated_deltanet", sizes, config) {
    const auto h = config.num_heads;
    step_ = linear("a_proj", sizes.d, h);
    a_log_ = register_parameter("A_log", at::log(at::empty({h}).uniform_(0, config.a_max).clamp_min(1e-3)));
    const auto log_dt = draw_log_steps("gated_deltanet", {h}, config.dt_min, config.dt_max);
    dt_bias_ = register_parameter("dt_bias", softplus_inverse(at::exp(log_dt)));
  }

  std::vector<std::string> state_parameters() const override { return {"A_log", "dt_bias"}; }

  /// Early versions of the reference store a D that nothing reads.
  TensorMap import_reference(TensorMap weights) const override {
    weights.erase("D");
    return weights;
  }

 private:
  Tensor decay(const Tensor& x) const override {
    return -at::exp(a_log_) * at::softplus(Linear(step_)->forward(x) + dt_bias_);
  }

  Linear step_{nullptr};
  Tensor a_log_, dt_bias_;
};

MixerReference reference(const char* system_id) {
  return {
      .system_ids = {system_id},
      .configure = [](const Json& config, MixerSizes& sizes,
                      Json&) { sizes.d = config.contains("hidden_size") ? config.at("hidden_size") : config.at("D"); },
      .final_state =
          [](const State& state) {
            return TensorMap{{"final_state", state.at("s")}};
          },
      .initial_state = initial_state_as("s")};
}

const RegisterMixer<DeltaNet> registered_plain(
    {"deltanet",
     "DeltaNet",
     "linear attention",
     "a state that learns by the delta rule to answer keys with values",
     "Yang et al. 2024, Parallelizing Linear Transformers with the Delta Rule, arXiv:2406.06484",
     reference("deltanet"),
     {{"no convolutions", {{"num_heads", 3}, {"use_short_conv", false}, {"use_gate", true}}, 12},
      {"negative eigenvalues", {{"num_heads", 2}, {"allow_neg_eigval", true}, {"conv_size", 2}}}}});

const RegisterMixer<GatedDeltaNet> registered_gated(
    {"gated_deltanet",
     "Gated DeltaNet",
     "linear attention",
     "the delta rule on a state that forgets at a rate set by the input",
     "Yang, Kautz and Hatamizadeh 2024, Gated Delta Networks, arXiv:2412.06464",
     reference("gated_deltanet"),
     {{"no convolutions", {{"num_heads", 3}, {"use_short_conv", false}, {"use_gate", false}}, 12}}});

}  // namespace
}  // namespace longwave
