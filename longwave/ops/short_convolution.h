#pragma once

#include <ATen/core/Tensor.h>

namespace longwave::ops {

/// Depthwise causal convolution along time, y[t] = act(bias + sum_j weight[:, j] x[t - (w - 1) + j]), fused with its
/// activation. x: [b, t, d] (any strides whose last is 1 need no copy); weight: [d, w]; bias: [d] or undefined; state:
/// the w inputs before the first, the oldest first, [b, w, d] (its first is not used), or undefined for zeros.
/// float or double; differentiable once in all tensors. Returns y: [b, t, d].
at::Tensor short_convolution(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, bool silu,
                             const at::Tensor& state = {});

/// The state to carry on: the last w inputs of `state` [b, w, d] followed by x [b, t, d], where row i of x ends at
/// lengths[i] ([b] int64, or undefined if all rows are full). Differentiable.
at::Tensor short_convolution_state(const at::Tensor& x, const at::Tensor& state, const at::Tensor& lengths = {});

}  // namespace longwave::ops
