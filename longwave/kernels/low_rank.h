#pragma once

#include <cstdint>

namespace longwave::kernels {

/// The response of a state-space model with a low-rank part, at nodes l, from its sums over poles (Woodbury's
/// identity):
///   y[i, c] = (1 + i tangent) (s[i, c] - sum over p, q of s[i, C + p] (M^-1)[p, q] s[I + q, c]),
///   M[p, q] = (p == q) + s[I + p, C + q],   for I inputs, C outputs and rank r, separately for every feature and node.
/// Complex numbers as pairs (re, im), contiguous: s [I + r, C + r, h, l], y [I, C, h, l]; tangent real, [l].
template <class T>
struct LowRank {
  const T *s, *tangent;
  T* y;
  std::int64_t inputs, outputs, rank, h, l;
};
constexpr std::int64_t kLargestRank = 4;

/// Gradient ds of a loss whose gradient with respect to y is dy (dL/dRe + i dL/dIm).
template <class T>
struct LowRankGrad {
  const T *s, *tangent, *dy;
  T* ds;
  std::int64_t inputs, outputs, rank, h, l;
};

template <class T>
void low_rank(const LowRank<T>& p);
template <class T>
void low_rank_grad(const LowRankGrad<T>& p);

/// The definition: matrix by matrix, in double.
template <class T>
void low_rank_reference(const LowRank<T>& p);
template <class T>
void low_rank_grad_reference(const LowRankGrad<T>& p);

}  // namespace longwave::kernels
