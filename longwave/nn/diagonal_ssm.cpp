#include "longwave/nn/diagonal_ssm.h"

#include <ATen/ATen.h>

#include "longwave/base/check.h"
#include "longwave/nn/discretize.h"
#include "longwave/nn/dplr.h"
#include "longwave/ops/diagonal_ssm.h"
#include "longwave/ops/pole_convolution.h"
#include "longwave/ops/vandermonde.h"

namespace longwave {
namespace {

using at::Tensor;

// Up to so many steps the recurrence is quicker than a convolution and what goes with it, gradients included.
constexpr std::int64_t kStepwise = 64, kStepwiseOfChannels = 4;

/// The fused recurrence with its gradient, for one output of a feature.
Tensor by_recurrence(const DiagonalSsm& ssm, const Tensor& u, const Tensor& lengths, Tensor& state,
                     const Tensor& skip) {
  const auto planes = [&](const Tensor& x) {
    const auto all = x.expand_as(ssm.c[0]);
    return at::stack({at::real(all), at::imag(all)});
  };
  const auto result =
      ops::diagonal_ssm(u, {planes(at::exp(ssm.system.log_a)), planes(ssm.system.b), planes(ssm.factor * ssm.c[0])},
                        {.state = state.permute({0, 3, 1, 2}), .lengths = lengths});
  state = result.state.permute({0, 2, 3, 1});
  return skip.defined() ? result.y + skip[0] * u : result.y;
}

/// The recurrence itself, step by step; x [b, h, n] complex is left behind the last step of each row.
Tensor by_steps(const DiagonalSsm& ssm, const Tensor& u, const Tensor& lengths, Tensor& x, const Tensor& skip) {
  const auto a = at::exp(ssm.system.log_a);
  std::vector<Tensor> y;
  for (std::int64_t k = 0; k < u.size(1); ++k) {
    const auto input = u.select(1, k);  // [b, h]
    auto next = a * x + ssm.system.b * input.unsqueeze(-1);
    x = lengths.defined() ? at::where((lengths > k).view({-1, 1, 1}), next, x) : next;
    auto out = ssm.factor * at::real(ssm.c * next.unsqueeze(1)).sum(-1);  // [b, c, h]
    if (skip.defined()) out = out + skip * input.unsqueeze(1);
    y.push_back(out.flatten(1));
  }
  return at::stack(y, 1);
}

/// What the state alone contributes to the outputs: factor Re(sum of c a^(k+1) x), [b, t, c h].
Tensor response(const DiagonalSsm& ssm, const Tensor& x, std::int64_t t) {
  const auto v = (0.5 * ssm.factor) * ssm.c * (at::exp(ssm.system.log_a) * x).unsqueeze(1);  // [b, c, h, n]
  const auto y = ops::vandermonde_kernel(v.flatten(0, 1), ssm.system.log_a, t);
  return y.reshape({x.size(0), -1, t}).transpose(1, 2);
}

Tensor state_after(const DiagonalSsm& ssm, const Tensor& u, const Tensor& lengths, const Tensor& x) {
  const auto log_a = ssm.system.log_a.expand({u.size(2), -1});
  const auto driven = ssm.system.b * ops::vandermonde_state(lengths.defined() ? align_right(u, lengths) : u, log_a);
  if (!lengths.defined()) return driven + at::exp(static_cast<double>(u.size(1)) * log_a) * x;
  return driven + at::exp(lengths.view({-1, 1, 1}).to(u.scalar_type()) * log_a) * x;
}

/// exp(log_a) - 1 with all its digits.
Tensor change_of_step(const DiscreteDiagonal& system) { return system.log_a * expm1_over(system.log_a); }

/// log((1 + z/2) / (1 - z/2)).
Tensor bilinear_logarithm(const Tensor& z) {
  const auto re = 0.5 * at::real(z), im = 0.5 * at::imag(z);
  const auto distance = (1 - re).square() + im.square();
  return at::complex(0.5 * at::log1p(4 * re / distance), at::atan2(2 * im, 1 - re.square() - im.square()));
}

}  // namespace

DiscreteDiagonal discretize_logarithm(const std::string& method, const Tensor& a, const Tensor& b, const Tensor& dt) {
  const auto z = dt * a;
  if (method == "zoh") return {z, b * dt * expm1_over(z)};
  check(method == "bilinear", "discretize: unknown method '", method, "'; expected zoh or bilinear");
  return {bilinear_logarithm(z), b * dt / (1 - 0.5 * z)};
}

Tensor DiagonalSsm::kernel(std::int64_t t) const {
  return ops::vandermonde_kernel((0.5 * factor) * c * system.b, system.log_a, t);
}

ops::DplrCoefficients DiagonalSsm::step_coefficients() const {
  const auto none = at::empty({0, c.size(1), c.size(2)}, c.options());
  return fused_coefficients({change_of_step(system), system.b, none, none, (0.5 * factor) * c});
}

Tensor pole_convolution(const DiagonalSsm& ssm, const Tensor& u, const Tensor& skip, const Tensor& lengths) {
  return ops::pole_convolution(u, (0.5 * ssm.factor) * ssm.c * ssm.system.b, change_of_step(ssm.system), skip[0],
                               lengths);
}

Tensor align_right(const Tensor& u, const Tensor& lengths) {
  const auto t = u.size(1);
  const auto source = at::arange(t, lengths.options()).unsqueeze(0) - (t - lengths.unsqueeze(1));  // [b, t]
  const auto valid = (source >= 0).unsqueeze(-1);
  const auto moved = u.gather(1, source.clamp_min(0).unsqueeze(-1).expand_as(u));
  return at::where(valid, moved, at::zeros({}, u.options()));
}

Tensor diagonal_ssm(const DiagonalSsm& ssm, const Tensor& u, const Tensor& lengths, Tensor* state,
                    const ops::ConvolutionParts& parts, const Tensor& kernel) {
  const auto t = u.size(1);
  if (!state) return ops::fft_convolution(u, kernel.defined() ? kernel : ssm.kernel(t), parts);
  // Without gradients a convolution, the response of the state and the state behind it always take longer.
  if (!at::GradMode::is_enabled() && !parts.reverse.defined())
    return fused_steps(ssm.steps.g.defined() ? ssm.steps : ssm.step_coefficients(), u, lengths, *state, parts.skip);
  if (t <= kStepwise && ssm.c.size(0) == 1 && !parts.reverse.defined())
    return by_recurrence(ssm, u, lengths, *state, parts.skip);
  auto x = at::view_as_complex(state->contiguous());
  Tensor y;
  if (t <= kStepwiseOfChannels) {
    y = by_steps(ssm, u, lengths, x, parts.skip);
  } else {
    y = ops::fft_convolution(u, kernel.defined() ? kernel : ssm.kernel(t), parts) + response(ssm, x, t);
    x = state_after(ssm, u, lengths, x);
  }
  *state = at::view_as_real(x.resolve_conj());
  return y;
}

}  // namespace longwave
