#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

// The RMS norm of a row of n numbers, for definitions.

namespace longwave::kernels {

/// 1 / sqrt(mean(x^2) + eps)
template <class T>
double scalar_inverse_rms(const T* x, std::int64_t n, double eps) {
  double squares = 0;
  for (std::int64_t i = 0; i < n; ++i) squares += static_cast<double>(x[i]) * x[i];
  return 1 / std::sqrt(squares / static_cast<double>(n) + eps);
}

/// x times that, times w
template <class T>
std::vector<double> scalar_rms_norm(const T* x, const float* w, std::int64_t n, double eps) {
  const double inverse = scalar_inverse_rms(x, n, eps);
  std::vector<double> y(n);
  for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] * inverse * w[i];
  return y;
}

/// Its gradient for dy; that of w is added to dw. With unit = x inverse and g = w dy: inverse (g - unit mean(unit g)),
/// and dy unit.
template <class T, class D>
std::vector<double> scalar_rms_norm_grad(const T* x, const float* w, const D* dy, std::int64_t n, double eps,
                                         double* dw) {
  const double inverse = scalar_inverse_rms(x, n, eps);
  double along = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const double unit = x[i] * inverse;
    along += unit * w[i] * dy[i] / static_cast<double>(n);
    dw[i] += dy[i] * unit;
  }
  std::vector<double> dx(n);
  for (std::int64_t i = 0; i < n; ++i) dx[i] = inverse * (static_cast<double>(w[i]) * dy[i] - x[i] * inverse * along);
  return dx;
}

}  // namespace longwave::kernels
