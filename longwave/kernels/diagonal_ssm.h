#pragma once

#include <cstdint>

namespace longwave::kernels {

/// A diagonal state space of n states for every channel, whose coefficients stay the same over time:
///   h[t] = a h[t-1] + b x[t],  or with `liquid`  h[t] = (a + b x[t]) h[t-1] + b x[t];   y[t] = Re(sum_n c h[t])
/// The recurrence of Mega's EMA (real) and of Liquid-S4 (complex). Complex numbers are two planes, real then imaginary:
/// `planes` is 1 or 2. Coefficients [planes, n, d], sequences [b, t, d], states [b, planes, n, d]. A row ends at its
/// length; y beyond is zero. With `reverse` time runs backwards, from the last step of each row.
template <class T>
struct DiagonalSsm {
  const T* x;
  const T *a, *b_in, *c_out;
  const T* h_init;              // state before the first step (of those that run), or null for zeros
  const std::int64_t* lengths;  // [b] or null
  std::int64_t b, t, d, n;
  int planes;
  bool liquid, reverse;

  std::int64_t length(std::int64_t row) const { return lengths ? lengths[row] : t; }
  std::int64_t coefficients() const { return planes * n * d; }  // numbers in a, and in the state of a row
};

/// Gradients for those of y and h_last. All are written.
template <class T>
struct DiagonalSsmGrad {
  const T* dy;
  const T* dh_last;
  T* dx;
  T *da, *db, *dc;
  T* dh_init;
  T* workspace;  // diagonal_ssm_grad_workspace numbers
};
template <class T>
std::int64_t diagonal_ssm_grad_workspace(const DiagonalSsm<T>& s) {
  return 3 * s.b * s.coefficients();  // da, db, dc by row
}

/// Best instruction set of the machine, same bits for any number of threads.
void diagonal_ssm(const DiagonalSsm<float>& s, float* y, float* h_last);
void diagonal_ssm_grad(const DiagonalSsm<float>& s, const DiagonalSsmGrad<float>& g);

/// The definition: scalar.
template <class T>
void diagonal_ssm_reference(const DiagonalSsm<T>& s, T* y, T* h_last);
template <class T>
void diagonal_ssm_grad_reference(const DiagonalSsm<T>& s, const DiagonalSsmGrad<T>& g);

}  // namespace longwave::kernels
