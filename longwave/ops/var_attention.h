#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace longwave::ops {

struct VarAttentionWeights {
  at::Tensor input_norm;    // [d]
  at::Tensor weight, bias;  // [2 m d, d], [2 m d]: maps q_0, v_0, q_1, v_1, ... of the m layers
  at::Tensor map_norm;      // [2 m h, e], d = h e
  at::Tensor structural;    // [h, e, e]
  at::Tensor output_norm;   // [d]
};

struct VarAttentionOptions {
  double eps = 1e-5, map_eps = 1e-8;  // of the norms of width d, of those of width e
  double p = 0;                       // dropout of every layer
  std::vector<std::int64_t> keys;     // of the dropouts, one a layer (also where p is 0)
};

/// The attention layers of a linear transformer aligned with a VAR, chained without residuals, and their read-out. With
/// x = rms_norm(y, input_norm), y [b, t, d], t even, and per-head norms of the maps of x:
///   k_0 = x,  k_(l+1) = dropout(causal_linear_attention(q_l, k_l, v_l), p, keys[l]),
///   result = rms_norm(x + sum over l of k_(l+1) S_head, output_norm) at the odd steps: [b, t / 2, d].
/// float runs the fused kernel (differentiable once, stores nothing but its inputs), double is composed of the
/// operators named here.
at::Tensor var_attention(const at::Tensor& y, const VarAttentionWeights& weights, const VarAttentionOptions& options);

}  // namespace longwave::ops
