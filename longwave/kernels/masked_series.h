#pragma once

#include <cstdint>

namespace longwave::kernels {

/// Series y = x * scale, each cut off where its own line 1 - ramp * (sum over time of y mask_weight + mask_bias) is not
/// positive: z = y or 0. Backward the cut passes on the gradient of the line (straight through).
struct MaskedSeries {
  const float* x;                        // [b, f, l]
  const float* scale;                    // [b, f]
  const float *mask_weight, *mask_bias;  // [f, l], [f]
  const float* ramp;                     // [l]
  std::int64_t b, f, l;                  // l > 1
};

/// z [b, f, l]; returns the mean over all steps of (difference of y / (its unbiased standard deviation + 1e-6))^2.
double masked_series(const MaskedSeries& m, float* z);

/// Gradients for dz and for the gradient dloss of the returned mean. Sums over b are taken in order: same bits for any
/// number of threads.
struct MaskedSeriesGrad {
  const float* dz;
  float dloss;
  float *dx, *dscale, *dmask_weight, *dmask_bias;
};
void masked_series_grad(const MaskedSeries& m, const MaskedSeriesGrad& g);

/// The definition: scalar, in double.
double masked_series_reference(const MaskedSeries& m, float* z);
void masked_series_grad_reference(const MaskedSeries& m, const MaskedSeriesGrad& g);

}  // namespace longwave::kernels
