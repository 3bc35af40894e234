#include <cmath>

#include "longwave/kernels/adamw.h"

namespace longwave::kernels {

void adamw_reference(std::span<const AdamWPart> parts, const AdamWScalars& s) {
  for (const auto& part : parts)
    for (std::int64_t i = 0; i < part.n; ++i) {
      const double g = static_cast<double>(part.gradient[i]) * s.gradient_scale;
      const double m = part.average[i] + (1 - static_cast<double>(s.beta1)) * (g - part.average[i]);
      const double v =
          static_cast<double>(s.beta2) * part.average_square[i] + (1 - static_cast<double>(s.beta2)) * g * g;
      const double w = static_cast<double>(s.decay) * part.parameter[i];
      part.average[i] = static_cast<float>(m);
      part.average_square[i] = static_cast<float>(v);
      part.parameter[i] = static_cast<float>(w - s.rate * m / (std::sqrt(v) * s.inverse_root + s.eps));
    }
}

double sum_of_squares_reference(std::span<const AdamWPart> parts) {
  double sum = 0;
  for (const auto& part : parts)
    for (std::int64_t i = 0; i < part.n; ++i) sum += static_cast<double>(part.gradient[i]) * part.gradient[i];
  return sum;
}

}  // namespace longwave::kernels
