#pragma once

#include <cstdint>
#include <vector>

#include "longwave/kernels/steps.h"

namespace longwave::kernels {

/// Tables for transforms of n complex numbers. n is 2^a or 3 2^a; see fft_length.
struct FftPlan {
  std::int64_t n = 0;
  std::vector<std::int64_t> radices;         // of the passes, from the whole to single numbers
  std::vector<std::vector<float>> twiddles;  // of each pass: exp(-2 pi i s q / m) for every q, s = 1 .. radix - 1
  std::vector<float> twist;                  // exp(-i pi j / 2n), j < n
};

/// The smallest length >= n that a plan exists for.
std::int64_t fft_length(std::int64_t n);

FftPlan fft_plan(std::int64_t n);

/// Long convolutions of every feature with its own kernels: y[b, t, (c, h)] = gate_out[b, t, (c, h)] * sum over s of
/// k[c, h, origin + t - s] gate_in[b, s, h] u[b, s, h]. Gates may be missing. Real sequences of length 2n are
/// multiplied modulo z^2n + 1, as complex ones of length n with values x[j] - i x[j + n]; so n must be at least half of
/// t + max(l - 1 - origin, origin). Lanes are features: butterflies need no shuffles.
struct FftConvolution {
  const FftPlan* plan;
  Steps<const float> u, gate_in;  // [b, t, h]
  Steps<const float> gate_out;    // [b, t, c h]
  const float* k;                 // [c, h, l] contiguous
  float* y;                       // [b, t, c h] contiguous
  float* sums;                    // y before its gate; or null
  std::int64_t b, t, h, c, l, origin;
};

/// Gradients for dy [b, t, c h]: du and dgate_in [b, t, h] (null without that gate), dk [parts, c, h, l], of which the
/// parts are to be added up: each comes from its own rows.
struct FftConvolutionGrad {
  const FftPlan* plan;
  Steps<const float> u, gate_in, gate_out, dy;
  const float* k;
  float *du, *dgate_in, *dk;
  std::int64_t b, t, h, c, l, origin, parts;
};

/// Into how many parts the rows are split, for the sake of parallel work on few features.
std::int64_t fft_convolution_parts(std::int64_t b, std::int64_t h);

/// Floats of scratch memory that a call needs with the present number of threads; 64-byte aligned.
std::int64_t fft_convolution_workspace(const FftPlan& plan, bool gradient);

void fft_convolution(const FftConvolution& p, float* workspace);
void fft_convolution_grad(const FftConvolutionGrad& p, float* workspace);

/// The definition: scalar, sum by sum in double. It needs no plan, and the first part of dk is all of it.
void fft_convolution_reference(const FftConvolution& p);
void fft_convolution_grad_reference(const FftConvolutionGrad& p);

}  // namespace longwave::kernels
