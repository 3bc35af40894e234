#pragma once

#include <cstdint>

#include "longwave/kernels/dropout.h"

namespace longwave::kernels {

/// Chained causal linear attention layers without residuals, whose queries and values are per-head RMS norms of maps of
/// the observations: k_0 = keys, k_(l+1) = dropout_l(attention(q_l, k_l, v_l)); total = sum over l of k_(l+1) at the
/// odd steps. Everything between lives in scratch memory, one sequence at a time.
struct VarAttention {
  const float* maps;                // [n, t, 2 layers, h, e]: q_0, v_0, q_1, v_1, ... before their norms
  const float* norm_weight;         // [2 layers, h, e]
  const float* keys;                // [n, t, h, e]
  const DropoutMask* dropout;       // one a layer; element index as in [n, t, h, e]
  std::int64_t n, t, layers, h, e;  // t is even
  float eps;
};

/// Gradients for dtotal [n, t / 2, h, e].
struct VarAttentionGrad {
  const float* dtotal;
  float* dmaps;
  float* dnorm_weight;
  float* dkeys;
};

/// Floats of scratch memory that the calls need with the present number of threads.
std::int64_t var_attention_workspace(const VarAttention& a);
std::int64_t var_attention_grad_workspace(const VarAttention& a);

/// total: [n, t / 2, h, e]. Backward computes the layers again. Sums over sequences are cut in parts by the shape
/// alone: same bits for any number of threads.
void var_attention(const VarAttention& a, float* total, float* workspace);
void var_attention_grad(const VarAttention& a, const VarAttentionGrad& g, float* workspace);

}  // namespace longwave::kernels
