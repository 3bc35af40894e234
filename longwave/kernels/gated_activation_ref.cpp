#include <algorithm>
#include <vector>

#include "longwave/kernels/gated_activation.h"
#include "longwave/kernels/scalar_functions.h"

namespace longwave::kernels {
namespace {

ScalarFunction apply(HiddenFunction function, double x) {
  const double s = scalar_sigmoid(x);
  switch (function) {
    case HiddenFunction::gelu:
      return scalar_gelu(x);
    case HiddenFunction::relu:
      return scalar_relu(x);
    case HiddenFunction::silu:
      return {x * s, s * (1 + x * (1 - s))};
    case HiddenFunction::sigmoid:
      return {s, s * (1 - s)};
    case HiddenFunction::identity:
      break;
  }
  return {x, 1};
}

ScalarFunction hidden(const GatedActivation& g, std::int64_t row, std::int64_t i) {
  return apply(g.function, static_cast<double>(g.x[row * g.stride + i]) + (g.bias ? g.bias[i] : 0));
}

}  // namespace

void gated_activation_reference(const GatedActivation& g, float* y) {
  for (std::int64_t row = 0; row < g.rows; ++row)
    for (std::int64_t i = 0; i < g.width; ++i) {
      const auto at = row * g.width + i;
      y[at] = static_cast<float>(hidden(g, row, i).value * (g.up ? g.up[at] : 1));
    }
}

void gated_activation_grad_reference(const GatedActivation& g, const float* dy, float* dx, float* dbias, float* dup) {
  std::vector<double> sums(g.width);
  for (std::int64_t row = 0; row < g.rows; ++row)
    for (std::int64_t i = 0; i < g.width; ++i) {
      const auto at = row * g.width + i;
      const auto [value, slope] = hidden(g, row, i);
      const double d = dy[at] * slope * (g.up ? g.up[at] : 1);
      dx[at] = static_cast<float>(d);
      if (g.up) dup[at] = static_cast<float>(dy[at] * value);
      sums[i] += d;
    }
  if (g.bias) std::copy(sums.begin(), sums.end(), dbias);
}

}  // namespace longwave::kernels
