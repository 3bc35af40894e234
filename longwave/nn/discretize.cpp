#include "longwave/nn/discretize.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <complex>

#include "longwave/base/check.h"

namespace longwave {

using at::Tensor;

namespace {

using Number = std::complex<double>;

struct ValueAndSlope {
  Number value, slope;
};

/// (e^z - 1) / z. The quotient loses log2(1/|z|) bits, and its derivative twice as many, so that small |z| take the
/// series sum of z^k / (k+1)!, whose first omitted term is below 1e-17 there.
ValueAndSlope expm1_over(Number z) {
  constexpr double kSmall = 0.5;
  constexpr int kTerms = 15;
  if (!(std::abs(z) < kSmall)) {
    const auto value = (std::exp(z) - 1.0) / z;
    return {value, (std::exp(z) - value) / z};
  }
  Number value = 0, slope = 0;  // 1 + z / 2 (1 + z / 3 (1 + ..)) and its derivative
  for (int k = kTerms; k >= 1; --k) slope = (slope * z + value) / (k + 1.0), value = value * z / (k + 1.0) + 1.0;
  return {value, slope};
}

/// A loop over the numbers instead of an operator for every term: layers have few of them, and the graph of the series
/// would cost as much time as all else that is done to them.
struct Expm1Over : torch::autograd::Function<Expm1Over> {
  static Tensor forward(torch::autograd::AutogradContext* ctx, const Tensor& z) {
    const auto numbers = z.detach().to(at::kComplexDouble).contiguous();
    const auto value = at::empty_like(numbers), slope = at::empty_like(numbers);
    const auto* in = numbers.data_ptr<c10::complex<double>>();
    for (std::int64_t i = 0; i < numbers.numel(); ++i) {
      const auto [v, d] = expm1_over(Number(in[i].real(), in[i].imag()));
      value.data_ptr<c10::complex<double>>()[i] = v, slope.data_ptr<c10::complex<double>>()[i] = d;
    }
    const auto as_given = [&](const Tensor& x) { return (z.is_complex() ? x : at::real(x)).to(z.scalar_type()); };
    ctx->save_for_backward({as_given(slope)});
    return as_given(value);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(), "expm1_over: second derivatives are not implemented");
    return {grads[0] * ctx->get_saved_variables()[0].conj()};
  }
};

}  // namespace

Tensor expm1_over(const Tensor& z) {
  return z.is_meta() ? at::empty_like(z) : Expm1Over::apply(z.cpu()).to(z.device());
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
