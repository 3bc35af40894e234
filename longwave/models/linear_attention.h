#pragma once

#include <ATen/core/Tensor.h>

namespace longwave {

/// Causal linear attention without normaliser: o_t = sum over i <= t of (q_t . k_i) v_i, per head.
/// q, k, v: [b, t, h, e]. Returns [b, t, h, e].
at::Tensor linear_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

}  // namespace longwave
