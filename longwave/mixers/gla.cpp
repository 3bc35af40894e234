// Gated linear attention (Yang et al. 2023): every key channel forgets at a rate of its own, which the input sets.

#include <ATen/ATen.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>

#include <cmath>

#include "longwave/mixers/mixer.h"
#include "longwave/nn/projection_taps.h"
#include "longwave/ops/gated_linear_attention.h"
#include "longwave/ops/rms_norm.h"

namespace longwave {
namespace {

using at::Tensor;
using torch::nn::Linear;

class GatedLinearAttention final : public SequenceMixer {
 public:
  struct Config {
    std::int64_t num_heads = 4;
    double expand_k = 0.5, expand_v = 1;
    std::int64_t gate_low_rank_dim = 16;
    double gate_logit_normalizer = 16;
    bool use_short_conv = false;
    std::int64_t conv_size = 4;
    double norm_eps = 1e-5;
    static const FieldTable<Config>& fields() {
      static const auto table =
          FieldTable<Config>()
              .add("num_heads", &Config::num_heads, "heads", at_least<std::int64_t>(1))
              .add("expand_k", &Config::expand_k, "width of the keys over that of x", positive())
              .add("expand_v", &Config::expand_v, "width of the values over that of x", positive())
              .add("gate_low_rank_dim", &Config::gate_low_rank_dim, "rank of the map from x to the decays",
                   at_least<std::int64_t>(1))
              .add("gate_logit_normalizer", &Config::gate_logit_normalizer,
                   "log decay = logsigmoid(logit) / this: larger remembers longer", positive())
              .add("use_short_conv", &Config::use_short_conv, "short causal convolutions on queries, keys and values")
              .add("conv_size", &Config::conv_size, "taps of these", at_least<std::int64_t>(1))
              .add("norm_eps", &Config::norm_eps, "of the norm of each head's output", at_least(0.0));
      return table;
    }
  };

  GatedLinearAttention(const MixerSizes& sizes, const Config& config) : d_(sizes.d), config_(config) {
    const auto h = config.num_heads;
    dk_ = static_cast<std::int64_t>(std::floor(d_ * config.expand_k));
    dv_ = static_cast<std::int64_t>(std::floor(d_ * config.expand_v));
    check(dk_ > 0 && dv_ > 0 && dk_ % h == 0 && dv_ % h == 0, "gla: num_heads is ", h,
          "; expected a divisor of the widths of keys and values, ", dk_, " and ", dv_);
    const auto linear = [&](const char* name, std::int64_t in, std::int64_t out) {
      return register_module(name, Linear(torch::nn::LinearOptions(in, out).bias(false)));
    };
    query_ = linear("q_proj", d_, dk_);
    key_ = linear("k_proj", d_, dk_);
    value_ = linear("v_proj", d_, dv_);
    gate_ = linear("g_proj", d_, dv_);
    const auto decay = register_module("gk_proj", torch::nn::ModuleList());
    decay->push_back(decay_in_ = Linear(torch::nn::LinearOptions(d_, config.gate_low_rank_dim).bias(false)));
    decay->push_back(decay_out_ = Linear(config.gate_low_rank_dim, dk_));
    if (config.use_short_conv) taps_ = ProjectionTaps(*this, {{"q", dk_}, {"k", dk_}, {"v", dv_}}, config.conv_size);
    norm_ = register_module("g_norm", std::make_shared<Weights>(at::ones({dv_ / h})));
    out_ = linear("o_proj", dv_, d_);
  }

  MixerProperties properties() const override { return {}; }

  Tensor forward(const Tensor& x_any, const Lengths& lengths, State* state) override {
    check_input("gla", x_any, d_, lengths, state);
    const auto h = config_.num_heads;
    const auto valid = valid_steps(lengths, x_any);
    const auto x = zero_padding(x_any, valid);
    const auto q = convolved("q", query_->forward(x), lengths, state);
    const auto k = zero_padding(convolved("k", key_->forward(x), lengths, state), valid);
    const auto v = convolved("v", value_->forward(x), lengths, state);
    const auto logits = decay_out_->forward(decay_in_->forward(x));
    const auto g = zero_padding(at::log_sigmoid(logits) / config_.gate_logit_normalizer, valid);
    const auto r =
        ops::gated_linear_attention(split_heads(q, h), split_heads(k, h), split_heads(v, h), split_heads(g, h), {},
                                    state ? state->at("s") : Tensor(), 1 / std::sqrt(static_cast<double>(dk_ / h)));
    if (state) state->at("s") = r.final_state;
    const auto o = merge_heads(ops::rms_norm(r.o, norm_->weight, config_.norm_eps));
    return zero_padding(out_->forward(o * at::silu(gate_->forward(x))), valid);
  }

  State first_state(std::int64_t b) const override {
    const auto h = config_.num_heads;
    const auto options = norm_->weight.options().requires_grad(false);
    State state{{"s", at::zeros({b, h, dk_ / h, dv_ / h}, options)}};
    taps_.add_initial_state(b, state);
    return state;
  }

  /// The reference's norm bears the name of the gate where it computes both at once, as it does by default.
  TensorMap import_reference(TensorMap weights) const override {
    if (auto node = weights.extract("g_norm_swish_gate.weight"); !node.empty())
      weights["g_norm.weight"] = node.mapped();
    return weights;
  }

 private:
  Tensor convolved(const std::string& name, const Tensor& x, const Lengths& lengths, State* state) const {
    return taps_.exist() ? taps_.convolved(name, x, lengths, state) : x;
  }

  std::int64_t d_, dk_ = 0, dv_ = 0;
  Config config_;
  Linear query_{nullptr}, key_{nullptr}, value_{nullptr}, gate_{nullptr}, decay_in_{nullptr}, decay_out_{nullptr},
      out_{nullptr};
  ProjectionTaps taps_;
  std::shared_ptr<Weights> norm_;
};

MixerReference reference() {
  return {
      .system_ids = {"gla"},
      .configure = [](const Json& config, MixerSizes& sizes,
                      Json&) { sizes.d = config.contains("hidden_size") ? config.at("hidden_size") : config.at("D"); },
      .final_state =
          [](const State& state) {
            return TensorMap{{"final_state", state.at("s")}};
          },
      .initial_state = initial_state_as("s")};
}

const RegisterMixer<GatedLinearAttention> registered(
    {"gla",
     "GLA",
     "linear attention",
     "linear attention whose key channels forget at rates set by the input",
     "Yang et al. 2023, Gated Linear Attention Transformers, arXiv:2312.06635",
     reference(),
     {{"convolutions", {{"num_heads", 2}, {"use_short_conv", true}, {"conv_size", 3}}, 12}}});

}  // namespace
}  // namespace longwave
