#pragma once

#include <cstdint>

#include "longwave/kernels/dropout.h"

namespace longwave::kernels {

/// The attention half of a linear transformer aligned with a VAR. With x = rms_norm(y, input_norm), d = h e:
///   q_0, v_0, q_1, v_1, ... = per-head rms_norm(weight x + bias, map_norm);  k_0 = x;
///   k_(l+1) = dropout_l(causal linear attention(q_l, k_l, v_l));
///   out = rms_norm(x + structural' sum over l of k_(l+1), output_norm) at the odd steps.
/// Everything between lives in scratch memory, some sequences at a time, and is computed again backward.
struct VarAttention {
  const float* y;                   // [n, t, h, e]
  const float* input_norm;          // [h, e]
  const float* weight;              // [2 layers d, d]
  const float* bias;                // [2 layers d]
  const float* map_norm;            // [2 layers, h, e]
  const float* structural;          // [h, e, e]
  const float* output_norm;         // [h, e]
  const DropoutMask* dropout;       // one a layer; element index as in [n, t, h, e]
  std::int64_t n, t, layers, h, e;  // t is even
  float eps, map_eps;               // of the norms of width d, of those of width e
};

/// Gradients for dout [n, t / 2, h, e].
struct VarAttentionGrad {
  const float* dout;
  float *dy, *dinput_norm, *dweight, *dbias, *dmap_norm, *dstructural, *doutput_norm;
};

/// Floats of scratch memory that the calls need with the present number of threads.
std::int64_t var_attention_workspace(const VarAttention& a);
std::int64_t var_attention_grad_workspace(const VarAttention& a);

/// out: [n, t / 2, h, e]. Sums over sequences are cut in parts by the shape alone: same bits for any number of threads.
void var_attention(const VarAttention& a, float* out, float* workspace);
void var_attention_grad(const VarAttention& a, const VarAttentionGrad& g, float* workspace);

/// The definition: scalar, in double.
void var_attention_reference(const VarAttention& a, float* out);
void var_attention_grad_reference(const VarAttention& a, const VarAttentionGrad& g);

}  // namespace longwave::kernels
