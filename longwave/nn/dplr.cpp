#include "longwave/nn/dplr.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "longwave/nn/diagonal_ssm.h"
#include "longwave/nn/krylov.h"
#include "longwave/ops/cauchy.h"
#include "longwave/ops/low_rank.h"

namespace longwave {
namespace {

using at::Tensor;

Tensor with_conjugates(const Tensor& half) { return at::cat({half, half.conj().resolve_conj()}, -1); }
Tensor half_of(const Tensor& full) { return full.slice(-1, 0, full.size(-1) / 2); }
Tensor wide(const Tensor& x) { return x.to(x.is_complex() ? at::kComplexDouble : at::kDouble); }

Tensor conjugate(const Tensor& x) { return x.conj().resolve_conj(); }

Dplr wide(const Dplr& ssm) {
  return {wide(ssm.dt), wide(ssm.lambda), wide(ssm.p), wide(ssm.b), wide(ssm.c), ssm.length};
}

/// The matrix over all states: [h, n, n].
Tensor dense_matrix(const Dplr& ssm) {
  const auto p = with_conjugates(wide(ssm.p)).permute({1, 2, 0});  // [h, n, r]
  return at::diag_embed(with_conjugates(wide(ssm.lambda))) - at::matmul(p, conjugate(p).transpose(1, 2));
}

/// Points of the generating function: tan(pi k / length) for k below length / 2, from float64.
Tensor node_tangents(std::int64_t length, const at::TensorOptions& options) {
  const auto count = length % 2 == 0 ? length / 2 : length / 2 + 1;
  return at::tan(at::arange(count, at::kDouble) * (M_PI / static_cast<double>(length))).to(options);
}

/// 2 Re of the bilinear sum over the stored half, [.., h].
Tensor pair_sum(const Tensor& x) { return 2 * at::real(x).sum(-1); }

/// A x = lambda x - P (P* x) for states x [b, h, n / 2].
Tensor apply_matrix(const Dplr& ssm, const Tensor& x) {
  auto y = ssm.lambda * x;
  for (std::int64_t r = 0; r < ssm.p.size(0); ++r) y = y - ssm.p[r] * pair_sum(conjugate(ssm.p[r]) * x).unsqueeze(-1);
  return y;
}

/// The model with C (I - dA^l) for an l >= t: doubled as often as needed, C (I - dA^2l) = C (I - dA^l) (I + dA^l).
Dplr reaching(const Dplr& ssm, std::int64_t t) {
  auto longer = ssm;
  if (ssm.length >= t) return longer;
  const auto system = dense_system(ssm);
  if (ssm.length == 0) {
    longer.c = times_power(ssm.c, system, t, -1);
    longer.length = t;
    return longer;
  }
  for (; longer.length < t; longer.length *= 2) longer.c = times_power(longer.c, system, longer.length, 1);
  return longer;
}

}  // namespace

DenseSystem dense_system(const Dplr& ssm) {
  const auto a = dense_matrix(ssm);
  const auto identity = at::diag_embed(at::ones({1, a.size(-1)}, a.options()));
  const auto dt = wide(ssm.dt).expand_as(ssm.b);
  const auto rate = (2 / at::cat({dt, dt}, -1)).unsqueeze(-1) * identity;  // [h, n, n]
  const auto b = 2 * with_conjugates(wide(ssm.b)).unsqueeze(-1);
  const auto solved = at::linalg_solve(rate - a, at::cat({rate + a, b}, -1));
  return {solved.slice(-1, 0, a.size(-1)), solved.select(-1, a.size(-1))};
}

Tensor times_power(const Tensor& c, const DenseSystem& system, std::int64_t length, double sign) {
  const auto full = with_conjugates(wide(c)).transpose(0, 1);  // [h, c, n]
  const auto product = full + sign * at::matmul(full, at::linalg_matrix_power(system.a, length));
  return half_of(product).transpose(0, 1).to(c.scalar_type());
}

Tensor output_vector(const Dplr& ssm, const DenseSystem& system) {
  const auto stored = with_conjugates(wide(ssm.c));
  if (ssm.length == 0) return stored;
  const auto identity = at::diag_embed(at::ones({1, system.a.size(-1)}, system.a.options()));
  const auto matrix = (identity - at::linalg_matrix_power(system.a, ssm.length)).transpose(1, 2);
  return at::linalg_solve(matrix, stored.permute({1, 2, 0})).permute({2, 0, 1});
}

// In float64 throughout: poles with little decay lie close to the nodes, where large sums cancel.
Tensor dplr_kernels(const Dplr& any, std::int64_t t, const Tensor& any_states) {
  const auto ssm = reaching(wide(any), t);
  const auto states = any_states.defined() ? wide(any_states) : any_states;
  const auto length = ssm.length, rank = ssm.p.size(0);
  std::vector<Tensor> rows = {ssm.b.unsqueeze(0)};
  if (states.defined()) rows.push_back(states / ssm.dt + 0.5 * apply_matrix(ssm, states));
  const auto inputs = at::cat(rows, 0);
  const auto left = at::cat({inputs, ssm.p}, 0), right = at::cat({ssm.c, conjugate(ssm.p)}, 0);
  const auto products = ssm.dt * left.unsqueeze(1) * right.unsqueeze(0);  // [inputs + r, c + r, h, n / 2]
  const auto tangent = node_tangents(length, ssm.dt.options());
  const auto zero = at::zeros_like(tangent);
  const auto sums = ops::cauchy_kernel(products.flatten(0, 1), at::complex(zero, 2 * tangent), ssm.dt * ssm.lambda)
                        .unflatten(0, {left.size(0), right.size(0)});
  auto spectrum = ops::low_rank_response(sums, tangent, rank);
  if (length % 2 == 0) {  // the node at infinity
    const auto last = at::real(products.slice(0, 0, inputs.size(0)).slice(1, 0, ssm.c.size(0))).sum(-1, true);
    spectrum = at::cat({spectrum, at::complex(last, at::zeros_like(last))}, -1);
  }
  return at::fft_irfft(spectrum, length).narrow(-1, 0, t).to(any.dt.scalar_type());
}

Tensor dplr_state_after(const Dplr& ssm, const Tensor& u_any, const Tensor& lengths, const Tensor& x) {
  const auto system = dense_system(ssm);
  const auto u = wide(lengths.defined() ? align_right(u_any, lengths) : u_any).permute({2, 1, 0});  // [h, t, b]
  Squares a(system.a);
  const auto driven = krylov_state(a, system.b, u.to(at::kComplexDouble));  // [h, n, b]
  const auto start = advance(a, with_conjugates(wide(x)).permute({1, 2, 0}), u.size(1), lengths);
  return half_of((driven + start).permute({2, 0, 1})).to(x.scalar_type());
}

// The bilinear rule solves (2 / dt - A) x' = (2 / dt + A) x + 2 b u. With d = 1 / (2 / dt - lambda) and
// e = 2 / dt + lambda, Woodbury's identity gives, for the right-hand side s = e x - P <p, x> + 2 b u,
// x' = d (s - P <g, s>) with g = (I + P* d P)^-1 P* d; collected by x and u:
DplrStep dplr_step(const Dplr& ssm, const Tensor& c) {
  const auto d = 1 / (2 / ssm.dt - ssm.lambda), e = 2 / ssm.dt + ssm.lambda;  // [h, n / 2]
  const auto q = conjugate(ssm.p);
  const auto sums = [](const Tensor& rows, const Tensor& columns) {  // 2 Re of all products: [h, rows, columns]
    return pair_sum(rows.unsqueeze(1) * columns.unsqueeze(0)).permute({2, 0, 1});
  };
  const auto combine = [](const Tensor& matrices, const Tensor& rows) {  // [h, r, r] with [r, h, n / 2]
    return at::matmul(matrices.to(rows.scalar_type()), rows.transpose(0, 1)).transpose(0, 1);
  };
  const auto identity = at::diag_embed(at::ones({1, q.size(0)}, ssm.dt.options()));
  const auto g = combine(at::linalg_inv(identity + sums(q * d, ssm.p)), q * d);
  const auto scaled = d * ssm.p;
  const auto driven = 2 * sums(g, ssm.b.unsqueeze(0)).squeeze(-1).t().unsqueeze(-1);  // <g, 2 b>: [r, h, 1]
  return {.g = 2 * ssm.lambda * d,                                                    // d e - 1
          .b = 2 * d * ssm.b - (scaled * driven).sum(0),
          .p = scaled,
          .q = combine(identity - sums(g, ssm.p), q) + g * e,
          .c = c};
}

Tensor dplr_steps(const DplrStep& step, const Tensor& u, const Tensor& lengths, Tensor& x) {
  std::vector<Tensor> y;
  for (std::int64_t k = 0; k < u.size(1); ++k) {
    auto next = x + step.g * x + step.b * u.select(1, k).unsqueeze(-1);
    for (std::int64_t r = 0; r < step.p.size(0); ++r) next = next - step.p[r] * pair_sum(step.q[r] * x).unsqueeze(-1);
    x = lengths.defined() ? at::where((lengths > k).view({-1, 1, 1}), next, x) : next;
    y.push_back(pair_sum(step.c * next.unsqueeze(1)).flatten(1));  // [b, c h]
  }
  return at::stack(y, 1);
}

ops::DplrCoefficients fused_coefficients(const DplrStep& step) {
  const auto planes = [](const Tensor& x) {  // [.., h, n / 2] -> [.., 2, n / 2, h]
    return at::view_as_real(x.resolve_conj()).transpose(-3, -1).contiguous();
  };
  return {planes(step.g), planes(step.b), planes(step.p), planes(step.q), planes(step.c)};
}

Tensor fused_steps(const ops::DplrCoefficients& step, const Tensor& u, const Tensor& lengths, Tensor& state,
                   const Tensor& skip) {
  // Views: the state stays in memory as the operator wants it, so that the next step copies nothing.
  const auto planes = [](const Tensor& x) { return x.transpose(1, 3); };
  const auto result = ops::dplr_recurrence(u, step, planes(state), lengths);
  state = planes(result.state);
  if (skip.defined()) result.y.addcmul_(skip, u.unsqueeze(2));
  return result.y.flatten(2);
}

}  // namespace longwave
