#pragma once

#include <cstdint>

namespace longwave::kernels {

/// Convolution of every channel with kernels that are sums of a few decaying oscillations, K_r[l] = Re(sum over n of
/// w_rn (1 + g_n)^l), by the recurrences behind them instead of Fourier transforms:
///   y[t] = skip x[t] + sum over s <= t of K_0[t - s] x[s],  and with two directions + sum over s > t of K_1[s-t-1]
///   x[s].
/// The poles 1 + g are given as g, which keeps the digits of those close to one. Complex numbers are two planes, real
/// then imaginary: g [2, n, d], w [directions, 2, n, d]; x [b, t, d]. A row ends at its length; what lies beyond is not
/// read, and its outputs are zero.
template <class T>
struct PoleConvolution {
  const T* x;
  const T *g, *w;
  const T* skip;                // [d] or null
  const std::int64_t* lengths;  // [b] or null
  std::int64_t b, t, d, n;
  int directions;  // 1 or 2

  std::int64_t length(std::int64_t row) const { return lengths ? lengths[row] : t; }
  std::int64_t plane() const { return n * d; }
};

/// Gradients for dy. All are written; dskip only where there is a skip.
template <class T>
struct PoleConvolutionGrad {
  const T* dy;
  T *dx, *dg, *dw, *dskip;
  T* workspace;  // pole_convolution_grad_workspace numbers
};

/// States of a channel that the fast kernel takes: more of them cost more than Fourier transforms do.
constexpr std::int64_t kMostPoles = 8;

/// Sums of dg, dw and dskip by row.
template <class T>
std::int64_t pole_convolution_grad_workspace(const PoleConvolution<T>& s) {
  return s.b * (2 * (1 + s.directions) * s.plane() + s.d);
}

/// Best instruction set of the machine, same bits for any number of threads; n at most kMostPoles.
void pole_convolution(const PoleConvolution<float>& s, float* y);
void pole_convolution_grad(const PoleConvolution<float>& s, const PoleConvolutionGrad<float>& g);

/// The definition: scalar, any n.
template <class T>
void pole_convolution_reference(const PoleConvolution<T>& s, T* y);
template <class T>
void pole_convolution_grad_reference(const PoleConvolution<T>& s, const PoleConvolutionGrad<T>& g);

}  // namespace longwave::kernels
