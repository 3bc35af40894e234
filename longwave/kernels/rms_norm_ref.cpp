#include <algorithm>

#include "longwave/kernels/rms_norm.h"
#include "longwave/kernels/scalar_rms.h"

namespace longwave::kernels {

void rms_norm_reference(const RmsNorm& r, float* y) {
  for (std::int64_t block = 0; block < r.rows * r.groups; ++block) {
    const auto at = block * r.width, weights = block % r.groups * r.width;
    const auto normed = scalar_rms_norm(r.x + at, r.w + weights, r.width, r.eps);
    std::copy(normed.begin(), normed.end(), y + at);
  }
}

void rms_norm_grad_reference(const RmsNorm& r, const float* dy, float* dx, float* dw) {
  std::vector<double> sums(r.groups * r.width);
  for (std::int64_t block = 0; block < r.rows * r.groups; ++block) {
    const auto at = block * r.width, weights = block % r.groups * r.width;
    const auto d = scalar_rms_norm_grad(r.x + at, r.w + weights, dy + at, r.width, r.eps, sums.data() + weights);
    std::copy(d.begin(), d.end(), dx + at);
  }
  std::copy(sums.begin(), sums.end(), dw);
}

}  // namespace longwave::kernels
