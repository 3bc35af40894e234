#pragma once

#include <complex>
#include <cstdint>

namespace longwave::kernels {

/// h[t] = a[t] * h[t-1] + u[t], independently for every row b and channel d: the recurrence of minGRU, minLSTM and of
/// every gate that acts per channel; of complex numbers that of poles which change over time. One step is t = 1.
/// Sequences are [b, t, d], states [b, d], all contiguous. `h` must not overlap the inputs.
template <class T>
struct LinearScan {
  const T* a;       // gates
  const T* u;       // inputs
  const T* h_init;  // state before the first step, or null for zeros
  T* h;             // states after each step
  std::int64_t b, t, d;
};

/// Adjoint: g[t] = dh[t] + a[t+1] * g[t+1];  du = g,  da[t] = g[t] * h[t-1],  dh_init = a[0] * g[0]; of complex numbers
/// a and h are conjugated.
template <class T>
struct LinearScanGrad {
  const T* a;
  const T* h;       // what the forward scan wrote
  const T* h_init;  // or null
  const T* dh;      // gradient of each state
  T* da;
  T* du;
  T* dh_init;
  std::int64_t b, t, d;
};

/// Best instruction set of the machine, same bits for any number of threads.
void linear_scan(const LinearScan<float>& s);
void linear_scan(const LinearScan<std::complex<float>>& s);
void linear_scan_grad(const LinearScanGrad<float>& s);
void linear_scan_grad(const LinearScanGrad<std::complex<float>>& s);

/// The definition, for float and double, real and complex: scalar.
template <class T>
void linear_scan_reference(const LinearScan<T>& s);
template <class T>
void linear_scan_grad_reference(const LinearScanGrad<T>& s);

}  // namespace longwave::kernels
