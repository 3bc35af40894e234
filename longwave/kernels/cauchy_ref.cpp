#include <algorithm>
#include <complex>

#include "longwave/kernels/cauchy.h"

namespace longwave::kernels {
namespace {

template <class T>
using Complex = std::complex<T>;

template <class T>
const Complex<T>* numbers(const T* pairs) {
  return reinterpret_cast<const Complex<T>*>(pairs);
}
template <class T>
Complex<T>* numbers(T* pairs) {
  return reinterpret_cast<Complex<T>*>(pairs);
}

/// std::complex without its care for infinities, which costs most of its time.
template <class T>
Complex<T> times(Complex<T> a, Complex<T> b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}
template <class T>
Complex<T> inverse(Complex<T> a) {
  const T s = 1 / (a.real() * a.real() + a.imag() * a.imag());
  return {a.real() * s, -a.imag() * s};
}

template <class T>
void forward(const Cauchy<T>& p) {
  const auto *v = numbers(p.v), *w = numbers(p.w), *z = numbers(p.z);
  auto* r = numbers(p.r);
#pragma omp parallel for
  for (std::int64_t h = 0; h < p.h; ++h)
    for (std::int64_t m = 0; m < p.m; ++m)
      for (std::int64_t l = 0; l < p.l; ++l) {
        Complex<T> sum = 0;
        for (std::int64_t n = 0; n < p.n; ++n) {
          const auto pole = w[h * p.n + n], value = v[(m * p.h + h) * p.n + n];
          sum += times(value, inverse(z[l] - pole)) + times(std::conj(value), inverse(z[l] - std::conj(pole)));
        }
        r[(m * p.h + h) * p.l + l] = sum;
      }
}

/// With P = 1 / (z - w), Q = 1 / (z - conj w): dv = sum of dr conj(P) + conj(dr) Q,
/// dw = sum of dr conj(v P^2) + conj(dr) conj(v) Q^2.
template <class T>
void backward(const CauchyGrad<T>& p) {
  const auto *v = numbers(p.v), *w = numbers(p.w), *z = numbers(p.z), *dr = numbers(p.dr);
  auto *dv = numbers(p.dv), *dw = numbers(p.dw);
#pragma omp parallel for
  for (std::int64_t h = 0; h < p.h; ++h)
    for (std::int64_t n = 0; n < p.n; ++n) {
      const auto pole = w[h * p.n + n];
      Complex<T> pole_sum = 0;
      for (std::int64_t m = 0; m < p.m; ++m) {
        const auto value = v[(m * p.h + h) * p.n + n];
        Complex<T> first = 0, second = 0;  // of dv; of dw without the factor conj(v)
        for (std::int64_t l = 0; l < p.l; ++l) {
          const auto g = dr[(m * p.h + h) * p.l + l];
          const auto a = std::conj(inverse(z[l] - pole)), b = inverse(z[l] - std::conj(pole));
          const auto ga = times(g, a), gb = times(std::conj(g), b);
          first += ga + gb;
          second += times(ga, a) + times(gb, b);
        }
        dv[(m * p.h + h) * p.n + n] = first;
        pole_sum += times(second, std::conj(value));
      }
      dw[h * p.n + n] = pole_sum;
    }
}

}  // namespace

void cauchy_ref(const Cauchy<float>& p) { forward(p); }
void cauchy_ref(const Cauchy<double>& p) { forward(p); }
void cauchy_grad_ref(const CauchyGrad<float>& p) { backward(p); }
void cauchy_grad_ref(const CauchyGrad<double>& p) { backward(p); }

}  // namespace longwave::kernels
