#pragma once

#include <ATen/core/Tensor.h>

namespace longwave::ops {

/// Coefficients of n states for each of d channels, real [1, d, n] or complex as two planes [2, d, n], the real first.
struct DiagonalSsmCoefficients {
  at::Tensor a, b, c;
};

/// The same numbers [.., d, n] in the order in which the operator reads them, d innermost: coefficients that serve many
/// calls are then not copied in each.
at::Tensor in_reading_order(const at::Tensor& coefficients);

struct DiagonalSsmOptions {
  bool liquid = false;   // the input also acts on the transition
  bool reverse = false;  // time runs backwards, from the last step of each row
  at::Tensor state;      // [b, 1 or 2, d, n] before the first step that runs, or undefined for zeros
  at::Tensor lengths;    // [b] int64, or undefined if all rows are full
};

struct DiagonalSsmResult {
  at::Tensor y;      // [b, t, d], zero beyond a row's length
  at::Tensor state;  // [b, 1 or 2, d, n] after the last step that runs
};

/// A diagonal state space for every channel, whose coefficients stay the same over time:
///   h[t] = a h[t-1] + b x[t],  or liquid  h[t] = (a + b x[t]) h[t-1] + b x[t];   y[t] = Re(c . h[t])
/// x: [b, t, d], float or double. Differentiable once in x, coefficients and state. The states of all steps are never
/// stored: the backward pass recomputes them in chunks.
DiagonalSsmResult diagonal_ssm(const at::Tensor& x, const DiagonalSsmCoefficients& coefficients,
                               const DiagonalSsmOptions& options = {});

}  // namespace longwave::ops
