#pragma once

#include <ATen/core/Tensor.h>

#include "longwave/nn/module.h"

namespace longwave {

/// Holds weights and nothing else: gives them the dots that their names have in the reference program.
struct Weights : torch::nn::Module {
  at::Tensor weight, bias;  // bias undefined: none
  explicit Weights(const at::Tensor& initial_weight, const at::Tensor& initial_bias = {});
};

/// Taps of a depthwise convolution as a framework draws them: weight [c, 1, n] and, if `bias`, bias [c].
std::shared_ptr<Weights> depthwise_taps(std::int64_t channels, std::int64_t taps, bool bias);

/// Number of heads for a layer of width d: as many as divide it with at least `width` numbers each; at least 1.
std::int64_t heads_for(std::int64_t d, std::int64_t width);

/// Largest divisor of d that is at most `width`.
std::int64_t divisor_up_to(std::int64_t d, std::int64_t width);

/// x [b, t, h e] as [b, t, h, e], and back.
at::Tensor split_heads(const at::Tensor& x, std::int64_t heads);
at::Tensor merge_heads(const at::Tensor& x);

/// The n steps before each row's end, [b, n, d], of x [b, t, d] with `past` [b, n, d] before it. lengths [b]: the true
/// lengths of the rows of x; undefined: t.
at::Tensor last_steps(const at::Tensor& past, const at::Tensor& x, const at::Tensor& lengths);

/// x one step later: the first step is the last one of the past (zeros without a state), which state[name] [b, 1, d]
/// holds before and after.
at::Tensor shift_steps(const at::Tensor& x, const at::Tensor& lengths, TensorMap* state, const std::string& name);

/// Depthwise causal convolution of x [b, t, c] with weight [c, 1, n] (the last tap is the present) and bias [c] or
/// none, then silu if `silu`. state[name] [b, n, c] holds the last inputs.
at::Tensor short_convolution(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, bool silu,
                             const at::Tensor& lengths, TensorMap* state, const std::string& name);

/// x / sqrt(sum of squares over the last dimension + eps).
at::Tensor l2_normalised(const at::Tensor& x, double eps = 1e-6);

}  // namespace longwave
