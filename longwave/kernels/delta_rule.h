#pragma once

#include "longwave/kernels/gated_linear_attention.h"

namespace longwave::kernels {

/// The delta rule, for every row and head; S is a matrix [k, v] that learns to answer k_t with v_t:
///   S' = exp(g_t) S_{t-1},   S_t = S' + beta_t k_t (v_t - S'' k_t)' with S'' the transpose of S',   o_t = scale S_t'
///   q_t
/// The log decay g <= 0 may be missing.
template <class T>
struct DeltaRule {
  HeadVectors<const T> q, k, v;  // widths k, k, v
  HeadVectors<const T> beta, g;  // width 1; g may be null
  const T* initial = nullptr;    // [b, h, k, v]; null: zeros
  std::int64_t b = 0, t = 0, h = 0, dk = 0, dv = 0;
  T scale = 1;
};

/// o, final state and kept states: as those of gated linear attention.
template <class T>
using DeltaRuleOut = GatedLinearAttentionOut<T>;

template <class T>
struct DeltaRuleGrad {
  HeadVectors<const T> d_o;
  const T* d_final;                      // [b, h, k, v]; null: zeros
  const T* states;                       // as the forward pass left them
  HeadVectors<T> dq, dk, dv, dbeta, dg;  // dg null: there is no g
  T* d_initial;                          // [b, h, k, v]; null: not wanted
};

/// Floats of scratch memory that a call needs with the present number of threads.
std::int64_t delta_rule_workspace(const DeltaRule<float>& p, bool gradient);

/// In chunks of 64 steps, as products of matrices and a triangular system for each chunk.
void delta_rule(const DeltaRule<float>& p, const DeltaRuleOut<float>& out, float* workspace);
void delta_rule_grad(const DeltaRule<float>& p, const DeltaRuleGrad<float>& grad, float* workspace);

/// The definition, step by step.
template <class T>
void delta_rule_reference(const DeltaRule<T>& p, const DeltaRuleOut<T>& out);
template <class T>
void delta_rule_grad_reference(const DeltaRule<T>& p, const DeltaRuleGrad<T>& grad);

}  // namespace longwave::kernels
