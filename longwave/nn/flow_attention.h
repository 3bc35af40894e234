#pragma once

#include <ATen/core/Tensor.h>

#include "longwave/nn/module.h"

namespace longwave {

/// Flow attention between features q [b, t, h, e] of sinks and k [b, s, h, e] of sources with values v [b, s, h, v],
/// over all pairs. valid_q [b, t, 1], valid_k [b, s, 1] are true at real steps; undefined: all.
at::Tensor flow_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& valid_q,
                          const at::Tensor& valid_k, double eps);

/// The causal form (t = s): every sum runs up to the same step. `state`: see flow_state; undefined maps start anew.
at::Tensor causal_flow_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& valid,
                                 const at::Tensor& lengths, double eps, TensorMap* state);

/// The state before the first step.
TensorMap flow_state(std::int64_t b, std::int64_t heads, std::int64_t e, std::int64_t v, const at::Tensor& like);

}  // namespace longwave
