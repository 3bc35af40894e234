#include "longwave/nn/projection_taps.h"

#include <ATen/ATen.h>

namespace longwave {

ProjectionTaps::ProjectionTaps(torch::nn::Module& owner, const Widths& widths, std::int64_t taps) {
  for (const auto& [name, width] : widths)
    taps_[name] = owner.register_module(name + "_conv1d", depthwise_taps(width, taps, false));
}

at::Tensor ProjectionTaps::convolved(const std::string& name, const at::Tensor& x, const at::Tensor& lengths,
                                     TensorMap* state) const {
  return short_convolution(x, taps_.at(name)->weight, {}, true, lengths, state, "conv_" + name);
}

void ProjectionTaps::add_initial_state(std::int64_t b, TensorMap& state) const {
  for (const auto& [name, taps] : taps_) {
    const auto& w = taps->weight;  // [c, 1, n]
    state["conv_" + name] = at::zeros({b, w.size(2), w.size(0)}, w.options().requires_grad(false));
  }
}

}  // namespace longwave
