#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace longwave {

/// A diagonal linear system x' = a x + b u, sampled: x[k] = a x[k-1] + b u[k].
struct DiscreteSystem {
  at::Tensor a, b;
};

/// Zero-order hold: a = exp(dt A), b = B (exp(dt A) - 1) / A. All complex or all real, of broadcastable shapes; dt
/// real. Accurate (value and gradient) down to A = 0.
DiscreteSystem discretize_zoh(const at::Tensor& A, const at::Tensor& B, const at::Tensor& dt);

/// Bilinear: a = (1 + dt A / 2) / (1 - dt A / 2), b = B dt / (1 - dt A / 2).
DiscreteSystem discretize_bilinear(const at::Tensor& A, const at::Tensor& B, const at::Tensor& dt);

/// By name: "zoh" or "bilinear".
DiscreteSystem discretize(const std::string& method, const at::Tensor& A, const at::Tensor& B, const at::Tensor& dt);

/// (exp(z) - 1) / z, 1 at z = 0, without cancellation.
at::Tensor expm1_over(const at::Tensor& z);

}  // namespace longwave
