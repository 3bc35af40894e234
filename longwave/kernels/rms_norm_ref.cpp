#include <algorithm>
#include <cmath>
#include <vector>

#include "longwave/kernels/rms_norm.h"

namespace longwave::kernels {
namespace {

/// 1 / sqrt(mean(x^2) + eps) of a block.
double inverse_of(const RmsNorm& r, std::int64_t block) {
  double squares = 0;
  for (std::int64_t i = 0; i < r.width; ++i) {
    const double x = r.x[block * r.width + i];
    squares += x * x;
  }
  return 1 / std::sqrt(squares / static_cast<double>(r.width) + r.eps);
}

}  // namespace

void rms_norm_reference(const RmsNorm& r, float* y) {
  for (std::int64_t block = 0; block < r.rows * r.groups; ++block) {
    const double inverse = inverse_of(r, block);
    const auto *w = r.w + block % r.groups * r.width, *x = r.x + block * r.width;
    for (std::int64_t i = 0; i < r.width; ++i) y[block * r.width + i] = static_cast<float>(x[i] * inverse * w[i]);
  }
}

/// With g = w dy, and the mean over a block: dx = inverse (g - x inverse^2 mean(x g)), dw = sum of dy x inverse.
void rms_norm_grad_reference(const RmsNorm& r, const float* dy, float* dx, float* dw) {
  std::vector<double> sums(r.groups * r.width);
  for (std::int64_t block = 0; block < r.rows * r.groups; ++block) {
    const double inverse = inverse_of(r, block);
    const auto first = block % r.groups * r.width;  // of its weights
    const auto *x = r.x + block * r.width, *d = dy + block * r.width;
    double along = 0;
    for (std::int64_t i = 0; i < r.width; ++i) {
      along += x[i] * inverse * r.w[first + i] * d[i] / static_cast<double>(r.width);
      sums[first + i] += d[i] * inverse * x[i];
    }
    for (std::int64_t i = 0; i < r.width; ++i)
      dx[block * r.width + i] =
          static_cast<float>(inverse * (static_cast<double>(r.w[first + i]) * d[i] - x[i] * inverse * along));
  }
  std::copy(sums.begin(), sums.end(), dw);
}

}  // namespace longwave::kernels
