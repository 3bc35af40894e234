#include "longwave/kernels/linear_scan.h"

#include "longwave/kernels/conjugate.h"

namespace longwave::kernels {

template <class T>
void linear_scan_reference(const LinearScan<T>& s) {
  for (std::int64_t b = 0; b < s.b; ++b)
    for (std::int64_t d = 0; d < s.d; ++d) {
      T h = s.h_init ? s.h_init[b * s.d + d] : T(0);
      for (std::int64_t t = 0; t < s.t; ++t) {
        const auto i = (b * s.t + t) * s.d + d;
        h = s.a[i] * h + s.u[i];
        s.h[i] = h;
      }
    }
}

template <class T>
void linear_scan_grad_reference(const LinearScanGrad<T>& s) {
  for (std::int64_t b = 0; b < s.b; ++b)
    for (std::int64_t d = 0; d < s.d; ++d) {
      T carry = 0;  // a[t+1] * g[t+1]
      for (std::int64_t t = s.t - 1; t >= 0; --t) {
        const auto i = (b * s.t + t) * s.d + d;
        const T previous = t > 0 ? s.h[i - s.d] : s.h_init ? s.h_init[b * s.d + d] : T(0);
        const T g = s.dh[i] + carry;
        s.du[i] = g;
        s.da[i] = g * conjugate(previous);
        carry = conjugate(s.a[i]) * g;
      }
      s.dh_init[b * s.d + d] = carry;
    }
}

template void linear_scan_reference(const LinearScan<float>&);
template void linear_scan_reference(const LinearScan<double>&);
template void linear_scan_reference(const LinearScan<std::complex<float>>&);
template void linear_scan_reference(const LinearScan<std::complex<double>>&);
template void linear_scan_grad_reference(const LinearScanGrad<float>&);
template void linear_scan_grad_reference(const LinearScanGrad<double>&);
template void linear_scan_grad_reference(const LinearScanGrad<std::complex<float>>&);
template void linear_scan_grad_reference(const LinearScanGrad<std::complex<double>>&);

}  // namespace longwave::kernels
