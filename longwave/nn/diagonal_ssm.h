#pragma once

#include <string>

#include "longwave/ops/dplr_recurrence.h"
#include "longwave/ops/fft_convolution.h"

namespace longwave {

/// A diagonal continuous system x' = a x + b u on steps of length dt: x[k] = exp(log_a) x[k-1] + b u[k]. Complex.
struct DiscreteDiagonal {
  at::Tensor log_a, b;
};

/// `method`: "zoh" (zero-order hold) or "bilinear". a, b complex, dt real, of broadcastable shapes. The logarithm,
/// which long kernels need, is exact to rounding where the discrete pole is close to one.
DiscreteDiagonal discretize_logarithm(const std::string& method, const at::Tensor& a, const at::Tensor& b,
                                      const at::Tensor& dt);

/// A time-invariant diagonal state-space model of every feature: x[k] = exp(log_a) x[k-1] + b u[k],
/// y[k] = factor Re(sum of c x[k]).
struct DiagonalSsm {
  DiscreteDiagonal system;  // [h, n] or [1, n]
  at::Tensor c;             // [c, h, n] complex
  double factor = 2;        // 2: states stand for conjugate pairs; 1: each for itself
  /// step_coefficients(), where they were computed before.
  ops::DplrCoefficients steps = {};

  /// Convolution kernel [c, h, t].
  at::Tensor kernel(std::int64_t t) const;

  /// What the recurrence takes where nothing asks for gradients.
  ops::DplrCoefficients step_coefficients() const;
};

/// y [b, t, c h] for u [b, t, h], which must be zero at and beyond `lengths` [b] (undefined: all rows full). By
/// convolution with kernel(t) and `parts`; with `state` [b, h, n, 2] it continues from it and leaves it behind each
/// row's last step, a step or a few of them by the recurrence. `kernel`, if defined, is kernel(t), computed before.
at::Tensor diagonal_ssm(const DiagonalSsm& ssm, const at::Tensor& u, const at::Tensor& lengths = {},
                        at::Tensor* state = nullptr, const ops::ConvolutionParts& parts = {},
                        const at::Tensor& kernel = {});

/// Up to so many states of a feature pole_convolution takes less time than a convolution with the kernel.
constexpr std::int64_t kFewPoles = 4;
/// Without state, one output of a feature: y [b, t, h] for u [b, t, h] by the recurrence; the second row of c, if there
/// is one, weighs later steps. skip [1, h]. Rows end at their lengths, which may be undefined; zeros behind.
at::Tensor pole_convolution(const DiagonalSsm& ssm, const at::Tensor& u, const at::Tensor& skip,
                            const at::Tensor& lengths);

/// Moves the first lengths[b] steps of every row [b, t, ...] to its end and puts zeros before them.
at::Tensor align_right(const at::Tensor& u, const at::Tensor& lengths);

}  // namespace longwave
