#pragma once

#include "longwave/models/forecaster.h"

namespace longwave {

/// The forecast series: the last `sizes.targets` of all channels of y [b, p, c] -> [b, p, ct].
inline at::Tensor target_channels(const at::Tensor& y, const ForecastSizes& sizes) {
  return y.narrow(-1, y.size(-1) - sizes.targets, sizes.targets);
}

}  // namespace longwave
