#pragma once

#include <cstdint>

namespace longwave::kernels {

/// One step of state-space systems x' = A x + b u that share a lower triangular A and differ in their step size dt, by
/// the bilinear rule with s = dt / 2:
///   (I - s A) x_next = (I + s A) x + 2 s b u.
/// The midpoint w = (x + x_next) / 2 solves (I - s A) w = x + s b u, by forward substitution: n^2 / 2 multiply-adds for
/// every feature, with one A in the cache for all of them. In float64, since A is far from normal.
template <class T>
struct BilinearStep {
  const double *a, *b, *half;  // [n, n], what is above the diagonal is not read; [n]; [h]: s
  const T *x, *u;              // [rows, h, n], [rows, h]
  T* next;                     // [rows, h, n]; may be x
  std::int64_t rows, h, n;
};

void bilinear_step(const BilinearStep<float>& p);

template <class T>
void bilinear_step_reference(const BilinearStep<T>& p);

}  // namespace longwave::kernels
