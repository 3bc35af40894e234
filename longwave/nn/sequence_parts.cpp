#include "longwave/nn/sequence_parts.h"

#include <ATen/ATen.h>

#include <cmath>

#include "longwave/ops/rms_norm.h"
#include "longwave/ops/short_convolution.h"

namespace longwave {

using at::Tensor;

Weights::Weights(const Tensor& initial_weight, const Tensor& initial_bias) {
  weight = register_parameter("weight", initial_weight);
  if (initial_bias.defined()) bias = register_parameter("bias", initial_bias);
}

std::shared_ptr<Weights> depthwise_taps(std::int64_t channels, std::int64_t taps, bool bias) {
  const double bound = 1 / std::sqrt(static_cast<double>(taps));
  const auto weight = at::empty({channels, 1, taps}).uniform_(-bound, bound);
  return std::make_shared<Weights>(weight, bias ? at::empty({channels}).uniform_(-bound, bound) : Tensor());
}

std::int64_t heads_for(std::int64_t d, std::int64_t width) {
  for (auto heads = d / width; heads > 1; --heads)
    if (d % heads == 0) return heads;
  return 1;
}

std::int64_t divisor_up_to(std::int64_t d, std::int64_t width) {
  auto divisor = std::min(d, width);
  while (d % divisor != 0) --divisor;
  return divisor;
}

Tensor split_heads(const Tensor& x, std::int64_t heads) { return x.unflatten(-1, {heads, x.size(-1) / heads}); }
Tensor merge_heads(const Tensor& x) { return x.flatten(-2); }

Tensor last_steps(const Tensor& past, const Tensor& x, const Tensor& lengths) {
  const auto n = past.size(1), t = x.size(1);
  if (!lengths.defined() && t >= n) return x.narrow(1, t - n, n).clone();  // x is the caller's
  const auto joined = at::cat({past, x}, 1);
  if (!lengths.defined()) return joined.narrow(1, t, n).clone();               // and not the memory of all steps
  const auto steps = lengths.unsqueeze(1) + at::arange(n, lengths.options());  // [b, n]
  return joined.gather(1, steps.unsqueeze(-1).expand({x.size(0), n, x.size(2)}));
}

Tensor shift_steps(const Tensor& x, const Tensor& lengths, TensorMap* state, const std::string& name) {
  const auto past = state ? state->at(name) : at::zeros({x.size(0), 1, x.size(2)}, x.options());
  if (state) state->at(name) = last_steps(past, x, lengths);
  return at::cat({past, x.narrow(1, 0, x.size(1) - 1)}, 1);
}

Tensor short_convolution(const Tensor& x, const Tensor& weight, const Tensor& bias, bool silu, const Tensor& lengths,
                         TensorMap* state, const std::string& name) {
  const auto taps = weight.squeeze(1);
  if (!state) return ops::short_convolution(x, taps, bias, silu);
  const auto past = state->at(name);
  state->at(name) = ops::short_convolution_state(x, past, lengths);
  return ops::short_convolution(x, taps, bias, silu, past);
}

Tensor l2_normalised(const Tensor& x, double eps) {
  const auto n = x.size(-1);  // the sum of squares is n times their mean
  const auto weight = at::full({n}, 1 / std::sqrt(static_cast<double>(n)), x.options().requires_grad(false));
  return ops::rms_norm(x, weight, eps / static_cast<double>(n));
}

}  // namespace longwave
