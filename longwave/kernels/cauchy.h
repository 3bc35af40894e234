#pragma once

#include <cstdint>

namespace longwave::kernels {

/// r[m, h, l] = sum over n of v[m, h, n] / (z[l] - w[h, n]) + conj(v[m, h, n]) / (z[l] - conj(w[h, n])).
/// All numbers complex as pairs (re, im), contiguous: v [m, h, n], w [h, n], z [l], r [m, h, l].
template <class T>
struct Cauchy {
  const T *v, *w, *z;
  T* r;
  std::int64_t m, h, n, l;
};

/// Gradients dv [m, h, n] and dw [h, n] of a loss whose gradient with respect to r is dr (dL/dRe + i dL/dIm).
template <class T>
struct CauchyGrad {
  const T *v, *w, *z, *dr;
  T *dv, *dw;
  std::int64_t m, h, n, l;
};

void cauchy_ref(const Cauchy<float>& p);
void cauchy_ref(const Cauchy<double>& p);
void cauchy_grad_ref(const CauchyGrad<float>& p);
void cauchy_grad_ref(const CauchyGrad<double>& p);

/// The same for nodes on the imaginary axis, whose real parts are not looked at: lanes are nodes, arithmetic is real.
void cauchy_imaginary(const Cauchy<float>& p);
void cauchy_imaginary(const Cauchy<double>& p);
void cauchy_grad_imaginary(const CauchyGrad<float>& p);
void cauchy_grad_imaginary(const CauchyGrad<double>& p);

}  // namespace longwave::kernels
