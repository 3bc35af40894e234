#pragma once

#include <cstdint>

namespace longwave::kernels {

/// Windows x [b, l, c] as scaled segments.
struct Segments {
  const float* x;
  std::int64_t b, l, c;
  std::int64_t n, s;  // n s >= l; the segments are filled up with zeros in front
};

/// z [b, c, n, s] = (x - mean) / deviation with mean [b, c] of the last min(s, l) steps and deviation [b, c] the root
/// of the unbiased variance of all steps, plus 1e-8.
void scale_segments(const Segments& x, float* z, float* mean, float* deviation);

/// Forecasts of segments: next [b, j, n, s] forecasts the segment that follows; z, mean and deviation as above, the
/// targets being the last j of c channels.
struct NextSegments {
  const float *next, *z, *mean, *deviation;
  std::int64_t b, c, j, n, s;  // n > 1
};

/// forecast [b, s, j]: the last segments in the scale of the data; returns the mean square error of the others. Same
/// bits for any number of threads.
double next_segments(const NextSegments& f, float* forecast);

/// dnext for dforecast [b, s, j] and the gradient dloss of the returned error.
void next_segments_grad(const NextSegments& f, const float* dforecast, float dloss, float* dnext);

/// The definition: scalar, in double.
void scale_segments_reference(const Segments& x, float* z, float* mean, float* deviation);
double next_segments_reference(const NextSegments& f, float* forecast);
void next_segments_grad_reference(const NextSegments& f, const float* dforecast, float dloss, float* dnext);

}  // namespace longwave::kernels
