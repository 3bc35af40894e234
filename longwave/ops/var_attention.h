#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace longwave::ops {

/// All attention layers of a linear transformer aligned with a VAR, chained without residuals. maps [b, t, 2 m h e]:
/// q_0, v_0, q_1, v_1, ... of the m layers before their per-head RMS norms, whose weights are norm_weight [2 m h, e].
/// With k_0 = keys [b, t, h e], k_(l+1) = dropout(causal_linear_attention(q_l, k_l, v_l), p, dropout_keys[l]).
/// Returns the sum over layers of k_(l+1) at the odd steps: [b, t / 2, h, e]; t even. float runs the fused kernel
/// (differentiable once, stores nothing but its inputs), double is composed of the operators named here.
at::Tensor var_attention(const at::Tensor& maps, const at::Tensor& norm_weight, const at::Tensor& keys, double eps,
                         double p, const std::vector<std::int64_t>& dropout_keys);

}  // namespace longwave::ops
