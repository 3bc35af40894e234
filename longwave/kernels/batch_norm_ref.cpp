#include <cmath>

#include "longwave/kernels/batch_norm.h"

namespace longwave::kernels {
namespace {

bool counts(const BatchNorm& n, std::int64_t row) { return !n.counts || n.counts[row]; }

/// Mean of term(row) over the rows that count.
template <class Term>
double mean_of(const BatchNorm& n, Term term) {
  double sum = 0;
  for (std::int64_t row = 0; row < n.rows; ++row)
    if (counts(n, row)) sum += term(row);
  return sum / static_cast<double>(n.counted);
}

}  // namespace

void batch_norm_reference(const BatchNorm& n, float* y, float* mean, float* variance) {
  for (std::int64_t i = 0; i < n.d; ++i) {
    const auto x = [&](std::int64_t row) { return static_cast<double>(n.x[row * n.d + i]); };
    const double centre = mean_of(n, x);
    const double spread = mean_of(n, [&](std::int64_t row) { return (x(row) - centre) * (x(row) - centre); });
    for (std::int64_t row = 0; row < n.rows; ++row) {
      const double value = n.weight[i] * (x(row) - centre) / std::sqrt(spread + n.eps) + n.bias[i];
      y[row * n.d + i] = counts(n, row) ? static_cast<float>(value) : 0;
    }
    mean[i] = static_cast<float>(centre);
    variance[i] = static_cast<float>(spread);
  }
}

/// With x~ the rows before weight and bias: dx = weight / deviation (dy - mean(dy) - x~ mean(x~ dy)).
void batch_norm_grad_reference(const BatchNorm& n, const float* mean, const float* variance, const float* dy, float* dx,
                               float* dweight, float* dbias) {
  for (std::int64_t i = 0; i < n.d; ++i) {
    const double inverse = 1 / std::sqrt(static_cast<double>(variance[i]) + n.eps);
    const auto normed = [&](std::int64_t row) { return (static_cast<double>(n.x[row * n.d + i]) - mean[i]) * inverse; };
    const auto d = [&](std::int64_t row) { return static_cast<double>(dy[row * n.d + i]); };
    const double level = mean_of(n, d), along = mean_of(n, [&](std::int64_t row) { return normed(row) * d(row); });
    for (std::int64_t row = 0; row < n.rows; ++row) {
      const double value = n.weight[i] * inverse * (d(row) - level - normed(row) * along);
      dx[row * n.d + i] = counts(n, row) ? static_cast<float>(value) : 0;
    }
    dweight[i] = static_cast<float>(along * static_cast<double>(n.counted));
    dbias[i] = static_cast<float>(level * static_cast<double>(n.counted));
  }
}

}  // namespace longwave::kernels
