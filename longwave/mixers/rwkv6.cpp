// RWKV-6, time mixing (Peng et al. 2024, "Eagle and Finch"): linear attention whose key channels forget at rates set by
// the input, with a bonus for the present step. Queries (receptance), keys, values, gates and decays each see their own
// mixture of a step and the one before, and the mixtures depend on the input too.

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include <cmath>

#include "longwave/mixers/mixer.h"
#include "longwave/nn/sequence_parts.h"
#include "longwave/ops/gated_linear_attention.h"

namespace longwave {
namespace {

using at::Tensor;
using torch::nn::Linear;

class Rwkv6 final : public SequenceMixer {
 public:
  struct Config {
    std::int64_t head_size = 0, mix_rank = 32, decay_rank = 64;
    double norm_eps = 64e-5;
    static const FieldTable<Config>& fields() {
      static const auto table =
          FieldTable<Config>()
              .add("head_size", &Config::head_size, "channels of a head; 0: the largest divisor of d up to 64",
                   at_least<std::int64_t>(0))
              .add("mix_rank", &Config::mix_rank, "rank of the maps that set the mixtures", at_least<std::int64_t>(1))
              .add("decay_rank", &Config::decay_rank, "rank of the map that sets the decays", at_least<std::int64_t>(1))
              .add("norm_eps", &Config::norm_eps, "of the norm of each head's output", at_least(0.0));
      return table;
    }
  };

  Rwkv6(const MixerSizes& sizes, const Config& config) : d_(sizes.d), config_(config) {
    const auto width = config.head_size ? config.head_size : divisor_up_to(d_, 64);
    check(d_ % width == 0, "rwkv6: head_size is ", width, "; expected a divisor of d = ", d_);
    heads_ = d_ / width;
    const double depth = sizes.depth(), shallowness = 1 - double(sizes.layer) / double(sizes.layers);
    const auto channel = at::arange(d_, at::kFloat), place = (channel / d_).reshape({1, 1, d_});
    const auto last = std::max<double>(1, d_ - 1);
    const auto share = 1 - at::pow(place, shallowness), share_of_gates = 1 - at::pow(place, 0.5 * shallowness);
    mix_x_ = register_parameter("time_maa_x", share.clone());
    const Tensor shares[] = {share, share, share - 0.3 * depth, share_of_gates, share_of_gates};
    for (std::size_t i = 0; i < 5; ++i)
      mix_[i] = register_parameter(std::string("time_maa_") + "wkvrg"[i], shares[i].clone());
    mix_in_ = register_parameter("time_maa_w1", at::empty({d_, 5 * config.mix_rank}).uniform_(-1e-4, 1e-4));
    mix_out_ = register_parameter("time_maa_w2", at::empty({5, config.mix_rank, d_}).uniform_(-1e-4, 1e-4));
    const auto decay = -6 + 5 * at::pow(channel / last, 0.7 + 1.3 * depth);
    decay_ = register_parameter("time_decay", decay.reshape({1, 1, d_}));
    decay_in_ = register_parameter("time_decay_w1", at::empty({d_, config.decay_rank}).uniform_(-1e-4, 1e-4));
    decay_out_ = register_parameter("time_decay_w2", at::empty({config.decay_rank, d_}).uniform_(-1e-4, 1e-4));
    const auto zigzag = 0.1 * (at::remainder(channel + 1, 3) - 1);
    bonus_ = register_parameter("time_faaaa", (depth * (1 - channel / last) + zigzag).reshape({heads_, width}));
    for (auto* linear : {&receptance_, &key_, &value_, &output_, &gate_})
      *linear = Linear(torch::nn::LinearOptions(d_, d_).bias(false));
    register_module("receptance", receptance_);
    register_module("key", key_);
    register_module("value", value_);
    register_module("output", output_);
    register_module("gate", gate_);
    norm_ = register_module("ln_x", std::make_shared<Weights>(at::ones({d_}), at::zeros({d_})));
  }

  MixerProperties properties() const override { return {}; }

  Tensor forward(const Tensor& x_any, const Lengths& lengths, State* state) override {
    check_input("rwkv6", x_any, d_, lengths, state);
    const auto valid = valid_steps(lengths, x_any);
    const auto x = zero_padding(x_any, valid);
    const auto change = shift_steps(x, lengths, state, "x") - x;
    const auto mixed = mixtures(x, change);  // for w, k, v, r, g
    const auto log_w = -at::exp(decay_ + at::matmul(at::tanh(at::matmul(mixed[0], decay_in_)), decay_out_));
    const auto k = zero_padding(key_->forward(mixed[1]), valid);
    const auto v = value_->forward(mixed[2]), r = receptance_->forward(mixed[3]);
    const auto o = ops::gated_linear_attention(split_heads(r, heads_), split_heads(k, heads_), split_heads(v, heads_),
                                               split_heads(zero_padding(log_w, valid), heads_), bonus_,
                                               state ? state->at("s") : Tensor());
    if (state) state->at("s") = o.final_state;
    return zero_padding(output_->forward(normalised(o.o) * at::silu(gate_->forward(mixed[4]))), valid);
  }

  State first_state(std::int64_t b) const override {
    const auto options = bonus_.options().requires_grad(false);
    const auto width = d_ / heads_;
    return {{"x", at::zeros({b, 1, d_}, options)}, {"s", at::zeros({b, heads_, width, width}, options)}};
  }

 private:
  std::vector<Tensor> mixtures(const Tensor& x, const Tensor& change) const {
    const auto low = at::tanh(at::matmul(x + change * mix_x_, mix_in_)).unflatten(-1, {5, config_.mix_rank}).unbind(2);
    const auto high = mix_out_.unbind(0);
    std::vector<Tensor> mixed;
    for (std::size_t i = 0; i < low.size(); ++i)
      mixed.push_back(at::addcmul(x, change, mix_[i] + at::matmul(low[i], high[i])));
    return mixed;
  }

  Tensor normalised(const Tensor& o) const {
    return merge_heads(at::layer_norm(o, {o.size(-1)}, {}, {}, config_.norm_eps)) * norm_->weight + norm_->bias;
  }

  std::int64_t d_, heads_ = 1;
  Config config_;
  Tensor mix_x_, mix_[5], mix_in_, mix_out_, decay_, decay_in_, decay_out_, bonus_;
  Linear receptance_{nullptr}, key_{nullptr}, value_{nullptr}, output_{nullptr}, gate_{nullptr};
  std::shared_ptr<Weights> norm_;
};

MixerReference reference() {
  return {.system_ids = {"rwkv6"},
          .configure = [](const Json& config, MixerSizes& sizes, Json&) { sizes.d = config.at("C"); },
          .layout = "btd",
          .final_state =
              [](const State& state) {
                return TensorMap{{"final_state", state.at("s")}};
              },
          .initial_state = initial_state_as("s")};
}

const RegisterMixer<Rwkv6> registered(
    {"rwkv6",
     "RWKV-6",
     "linear attention",
     "linear attention with decays set by the input and a bonus for the present step",
     "Peng et al. 2024, Eagle and Finch: RWKV with Matrix-Valued States, arXiv:2404.05892",
     reference(),
     {{"heads", {{"head_size", 3}, {"mix_rank", 4}, {"decay_rank", 5}}, 12}}});

}  // namespace
}  // namespace longwave
