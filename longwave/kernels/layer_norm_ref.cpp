#include <algorithm>
#include <cmath>
#include <vector>

#include "longwave/kernels/layer_norm.h"

namespace longwave::kernels {
namespace {

/// A row of s, of mean 0 if centered, and of mean square 1.
struct NormedRow {
  std::vector<double> x;
  double inverse;  // what s - mean was multiplied by

  NormedRow(const LayerNorm& n, std::int64_t row) : x(n.x + row * n.width, n.x + (row + 1) * n.width) {
    const auto width = static_cast<double>(n.width);
    double mean = 0, squares = 0;
    for (std::int64_t i = 0; i < n.width && n.residual; ++i) x[i] += n.residual[row * n.width + i];
    for (std::int64_t i = 0; i < n.width && n.centered; ++i) mean += x[i] / width;
    for (auto& value : x) value -= mean, squares += value * value;
    inverse = 1 / std::sqrt(squares / width + n.eps);
    for (auto& value : x) value *= inverse;
  }
};

}  // namespace

void layer_norm_reference(const LayerNorm& n, float* y, float* sum) {
  for (std::int64_t row = 0; row < n.rows; ++row) {
    const NormedRow normed(n, row);
    for (std::int64_t i = 0; i < n.width; ++i) {
      const auto at = row * n.width + i;
      if (n.residual) sum[at] = n.x[at] + n.residual[at];
      y[at] = static_cast<float>(normed.x[i] * n.weight[i] + (n.bias ? n.bias[i] : 0));
    }
  }
}

void layer_norm_grad_reference(const LayerNorm& n, const float* dy, const float* dsum, float* ds, float* dweight,
                               float* dbias) {
  auto of_sum = n;
  of_sum.residual = nullptr;
  std::vector<double> weight(n.width), bias(n.width);
  for (std::int64_t row = 0; row < n.rows; ++row) {
    const NormedRow normed(of_sum, row);
    double mean = 0, along = 0;  // of the gradient of the normed row, which can change in neither direction
    for (std::int64_t i = 0; i < n.width; ++i) {
      const double gradient = dy[row * n.width + i], d = gradient * n.weight[i];
      if (n.centered) mean += d / static_cast<double>(n.width);
      along += d * normed.x[i] / static_cast<double>(n.width);
      weight[i] += gradient * normed.x[i];
      bias[i] += gradient;
    }
    for (std::int64_t i = 0; i < n.width; ++i) {
      const auto at = row * n.width + i;
      const double d = static_cast<double>(dy[at]) * n.weight[i];
      ds[at] = static_cast<float>(normed.inverse * (d - mean - along * normed.x[i]) + (dsum ? dsum[at] : 0));
    }
  }
  std::copy(weight.begin(), weight.end(), dweight);
  if (dbias) std::copy(bias.begin(), bias.end(), dbias);
}

}  // namespace longwave::kernels
