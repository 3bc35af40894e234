#pragma once

#include <cstdint>

namespace longwave::kernels {

/// Depthwise causal convolution of `taps` inputs, each channel with its own weights:
///   y[t] = act(bias + sum_j weight[j] x[t - (taps - 1) + j]),  act = SiLU or the identity.
/// The inputs before the first are history[1 .. taps - 1], the oldest first (history[0] is not used: the state of Mamba
/// holds as many inputs as there are taps). One step is t = 1. y must not overlap x.
template <class T>
struct ShortConvolution {
  const T* x;        // [b, t, d], rows and steps by their strides
  const T* weight;   // [taps, d]
  const T* bias;     // [d] or null
  const T* history;  // [b, taps, d] or null for zeros
  std::int64_t b, t, d, taps;
  std::int64_t row_stride, step_stride;  // of x
  bool silu;
};

/// Gradients for dy [b, t, d], which all are written (history[0]'s is zero).
template <class T>
struct ShortConvolutionGrad {
  const T* dy;
  T* dx;         // [b, t, d], contiguous
  T* dweight;    // [taps, d]
  T* dbias;      // [d]; written even without a bias
  T* dhistory;   // [b, taps, d]; written even without a history
  T* workspace;  // short_convolution_grad_workspace numbers
};
template <class T>
std::int64_t short_convolution_grad_workspace(const ShortConvolution<T>& c) {
  return c.b * (c.taps + 1) * c.d;  // gradients of weight and bias by row
}

/// Best instruction set of the machine, same bits for any number of threads. y: [b, t, d], contiguous.
void short_convolution(const ShortConvolution<float>& c, float* y);
void short_convolution_grad(const ShortConvolution<float>& c, const ShortConvolutionGrad<float>& g);

/// The definition: scalar.
template <class T>
void short_convolution_reference(const ShortConvolution<T>& c, T* y);
template <class T>
void short_convolution_grad_reference(const ShortConvolution<T>& c, const ShortConvolutionGrad<T>& g);

}  // namespace longwave::kernels
