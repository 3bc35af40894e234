#pragma once

#include <cstdint>

namespace longwave::kernels {

/// Vectors [b, t, h, width] anywhere in memory; the numbers of one vector are contiguous. Null data: none.
template <class T>
struct HeadVectors {
  T* data = nullptr;
  std::int64_t row_stride = 0, step_stride = 0, head_stride = 0;
  T* at(std::int64_t row, std::int64_t step, std::int64_t head) const {
    return data + row * row_stride + step * step_stride + head * head_stride;
  }
};

/// Linear attention with decay, for every row and head; S is a matrix [k, v]:
///   S_t = diag(exp(g_t)) S_{t-1} + k_t v_t',   o_t = scale S_t' q_t
/// and with a bonus u for the present step (RWKV-6): o_t = scale (S_{t-1} + diag(u) k_t v_t')' q_t.
/// The log decay g (above 0 it is growth) is a number per head, or one per key channel, or missing: 0. With a gain a
/// step writes gain_t k_t v_t' instead (and no u); with a skip o_t has skip v_t more (Mamba-2). With beta the delta
/// rule, by which S learns to answer k_t with v_t (g per head or missing, no u, gain or skip):
///   S' = exp(g_t) S_{t-1},   S_t = S' + beta_t k_t (v_t - S'' k_t)' with S'' the transpose of S'
template <class T>
struct GatedLinearAttention {
  HeadVectors<const T> q, k, v;  // widths k, k, v
  HeadVectors<const T> g;        // width 1 or k
  bool per_channel = false;      // g has width k
  const T* u = nullptr;          // [h, k]
  HeadVectors<const T> beta;     // width 1
  HeadVectors<const T> gain;     // width 1
  const T* skip = nullptr;       // [h, v]
  const T* initial = nullptr;    // [b, h, k, v]; null: zeros
  std::int64_t b = 0, t = 0, h = 0, dk = 0, dv = 0;
  T scale = 1;
};

/// Steps between the states that the forward pass leaves for the backward pass, which recomputes all others.
inline constexpr std::int64_t kStateSpacing = 256;
inline std::int64_t states_kept(std::int64_t t) { return (t + kStateSpacing - 1) / kStateSpacing; }

template <class T>
struct GatedLinearAttentionOut {
  HeadVectors<T> o;
  T* final_state;  // [b, h, k, v]
  T* states;       // [b, h, states_kept(t), k, v]: before step 0, kStateSpacing, ...; null: not wanted
};

template <class T>
struct GatedLinearAttentionGrad {
  HeadVectors<const T> d_o;
  const T* d_final;               // [b, h, k, v]; null: zeros
  const T* states;                // as the forward pass left them
  HeadVectors<T> dq, dk, dv, dg;  // of the widths of q, k, v, g; dg null: not wanted
  HeadVectors<T> dbeta;           // width 1; null if there is no beta
  HeadVectors<T> dgain;           // width 1; null if there is no gain
  T* du;                          // [b, h, k], to be summed over rows; null if there is no u
  T* dskip;                       // [b, h, v], to be summed over rows; null if there is no skip
  T* d_initial;                   // [b, h, k, v]; null: not wanted
};

/// Floats of scratch memory that a call needs with the present number of threads.
std::int64_t gated_linear_attention_workspace(const GatedLinearAttention<float>& p, bool gradient);

/// In chunks of 64 steps, as products of matrices, and for the delta rule a triangular system for each chunk.
void gated_linear_attention(const GatedLinearAttention<float>& p, const GatedLinearAttentionOut<float>& out,
                            float* workspace);
void gated_linear_attention_grad(const GatedLinearAttention<float>& p, const GatedLinearAttentionGrad<float>& grad,
                                 float* workspace);

/// The definition, step by step.
template <class T>
void gated_linear_attention_reference(const GatedLinearAttention<T>& p, const GatedLinearAttentionOut<T>& out);
template <class T>
void gated_linear_attention_grad_reference(const GatedLinearAttention<T>& p, const GatedLinearAttentionGrad<T>& grad);

}  // namespace longwave::kernels
