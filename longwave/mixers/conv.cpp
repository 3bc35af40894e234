// Local convolution: each step sees itself and the kernel - 1 steps before it, and nothing else. The baseline that
// tells how much of a task is local (Miralles-González et al. 2025, "On the locality bias ..."):
//   y = W_o SiLU(conv(x)) + b_o,   conv depthwise and causal.

#include <torch/nn/modules/linear.h>

#include "longwave/mixers/mixer.h"
#include "longwave/nn/short_convolution.h"

namespace longwave {
namespace {

class Conv final : public SequenceMixer {
 public:
  struct Config {
    std::int64_t kernel = 5;
    static const FieldTable<Config>& fields() {
      static const auto table = FieldTable<Config>().add(
          "kernel", &Config::kernel, "steps that a step sees, itself included", between<std::int64_t>(1, 65536));
      return table;
    }
  };

  Conv(const MixerSizes& sizes, const Config& config) : d_(sizes.d) {
    conv_ = register_module("conv", std::make_shared<ShortConvolution>(d_, config.kernel, true, /*silu=*/true));
    out_ = register_module("out", torch::nn::Linear(d_, d_));
  }

  MixerProperties properties() const override { return {}; }

  at::Tensor forward(const at::Tensor& x_any, const Lengths& lengths, State* state) override {
    check_input("conv", x_any, d_, lengths, state);
    const auto valid = valid_steps(lengths, x_any);
    const auto x = zero_padding(x_any, valid);
    return zero_padding(out_->forward(conv_->forward(x, lengths, state ? &state->at("conv") : nullptr)), valid);
  }

  State first_state(std::int64_t b) const override { return {{"conv", conv_->initial_state(b)}}; }

 private:
  std::int64_t d_;
  std::shared_ptr<ShortConvolution> conv_;
  torch::nn::Linear out_{nullptr};
};

const RegisterMixer<Conv> registered({.name = "conv",
                                      .title = "Local convolution",
                                      .family = "convolution",
                                      .summary = "baseline that sees a few steps back and no further",
                                      .source = "baseline of Miralles-González et al. 2025, On the locality bias",
                                      .reference = {},
                                      .variants = {{"one tap", {{"kernel", 1}}, 6}, {"wide", {{"kernel", 61}}, 10}}});

}  // namespace
}  // namespace longwave
