#include "longwave/nn/short_convolution.h"

#include <ATen/ATen.h>

#include <cmath>

#include "longwave/ops/short_convolution.h"

namespace longwave {

ShortConvolution::ShortConvolution(std::int64_t d, std::int64_t taps, bool bias, bool silu) : silu_(silu) {
  const double bound = 1 / std::sqrt(static_cast<double>(taps));
  weight_ = register_parameter("weight", at::empty({d, 1, taps}).uniform_(-bound, bound));
  if (bias) bias_ = register_parameter("bias", at::empty({d}).uniform_(-bound, bound));
}

at::Tensor ShortConvolution::forward(const at::Tensor& x, const at::Tensor& lengths, at::Tensor* state) {
  const auto y = ops::short_convolution(x, weight_.squeeze(1), bias_, silu_, state ? *state : at::Tensor());
  if (state) *state = ops::short_convolution_state(x, *state, lengths);
  return y;
}

at::Tensor ShortConvolution::initial_state(std::int64_t b) const {
  return at::zeros({b, weight_.size(2), weight_.size(0)}, weight_.options().requires_grad(false));
}

}  // namespace longwave
