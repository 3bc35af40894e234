#pragma once

#include <ATen/core/Tensor.h>

namespace longwave::ops {

/// Causal linear attention without normaliser: o_t = sum over i <= t of (q_t . k_i) v_i, per head.
/// q, k, v: [b, t, h, e] of one shape, float or double. Returns [b, t, h, e]. Takes the form with a running e x e state
/// or the one over all pairs of steps, whichever is cheaper for the shape; neither is stored. float runs the fused
/// kernel (differentiable once), double is composed of ATen operators.
at::Tensor causal_linear_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

}  // namespace longwave::ops
