#include <algorithm>
#include <cmath>

#include "longwave/kernels/short_convolution.h"

namespace longwave::kernels {
namespace {

/// Input of step t, which may lie before the first.
template <class T>
T input(const ShortConvolution<T>& c, std::int64_t b, std::int64_t t, std::int64_t d) {
  if (t >= 0) return c.x[b * c.row_stride + t * c.step_stride + d];
  return c.history ? c.history[(b * c.taps + c.taps + t) * c.d + d] : T(0);
}

template <class T>
T before_activation(const ShortConvolution<T>& c, std::int64_t b, std::int64_t t, std::int64_t d) {
  T sum = c.bias ? c.bias[d] : T(0);
  for (std::int64_t j = 0; j < c.taps; ++j) sum += c.weight[j * c.d + d] * input(c, b, t - (c.taps - 1) + j, d);
  return sum;
}

template <class T>
void grad_step(const ShortConvolution<T>& c, const ShortConvolutionGrad<T>& g, std::int64_t b, std::int64_t t,
               std::int64_t d) {
  T slope = g.dy[(b * c.t + t) * c.d + d];
  if (c.silu) {
    const T p = before_activation(c, b, t, d), s = 1 / (1 + std::exp(-p));
    slope *= s * (1 + p * (1 - s));
  }
  g.dbias[d] += slope;
  for (std::int64_t j = 0; j < c.taps; ++j) {
    const auto from = t - (c.taps - 1) + j;
    g.dweight[j * c.d + d] += slope * input(c, b, from, d);
    const T part = slope * c.weight[j * c.d + d];
    if (from >= 0)
      g.dx[(b * c.t + from) * c.d + d] += part;
    else
      g.dhistory[(b * c.taps + c.taps + from) * c.d + d] += part;
  }
}

}  // namespace

template <class T>
void short_convolution_reference(const ShortConvolution<T>& c, T* y) {
  for (std::int64_t b = 0; b < c.b; ++b)
    for (std::int64_t t = 0; t < c.t; ++t)
      for (std::int64_t d = 0; d < c.d; ++d) {
        const T p = before_activation(c, b, t, d);
        y[(b * c.t + t) * c.d + d] = c.silu ? p / (1 + std::exp(-p)) : p;
      }
}

template <class T>
void short_convolution_grad_reference(const ShortConvolution<T>& c, const ShortConvolutionGrad<T>& g) {
  std::fill_n(g.dx, c.b * c.t * c.d, T(0));
  std::fill_n(g.dweight, c.taps * c.d, T(0));
  std::fill_n(g.dbias, c.d, T(0));
  std::fill_n(g.dhistory, c.b * c.taps * c.d, T(0));
  for (std::int64_t b = 0; b < c.b; ++b)
    for (std::int64_t t = 0; t < c.t; ++t)
      for (std::int64_t d = 0; d < c.d; ++d) grad_step(c, g, b, t, d);
}

template void short_convolution_reference(const ShortConvolution<float>&, float*);
template void short_convolution_reference(const ShortConvolution<double>&, double*);
template void short_convolution_grad_reference(const ShortConvolution<float>&, const ShortConvolutionGrad<float>&);
template void short_convolution_grad_reference(const ShortConvolution<double>&, const ShortConvolutionGrad<double>&);

}  // namespace longwave::kernels
