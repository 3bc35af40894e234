#include <algorithm>
#include <complex>

#include "longwave/kernels/diagonal_scan.h"

namespace longwave::kernels {
namespace {

template <class T>
std::complex<T> load(const T* planes, std::int64_t n) {
  return planes ? std::complex<T>(planes[0], planes[n]) : std::complex<T>(0);
}

template <class T>
void store(std::complex<T> value, T* planes, std::int64_t n) {
  planes[0] = value.real();
  planes[n] = value.imag();
}

template <class T>
void add(std::complex<T> value, T* planes, std::int64_t n) {
  planes[0] += value.real();
  planes[n] += value.imag();
}

}  // namespace

template <class T>
void diagonal_scan_reference(const DiagonalScan<T>& s, T* h, T* h_last) {
  std::fill_n(h, s.b * s.t * 2 * s.n, T(0));
  for (std::int64_t row = 0; row < s.b; ++row)
    for (std::int64_t n = 0; n < s.n; ++n) {
      const auto pole = load(s.pole + n, s.n);
      auto state = load(s.h_init ? s.h_init + row * 2 * s.n + n : nullptr, s.n);
      for (std::int64_t step = 0; step < s.length(row); ++step) {
        const auto t = s.reverse ? s.length(row) - 1 - step : step;
        const auto at = (row * s.t + t) * 2 * s.n + n;
        state = pole * state + load(s.u + at, s.n);
        store(state, h + at, s.n);
      }
      store(state, h_last + row * 2 * s.n + n, s.n);
    }
}

template <class T>
void diagonal_scan_grad_reference(const DiagonalScan<T>& s, const DiagonalScanGrad<T>& g) {
  std::fill_n(g.du, s.b * s.t * 2 * s.n, T(0));
  std::fill_n(g.dpole, 2 * s.n, T(0));
  for (std::int64_t row = 0; row < s.b; ++row)
    for (std::int64_t n = 0; n < s.n; ++n) {
      const auto pole = std::conj(load(s.pole + n, s.n));
      const auto edge = row * 2 * s.n + n;
      auto carry = load(g.dh_last + edge, s.n);  // gradient of the state after the step that later steps give
      for (auto step = s.length(row) - 1; step >= 0; --step) {
        const auto t = s.reverse ? s.length(row) - 1 - step : step;
        const auto at = (row * s.t + t) * 2 * s.n + n, before = at + (s.reverse ? 2 : -2) * s.n;
        const auto gradient = load(g.dh + at, s.n) + carry;
        const auto previous = step > 0 ? load(g.h + before, s.n) : load(s.h_init ? s.h_init + edge : nullptr, s.n);
        store(gradient, g.du + at, s.n);
        add(gradient * std::conj(previous), g.dpole + n, s.n);
        carry = pole * gradient;
      }
      store(carry, g.dh_init + edge, s.n);
    }
}

template void diagonal_scan_reference(const DiagonalScan<float>&, float*, float*);
template void diagonal_scan_reference(const DiagonalScan<double>&, double*, double*);
template void diagonal_scan_grad_reference(const DiagonalScan<float>&, const DiagonalScanGrad<float>&);
template void diagonal_scan_grad_reference(const DiagonalScan<double>&, const DiagonalScanGrad<double>&);

}  // namespace longwave::kernels
