#include <algorithm>
#include <vector>

#include "longwave/kernels/gated_linear_unit.h"
#include "longwave/kernels/scalar_functions.h"

namespace longwave::kernels {
namespace {

double input(const GatedLinearUnit& g, std::int64_t row, std::int64_t i) {
  return static_cast<double>(g.x[row * 2 * g.d + i]) + (g.bias ? g.bias[i] : 0);
}

}  // namespace

void gated_linear_unit_reference(const GatedLinearUnit& g, float* y) {
  for (std::int64_t row = 0; row < g.rows; ++row)
    for (std::int64_t i = 0; i < g.d; ++i)
      y[row * g.d + i] = static_cast<float>(input(g, row, i) * scalar_sigmoid(input(g, row, g.d + i)));
}

void gated_linear_unit_grad_reference(const GatedLinearUnit& g, const float* dy, float* dx, float* dbias) {
  std::vector<double> sums(2 * g.d);
  for (std::int64_t row = 0; row < g.rows; ++row)
    for (std::int64_t i = 0; i < g.d; ++i) {
      const double gate = scalar_sigmoid(input(g, row, g.d + i));
      const double da = dy[row * g.d + i] * gate, db = da * input(g, row, i) * (1 - gate);
      dx[row * 2 * g.d + i] = static_cast<float>(da);
      dx[row * 2 * g.d + g.d + i] = static_cast<float>(db);
      sums[i] += da;
      sums[g.d + i] += db;
    }
  if (g.bias) std::copy(sums.begin(), sums.end(), dbias);
}

}  // namespace longwave::kernels
