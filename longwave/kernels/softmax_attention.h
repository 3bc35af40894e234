#pragma once

#include <cstdint>

namespace longwave::kernels {

/// Softmax attention y[i] = sum over visible keys j of softmax_j(scale q[i] . k[j]) v[j] for each row and head, without
/// the matrix of scores; with slopes a score loses slope |p - j|, p the place of its query among the keys. Query head n
/// reads key head n / (heads / key_heads). Steps of a row lie *_step numbers apart, rows *_row; the numbers of a step
/// (all heads) are contiguous. A query that sees no key gets 0 and lse = -infinity.
template <class T>
struct SoftmaxAttention {
  const T *q, *k, *v;  // [b, t, heads, d], [b, s, key_heads, d], [b, s, key_heads, e]
  std::int64_t q_row, q_step, k_row, k_step, v_row, v_step;
  const bool* key_mask;         // [b, s]: keys that exist; null: all do
  const std::int64_t* offsets;  // [b]: query i is at place offset + i; if causal, it sees keys up to there; null: 0
  const T* slopes;              // [heads]; null: none
  std::int64_t b, t, s, heads, key_heads, d, e;
  T scale;
  bool causal;
  T* y;    // [b, t, heads, e]
  T* lse;  // [b, heads, t]: log of the sum of e^score over the visible keys
};

/// Gradients; `forward` has y and lse of the forward pass. All contiguous.
template <class T>
struct SoftmaxAttentionGrad {
  SoftmaxAttention<T> forward;
  const T* dy;    // like y
  const T* dlse;  // like lse, or null
  T* dq;          // [b, t, heads, d]
  T* dk;          // [b, s, key_heads, d]
  T* dv;          // [b, s, key_heads, e]
};

/// In tiles of keys by queries, of up to 8 queries each by itself, on all cores; memory linear in t and s. Same bits
/// for any number of threads. `workspace`: as many floats as asked for, aligned to 64 bytes.
std::int64_t softmax_attention_workspace(const SoftmaxAttention<float>& a);
void softmax_attention(const SoftmaxAttention<float>& a, float* workspace);
std::int64_t softmax_attention_grad_workspace(const SoftmaxAttentionGrad<float>& g);
void softmax_attention_grad(const SoftmaxAttentionGrad<float>& g, float* workspace);

/// The definition, one query at a time; float and double.
template <class T>
void softmax_attention_reference(const SoftmaxAttention<T>& a);
template <class T>
void softmax_attention_grad_reference(const SoftmaxAttentionGrad<T>& g);

}  // namespace longwave::kernels
