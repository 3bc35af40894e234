#pragma once

#include <algorithm>
#include <cmath>

#include "longwave/kernels/dropout.h"

// Functions of one number, for definitions.

namespace longwave::kernels {

struct ScalarFunction {
  double value, slope;
};

inline double scalar_sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

inline double scalar_log_sigmoid(double x) { return std::min(x, 0.0) - std::log1p(std::exp(-std::abs(x))); }

/// The exact form.
inline ScalarFunction scalar_gelu(double x) {
  const double below = (1 + std::erf(x * std::sqrt(0.5))) / 2, density = std::exp(-x * x / 2) / std::sqrt(2 * M_PI);
  return {x * below, below + x * density};
}

inline ScalarFunction scalar_relu(double x) { return {std::max(x, 0.0), x > 0 ? 1.0 : 0.0}; }

/// What the number with this index is multiplied by.
inline double scalar_dropout(const DropoutMask& mask, std::int64_t index) {
  return mask.keeps(static_cast<std::uint64_t>(index)) ? mask.scale : 0;
}

}  // namespace longwave::kernels
