#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "longwave/kernels/softmax_attention.h"

namespace longwave::kernels {
namespace {

template <class T>
T dot(const T* x, const T* y, std::int64_t n) {
  T sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += x[i] * y[i];
  return sum;
}

template <class T>
void add_scaled(T scale, const T* x, T* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] += scale * x[i];
}

/// One query: its place, and which keys it sees.
template <class T>
struct Query {
  const SoftmaxAttention<T>& a;
  std::int64_t row, i, head;
  std::int64_t key_head = head / (a.heads / a.key_heads);

  const T* q() const { return a.q + row * a.q_row + i * a.q_step + head * a.d; }
  const T* k(std::int64_t j) const { return a.k + row * a.k_row + j * a.k_step + key_head * a.d; }
  const T* v(std::int64_t j) const { return a.v + row * a.v_row + j * a.v_step + key_head * a.e; }
  bool sees(std::int64_t j) const {
    if (a.key_mask && !a.key_mask[row * a.s + j]) return false;
    return !a.causal || j <= place();
  }
  std::int64_t place() const { return (a.offsets ? a.offsets[row] : 0) + i; }
  T score(std::int64_t j) const {
    const T product = a.scale * dot(q(), k(j), a.d);
    return a.slopes ? product - a.slopes[head] * static_cast<T>(std::abs(place() - j)) : product;
  }
  std::int64_t output() const { return ((row * a.t + i) * a.heads + head) * a.e; }
  std::int64_t lse() const { return (row * a.heads + head) * a.t + i; }
};

template <class T, class Body>
void for_queries(const SoftmaxAttention<T>& a, Body body) {
  for (std::int64_t row = 0; row < a.b; ++row)
    for (std::int64_t head = 0; head < a.heads; ++head)
      for (std::int64_t i = 0; i < a.t; ++i) body(Query<T>{a, row, i, head});
}

}  // namespace

template <class T>
void softmax_attention_reference(const SoftmaxAttention<T>& a) {
  constexpr T kNone = -std::numeric_limits<T>::infinity();
  std::vector<T> scores(a.s);
  for_queries(a, [&](const Query<T>& query) {
    T largest = kNone, sum = 0;
    for (std::int64_t j = 0; j < a.s; ++j) {
      scores[j] = query.sees(j) ? query.score(j) : kNone;
      largest = std::max(largest, scores[j]);
    }
    T* y = a.y + query.output();
    std::fill_n(y, a.e, T(0));
    for (std::int64_t j = 0; j < a.s; ++j) {
      if (!query.sees(j)) continue;
      const T weight = std::exp(scores[j] - largest);
      sum += weight;
      add_scaled(weight, query.v(j), y, a.e);
    }
    a.lse[query.lse()] = largest == kNone ? kNone : largest + std::log(sum);
    if (largest != kNone)
      for (std::int64_t c = 0; c < a.e; ++c) y[c] /= sum;
  });
}

template <class T>
void softmax_attention_grad_reference(const SoftmaxAttentionGrad<T>& g) {
  const auto& a = g.forward;
  std::fill_n(g.dq, a.b * a.t * a.heads * a.d, T(0));
  std::fill_n(g.dk, a.b * a.s * a.key_heads * a.d, T(0));
  std::fill_n(g.dv, a.b * a.s * a.key_heads * a.e, T(0));
  for_queries(a, [&](const Query<T>& query) {
    const T* dy = g.dy + query.output();
    const T lse = a.lse[query.lse()];
    const T delta = dot(dy, a.y + query.output(), a.e) - (g.dlse ? g.dlse[query.lse()] : T(0));
    T* dq = g.dq + ((query.row * a.t + query.i) * a.heads + query.head) * a.d;
    for (std::int64_t j = 0; j < a.s; ++j) {
      if (!query.sees(j)) continue;
      const auto key = (query.row * a.s + j) * a.key_heads + query.key_head;
      const T weight = std::exp(query.score(j) - lse);
      add_scaled(weight, dy, g.dv + key * a.e, a.e);
      const T dscore = a.scale * weight * (dot(dy, query.v(j), a.e) - delta);
      add_scaled(dscore, query.k(j), dq, a.d);
      add_scaled(dscore, query.q(), g.dk + key * a.d, a.d);
    }
  });
}

template void softmax_attention_reference(const SoftmaxAttention<float>&);
template void softmax_attention_reference(const SoftmaxAttention<double>&);
template void softmax_attention_grad_reference(const SoftmaxAttentionGrad<float>&);
template void softmax_attention_grad_reference(const SoftmaxAttentionGrad<double>&);

}  // namespace longwave::kernels
