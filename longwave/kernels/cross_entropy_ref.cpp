#include <algorithm>
#include <cmath>

#include "longwave/kernels/cross_entropy.h"

namespace longwave::kernels {

void cross_entropy_reference(const CrossEntropy& c, const float* logits, float* loss, float* lse) {
  for (std::int64_t row = 0; row < c.rows; ++row) {
    const float* x = logits + row * c.classes;
    const double largest = *std::max_element(x, x + c.classes);  // without which exponentials overflow
    double sum = 0;
    for (std::int64_t i = 0; i < c.classes; ++i) sum += std::exp(x[i] - largest);
    const double whole = largest + std::log(sum);
    lse[row] = static_cast<float>(whole);
    loss[row] = c.targets[row] == c.ignored ? 0 : static_cast<float>(whole - x[c.targets[row]]);
  }
}

void cross_entropy_grad_reference(const CrossEntropy& c, const float* lse, const float* dloss, float* logits) {
  for (std::int64_t row = 0; row < c.rows; ++row)
    for (std::int64_t i = 0; i < c.classes; ++i) {
      float& x = logits[row * c.classes + i];
      const double share = std::exp(static_cast<double>(x) - lse[row]);
      const double slope = c.targets[row] == c.ignored ? 0 : share - (i == c.targets[row] ? 1 : 0);
      x = static_cast<float>(dloss[row] * slope);
    }
}

}  // namespace longwave::kernels
