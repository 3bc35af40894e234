#pragma once

#include <ATen/core/Tensor.h>

namespace longwave::ops {

struct AttentionResult {
  at::Tensor o;            // [b, t, h, v]
  at::Tensor final_state;  // [b, h, k, v], behind the last step
};

/// Linear attention with decay, for every row and head, S a matrix [k, v]:
///   S_t = diag(exp(g_t)) S_{t-1} + k_t v_t',   o_t = scale S_t' q_t
/// q, k [b, t, h, k], v [b, t, h, v]. Optional (undefined: none):
///   g        log decay, above 0 growth: [b, t, h] one number per head, or [b, t, h, k] one per key channel; expanded
///            (constant) dimensions are read as they are
///   u        [h, k]: bonus of the present step (RWKV-6): o_t = scale (S_{t-1} + diag(u) k_t v_t')' q_t
///   initial  [b, h, k, v]: the state before the first step
///   gain     [b, t, h]: a step writes gain_t k_t v_t' (not with u)
///   skip     [h, v]: o_t has skip v_t more, number by number
/// A step is t = 1. float runs the chunked kernel, double the step-by-step reference; both are differentiable once and
/// keep a state every 256 steps for the gradient.
AttentionResult gated_linear_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                       const at::Tensor& g = {}, const at::Tensor& u = {},
                                       const at::Tensor& initial = {}, double scale = 1, const at::Tensor& gain = {},
                                       const at::Tensor& skip = {});

/// The delta rule, plain and gated, for every row and head, S a matrix [k, v] that learns to answer k_t with v_t:
///   S' = exp(g_t) S_{t-1},   S_t = S' + beta_t k_t (v_t - S'^T k_t)^T,   o_t = scale S_t^T q_t
/// q, k [b, t, h, k], v [b, t, h, v], beta [b, t, h]. Optional (undefined: none): the log decay g [b, t, h], the
/// state before the first step `initial` [b, h, k, v]. Stable while beta |k|^2 <= 2: normalise k. A step is t = 1.
/// float runs the chunked kernel, double the step-by-step reference; both are differentiable once.
AttentionResult delta_rule(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& beta,
                           const at::Tensor& g = {}, const at::Tensor& initial = {}, double scale = 1);

}  // namespace longwave::ops
