#include "longwave/nn/discretize.h"

#include <ATen/ATen.h>

#include "longwave/base/check.h"

namespace longwave {

using at::Tensor;

Tensor expm1_over(const Tensor& z) {
  // The quotient loses log2(1/|z|) bits, and its derivative twice as many, so that small |z| take the series
  // sum of z^k / (k+1)!, whose first omitted term is below 1e-16 there.
  constexpr double kSmall = 0.3;
  constexpr int kTerms = 12;
  const auto small = z.detach().abs() < kSmall;
  const auto one = at::ones({}, z.options());
  const auto near = at::where(small, z, at::zeros({}, z.options()));
  auto series = at::ones_like(near);
  for (int k = kTerms; k >= 2; --k) series = 1 + near * series / k;
  const auto far = at::where(small, one, z);
  return at::where(small, series, (far.exp() - 1) / far);
}

DiscreteSystem discretize_zoh(const Tensor& A, const Tensor& B, const Tensor& dt) {
  const auto z = dt * A;
  return {z.exp(), B * dt * expm1_over(z)};
}

DiscreteSystem discretize_bilinear(const Tensor& A, const Tensor& B, const Tensor& dt) {
  const auto half = dt * A / 2, inverse = (1 - half).reciprocal();
  return {(1 + half) * inverse, B * dt * inverse};
}

DiscreteSystem discretize(const std::string& method, const Tensor& A, const Tensor& B, const Tensor& dt) {
  check(method == "zoh" || method == "bilinear", "discretization is '", method, "'; expected zoh or bilinear");
  return method == "zoh" ? discretize_zoh(A, B, dt) : discretize_bilinear(A, B, dt);
}

}  // namespace longwave
