#pragma once

#include "longwave/ops/gated_linear_attention.h"

namespace longwave::ops {

/// The delta rule, plain and gated, for every row and head, S a matrix [k, v] that learns to answer k_t with v_t:
///   S' = exp(g_t) S_{t-1},   S_t = S' + beta_t k_t (v_t - S'^T k_t)^T,   o_t = scale S_t^T q_t
/// q, k [b, t, h, k], v [b, t, h, v], beta [b, t, h]. Optional (undefined: none): the log decay g <= 0 [b, t, h], the
/// state before the first step `initial` [b, h, k, v]. Stable while beta |k|^2 <= 2: normalise k. A step is t = 1.
/// float runs the chunked kernel, double the step-by-step reference; both are differentiable once.
AttentionResult delta_rule(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& beta,
                           const at::Tensor& g = {}, const at::Tensor& initial = {}, double scale = 1);

}  // namespace longwave::ops
