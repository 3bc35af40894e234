// RWKV-4, time mixing (Peng et al. 2023): a weighted average of all past values whose weights fall off exponentially in
// time, per channel, and rise exponentially with the keys.

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include <cmath>

#include "longwave/mixers/mixer.h"
#include "longwave/nn/sequence_parts.h"
#include "longwave/ops/wkv4.h"

namespace longwave {
namespace {

using at::Tensor;
using torch::nn::Linear;

class Rwkv4 final : public SequenceMixer {
 public:
  struct Config {
    static const FieldTable<Config>& fields() {
      static const FieldTable<Config> table;
      return table;
    }
  };

  Rwkv4(const MixerSizes& sizes, const Config&) : d_(sizes.d) {
    const double depth = sizes.depth(), shallowness = 1 - double(sizes.layer) / double(sizes.layers);
    const auto channel = at::arange(d_, at::kFloat);
    const auto decay = -5 + 8 * at::pow(channel / std::max<double>(1, d_ - 1), 0.7 + 1.3 * depth);
    const auto bonus = std::log(0.3) + 0.5 * (at::remainder(channel + 1, 3) - 1);
    decay_ = register_parameter("time_decay", decay);
    bonus_ = register_parameter("time_first", bonus);
    const auto share = at::pow(channel / d_, shallowness).reshape({1, 1, d_});
    mix_k_ = register_parameter("time_mix_k", share.clone());
    mix_v_ = register_parameter("time_mix_v", share + 0.3 * depth);
    mix_r_ = register_parameter("time_mix_r", at::pow(share, 0.5));
    for (auto* linear : {&key_, &value_, &receptance_, &output_})
      *linear = Linear(torch::nn::LinearOptions(d_, d_).bias(false));
    register_module("key", key_);
    register_module("value", value_);
    register_module("receptance", receptance_);
    register_module("output", output_);
  }

  MixerProperties properties() const override { return {}; }

  Tensor forward(const Tensor& x_any, const Lengths& lengths, State* state) override {
    check_input("rwkv4", x_any, d_, lengths, state);
    const auto valid = valid_steps(lengths, x_any);
    const auto x = zero_padding(x_any, valid);
    const auto before = shift_steps(x, lengths, state, "x");
    const auto mixed = [&](const Tensor& share) { return before + share * (x - before); };
    const auto k = key_->forward(mixed(mix_k_)), v = value_->forward(mixed(mix_v_));
    const auto r = at::sigmoid(receptance_->forward(mixed(mix_r_)));
    const auto wkv = ops::wkv4(at::exp(decay_), bonus_, k, v, state ? state->at("wkv") : Tensor(), lengths);
    if (state) state->at("wkv") = wkv.final_state;
    return zero_padding(output_->forward(r * wkv.y), valid);
  }

  State first_state(std::int64_t b) const override {
    return {{"x", at::zeros({b, 1, d_}, decay_.options().requires_grad(false))},
            {"wkv", ops::wkv4_initial_state(b, d_, decay_)}};
  }

 private:
  std::int64_t d_;
  Tensor decay_, bonus_, mix_k_, mix_v_, mix_r_;
  Linear key_{nullptr}, value_{nullptr}, receptance_{nullptr}, output_{nullptr};
};

MixerReference reference() {
  return {.system_ids = {"rwkv4"},
          .configure = [](const Json& config, MixerSizes& sizes, Json&) { sizes.d = config.at("C"); },
          .layout = "btd",
          .final_state =
              [](const State& state) {
                return TensorMap{{"state", state.at("wkv")}};
              },
          .initial_state = initial_state_as("wkv")};
}

const RegisterMixer<Rwkv4> registered({"rwkv4", "RWKV-4", "linear attention",
                                       "average of the past with exponential weights in time and key, per channel",
                                       "Peng et al. 2023, RWKV: Reinventing RNNs for the Transformer Era, "
                                       "arXiv:2305.13048",
                                       reference()});

}  // namespace
}  // namespace longwave
