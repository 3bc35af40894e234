#include "bench/operator_cases.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>

#include "bench/case_parts.h"
#include "longwave/ops/bilinear_step.h"
#include "longwave/ops/cauchy.h"
#include "longwave/ops/causal_linear_attention.h"
#include "longwave/ops/diagonal_ssm.h"
#include "longwave/ops/dplr_recurrence.h"
#include "longwave/ops/fft_convolution.h"
#include "longwave/ops/gated_linear_attention.h"
#include "longwave/ops/gated_map.h"
#include "longwave/ops/linear_cross_entropy.h"
#include "longwave/ops/mlp.h"
#include "longwave/ops/pole_convolution.h"
#include "longwave/ops/score_attention.h"
#include "longwave/ops/selective_scan.h"
#include "longwave/ops/softmax_attention.h"
#include "longwave/ops/vandermonde.h"

namespace longwave::bench {
namespace {

using at::Tensor;

Case selective_scan() {
  const std::int64_t b = 4, t = steps_of(2048), d = 256, n = 16;
  Case c{.sizes = fmt::format("b{} t{} d{} n{}", b, t, d, n), .target = 300};
  const ops::SelectiveScanInputs in{.u = leaf(c, "u", at::randn({b, t, d})),
                                    .delta = leaf(c, "delta", at::randn({b, t, d})),
                                    .A = leaf(c, "A", -at::arange(1, n + 1, at::kFloat).repeat({d, 1})),
                                    .B = leaf(c, "B", at::randn({b, t, n})),
                                    .C = leaf(c, "C", at::randn({b, t, n})),
                                    .D = leaf(c, "D", at::randn({d})),
                                    .z = {},
                                    .delta_bias = leaf(c, "delta_bias", at::randn({d}) - 4),
                                    .delta_softplus = true,
                                    .state = {},
                                    .lengths = {}};
  c.forward = [in]() -> Tensors { return {ops::selective_scan(in).y}; };
  add_scan(c, b * t * d * n);
  return c;
}

/// Without decay and normaliser. A step: 2 products of width 32 (the visible half of a chunk of 64) and 2 with the
/// state forward; 5 of either kind backward, of which the scores and the state once again.
Case linear_attention() {
  const std::int64_t b = 8, h = 8, t = steps_of(4096), e = 64;
  Case c{.sizes = fmt::format("b{} h{} t{} d{}", b, h, t, e), .target = 4};
  const auto q = leaf(c, "q", at::randn({b, t, h, e}) / 8), k = leaf(c, "k", at::randn({b, t, h, e}) / 8),
             v = leaf(c, "v", at::randn({b, t, h, e}));
  c.forward = [=]() -> Tensors { return {ops::gated_linear_attention(q, k, v).o}; };
  const double product = 2 * static_cast<double>(b * h * t * e) * (32 + static_cast<double>(e));
  c.work[Bound::gemm_flops] = {2 * product, 7 * product};
  return c;
}

/// The visible half of the square: 2 products forward, 5 backward, of which the scores once again.
Case softmax_attention() {
  const std::int64_t b = 2, h = 8, t = steps_of(2048), e = 64;
  Case c{.sizes = fmt::format("b{} h{} t{} d{} causal", b, h, t, e), .target = 4};
  const auto q = leaf(c, "q", at::randn({b, t, h, e})), k = leaf(c, "k", at::randn({b, t, h, e})),
             v = leaf(c, "v", at::randn({b, t, h, e}));
  c.forward = [=]() -> Tensors { return {std::get<0>(ops::softmax_attention(q, k, v, {}))}; };
  const double product = static_cast<double>(b * h * t * t * e);
  c.work[Bound::gemm_flops] = {2 * product, 7 * product};
  add_scores(c, b * h * t * (t + 1) / 2);
  return c;
}

/// With complex poles: of each at least its exponential, which is as much as a real one.
Case selective_scan_complex() {
  const std::int64_t b = 2, t = steps_of(2048), d = 256, n = 16;
  Case c{.sizes = fmt::format("b{} t{} d{} n{}", b, t, d, n)};
  const auto A = leaf(c, "A", at::stack({-at::rand({d, n}) - 0.1, at::arange(n).repeat({d, 1}) * M_PI}, -1)),
             B = leaf(c, "B", at::randn({b, t, n, 2})), C = leaf(c, "C", at::randn({b, t, n, 2}));
  ops::SelectiveScanInputs in;
  in.u = leaf(c, "u", at::randn({b, t, d})), in.delta = leaf(c, "delta", at::randn({b, t, d}));
  in.D = leaf(c, "D", at::randn({d})), in.delta_bias = leaf(c, "delta_bias", at::randn({d}) - 4);
  c.forward = [=]() mutable -> Tensors {
    in.A = at::view_as_complex(A), in.B = at::view_as_complex(B), in.C = at::view_as_complex(C);
    return {ops::selective_scan(in).y};
  };
  const auto states = static_cast<double>(b * t * d * n);
  c.work[Bound::exponentials] = {states, 2 * states};
  return c;
}

constexpr std::int64_t kB = 8, kD = 256, kHeads = 4, kWidth = kD / kHeads;

std::int64_t steps() { return steps_of(2048); }

Case sequence_case(const std::string& more = {}) {
  return {.sizes = fmt::format("b{} t{} d{}{}", kB, steps(), kD, more)};
}

struct Heads {
  Tensor q, k, v;  // [b, t, h, e]
};
Heads heads(Case& c) {
  const auto numbers = [] { return at::randn({kB, steps(), kHeads, kWidth}); };
  return {leaf(c, "q", numbers() / 8), leaf(c, "k", numbers() / 8), leaf(c, "v", numbers())};
}

/// A log decay of every key channel, as in GLA.
Case channel_decay_attention() {
  auto c = sequence_case(" h4");
  const auto [q, k, v] = heads(c);
  const auto g = leaf(c, "g", at::log_sigmoid(at::randn({kB, steps(), kHeads, kWidth})) / 16);
  c.forward = [q = q, k = k, v = v, g]() -> Tensors { return {ops::gated_linear_attention(q, k, v, g).o}; };
  add_products(c, kB * steps(), state_products(kHeads, kWidth, kWidth));
  return c;
}

/// One log decay of every head, as in Mamba-2.
Case head_decay_attention() {
  auto c = sequence_case(" h4");
  const auto [q, k, v] = heads(c);
  const auto g = leaf(c, "g", at::log_sigmoid(at::randn({kB, steps(), kHeads})) / 16);
  c.forward = [q = q, k = k, v = v, g]() -> Tensors { return {ops::gated_linear_attention(q, k, v, g).o}; };
  add_products(c, kB * steps(), state_products(kHeads, kWidth, kWidth));
  return c;
}

/// Keys of length one. What is written depends on what the state answers: the state is read twice.
Case delta_rule() {
  auto c = sequence_case(" h4");
  const auto unit = at::randn({kB, steps(), kHeads, kWidth});
  const auto q = leaf(c, "q", at::randn_like(unit) / 8), k = leaf(c, "k", unit / unit.norm(2, -1, true)),
             v = leaf(c, "v", at::randn_like(unit)),
             beta = leaf(c, "beta", at::sigmoid(at::randn({kB, steps(), kHeads})));
  c.forward = [=]() -> Tensors { return {ops::delta_rule(q, k, v, beta).o}; };
  add_products(c, kB * steps(), state_products(kHeads, kWidth, kWidth, 2));
  return c;
}

/// Short sequences of narrow heads: the state is written and read, or q, k, v and o (and their gradients) pass once.
Case causal_linear_attention() {
  const std::int64_t b = 256, t = 64, h = 8, e = 16;
  Case c{.sizes = fmt::format("b{} t{} h{} d{}", b, t, h, e)};
  const auto q = leaf(c, "q", at::randn({b, t, h, e}) / 4), k = leaf(c, "k", at::randn({b, t, h, e}) / 4),
             v = leaf(c, "v", at::randn({b, t, h, e}));
  c.forward = [=]() -> Tensors { return {ops::causal_linear_attention(q, k, v)}; };
  add_products(c, b * t, static_cast<double>(h * 2 * e * e));
  add_bytes(c, q, 4, 11);
  return c;
}

/// The whole square, patches of a forecaster: 2 products and one exponential for every score, which backward makes
/// again; or q, k, v and y (and their gradients) pass once.
Case score_attention() {
  const std::int64_t b = 224, t = 42, h = 16, e = 8;
  Case c{.sizes = fmt::format("b{} t{} h{} d{}", b, t, h, e)};
  const auto q = leaf(c, "q", at::randn({b, t, h, e})), k = leaf(c, "k", at::randn({b, t, h, e})),
             v = leaf(c, "v", at::randn({b, t, h, e}));
  c.forward = [=]() -> Tensors {
    return {ops::score_attention(q, k, v, {}, {.scale = 1 / std::sqrt(static_cast<double>(e))}).first};
  };
  add_products(c, b * t, static_cast<double>(h * 2 * t * e));
  const auto scores = static_cast<double>(b * h * t * t);
  c.work[Bound::exponentials] = {scores, 2 * scores};
  add_bytes(c, q, 4, 11);
  return c;
}

Case fft_convolution() {
  auto c = sequence_case(" skip");
  const auto u = leaf(c, "u", at::randn({kB, steps(), kD})), k = leaf(c, "k", at::randn({1, kD, steps()}) / 16),
             skip = leaf(c, "skip", at::randn({1, kD}));
  c.forward = [=]() -> Tensors { return {ops::fft_convolution(u, k, ops::ConvolutionParts{.skip = skip})}; };
  add_convolutions(c, kB, steps(), kD);
  return c;
}

/// Poles with a real part between -1/2 and 0 as pairs of numbers.
Tensor poles(std::int64_t h, std::int64_t n, double fastest) {
  return at::stack({-at::rand({h, n}) / 2 - 1e-3, at::rand({h, n}) * fastest}, -1);
}

/// Sums over n conjugate pairs as a product of inner dimension 2 n, or the kernels written, and their gradient read.
Case vandermonde_kernel() {
  const std::int64_t h = 256, n = 32, t = steps_of(16384);
  Case c{.sizes = fmt::format("h{} n{} t{}", h, n, t)};
  const auto v = leaf(c, "v", at::randn({1, h, n, 2})), x = leaf(c, "x", poles(h, n, M_PI) / 64);
  constant(c, "t", at::full({1}, t));
  c.forward = [=]() -> Tensors { return {ops::vandermonde_kernel(at::view_as_complex(v), at::view_as_complex(x), t)}; };
  add_products(c, h * t, static_cast<double>(2 * n));
  add_bytes(c, at::empty({h, t}), 1, 2);
  return c;
}

/// m values over a pole. Operations for each node: 13 for the reciprocal of a pair of poles, 8 for every value;
/// backward the reciprocal again, 16 for the gradient of every value and of its pole.
Case cauchy_kernel() {
  const std::int64_t m = 4, h = 256, n = 32, l = steps_of(2048);
  Case c{.sizes = fmt::format("m{} h{} n{} l{}", m, h, n, l)};
  const auto v = leaf(c, "v", at::randn({m, h, n, 2})), w = leaf(c, "w", poles(h, n, 10));
  const auto tangent = 2 * at::tan(at::arange(l, at::kDouble) * (M_PI / 2 / l)).to(at::kFloat);
  const auto z = constant(c, "z", at::stack({at::zeros({l}), tangent}, -1));
  c.forward = [=]() -> Tensors {
    const auto sums = ops::cauchy_kernel(at::view_as_complex(v), at::view_as_complex(z), at::view_as_complex(w));
    return {at::view_as_real(sums)};
  };
  const auto pairs = static_cast<double>(h * n * l);
  c.work[Bound::gemm_flops] = {(13 + 8 * m) * pairs, (2 * 13 + (8 + 16) * m) * pairs};
  return c;
}

/// Numbers of `count` complex states of every feature, real parts before imaginary ones.
Tensor planes(std::int64_t count) { return at::randn({2, count, kD}) / 4; }

/// Poles inside the unit circle.
Tensor decaying_planes(std::int64_t count) {
  const auto radius = 0.7 + at::rand({count, kD}) / 4, angle = at::rand({count, kD}) * M_PI;
  return at::stack({radius * angle.cos(), radius * angle.sin()});
}

/// Operations on a complex state: 10 to move it and 4 to read it; backward 10 to have it again and 30 for the gradients
/// of the state, of three coefficients and of x.
Case diagonal_ssm() {
  const std::int64_t n = 16;
  auto c = sequence_case(" n16 complex");
  const auto numbers = [&](const char* name, const Tensor& x) { return leaf(c, name, x.transpose(1, 2).contiguous()); };
  const auto x = leaf(c, "x", at::randn({kB, steps(), kD})), a = numbers("a", decaying_planes(n)),
             b = numbers("b", planes(n)), out = numbers("c", planes(n));
  c.forward = [=]() -> Tensors { return {ops::diagonal_ssm(x, {a, b, out}).y}; };
  const auto states = static_cast<double>(kB * steps() * kD * n);
  c.work[Bound::gemm_flops] = {14 * states, 54 * states};
  return c;
}

/// Two directions of a few states: operations as of diagonal_ssm without input vector, or x, y (and their gradients)
/// pass once.
Case pole_convolution() {
  const std::int64_t n = 2;
  auto c = sequence_case(fmt::format(" n{} both ways", n));
  const auto x = leaf(c, "x", at::randn({kB, steps(), kD})), v = leaf(c, "v", at::randn({2, kD, n, 2})),
             z = leaf(c, "z", poles(kD, n, M_PI)), skip = leaf(c, "skip", at::randn({kD}));
  c.forward = [=]() -> Tensors {
    return {ops::pole_convolution(x, at::view_as_complex(v), at::exp(at::view_as_complex(z)) - 1, skip)};
  };
  const auto states = static_cast<double>(2 * kB * steps() * kD * n);
  c.work[Bound::gemm_flops] = {12 * states, (12 + 8 + 26) * states};
  add_bytes(c, x, 2, 5);
  return c;
}

/// Forward only. Operations on a complex state: 4 for the sum over the old ones, 16 to move it and 4 to read it.
Case dplr_recurrence() {
  const std::int64_t n = 32;
  auto c = sequence_case(" n32 rank 1");
  auto g = decaying_planes(n);
  g[0] -= 1;
  const ops::DplrCoefficients k{.g = constant(c, "g", g),
                                .b = constant(c, "b", planes(n)),
                                .p = constant(c, "p", planes(n).unsqueeze(0) / 16),
                                .q = constant(c, "q", planes(n).unsqueeze(0) / 16),
                                .c = constant(c, "c", planes(n).unsqueeze(0))};
  const auto x = constant(c, "x", at::randn({kB, steps(), kD})),
             state = constant(c, "state", at::randn({kB, 2, n, kD}));
  c.forward = [=]() -> Tensors {
    const auto result = ops::dplr_recurrence(x, k, state);
    return {result.y, result.state};
  };
  c.work[Bound::gemm_flops].forward = 24 * static_cast<double>(kB * steps() * kD * n);
  return c;
}

/// Forward only, of a step of one sequence. The triangle of A once for every feature, in float64 on both sides.
Case bilinear_step() {
  const std::int64_t n = 64;
  auto c = Case{.sizes = fmt::format("b1 d{} n{} float64", kD, n)};
  const auto a = constant(c, "a", at::randn({n, n}).tril(-1) - at::diag(at::arange(1, n + 1))),
             b = constant(c, "b", at::randn({n})), half = constant(c, "half", at::rand({kD}) / 16),
             x = constant(c, "x", at::randn({1, kD, n})), u = constant(c, "u", at::randn({1, kD}));
  c.forward = [=, a = a.to(at::kDouble), b = b.to(at::kDouble), half = half.to(at::kDouble)]() -> Tensors {
    return {ops::bilinear_step(a, b, half, x, u)};
  };
  c.work[Bound::gemm_flops].forward = static_cast<double>(kD * n * n);
  return c;
}

struct MlpWeights {
  Tensor w1, b1, w2, b2;
};
MlpWeights mlp_weights(Case& c) {
  add_products(c, kB * steps(), 8.0 * kD * kD);
  return {leaf(c, "w1", at::randn({4 * kD, kD}) / 16), leaf(c, "b1", at::randn({4 * kD}) / 4),
          leaf(c, "w2", at::randn({kD, 4 * kD}) / 32), leaf(c, "b2", at::randn({kD}) / 4)};
}

Case mlp() {
  auto c = sequence_case(" GELU");
  const auto x = leaf(c, "x", at::randn({kB, steps(), kD}));
  c.forward = [x, w = mlp_weights(c)]() -> Tensors {
    return {ops::mlp(x, w.w1, w.b1, w.w2, w.b2, ops::Activation::gelu, ops::DropoutPlace::after_activation, 0, 0)};
  };
  return c;
}

/// A linear map to as many gates as outputs.
Case gated_map() {
  auto c = sequence_case(" GELU");
  const auto x = leaf(c, "x", at::randn({kB, steps(), kD})), weight = leaf(c, "weight", at::randn({2 * kD, kD}) / 16),
             bias = leaf(c, "bias", at::randn({2 * kD}));
  c.forward = [=]() -> Tensors { return {ops::gated_map(x, weight, bias, true)}; };
  const auto products = static_cast<double>(2 * kB * steps() * kD * 2 * kD);
  c.work[Bound::gemm_flops] = {products, 3 * products};
  return c;
}

/// Behind a norm, around it the sum.
Case residual_mlp() {
  auto c = sequence_case(" GELU");
  const auto x = leaf(c, "x", at::randn({kB, steps(), kD})), norm = leaf(c, "norm", 1 + at::randn({kD}) / 8);
  c.forward = [x, norm, w = mlp_weights(c)]() -> Tensors {
    return {ops::residual_mlp(x, norm, w.w1, w.b1, w.w2, w.b2, 0, 0)};
  };
  return c;
}

/// The logits' product, and an exponential for each, which backward makes again.
Case linear_cross_entropy() {
  const std::int64_t rows = 4096, classes = 8192;
  Case c{.sizes = fmt::format("{} rows d{} {} classes", rows, kD, classes)};
  const auto x = leaf(c, "x", at::randn({rows, kD})), weight = leaf(c, "weight", at::randn({classes, kD}) / 16),
             bias = leaf(c, "bias", at::randn({classes})),
             targets = constant(c, "targets", at::randint(classes, {rows}));
  const auto classes_of_rows = targets.to(at::kLong);
  c.forward = [=]() -> Tensors { return {ops::linear_cross_entropy(x, weight, bias, classes_of_rows)}; };
  add_products(c, rows, static_cast<double>(kD * classes));
  const auto logits = static_cast<double>(rows * classes);
  c.work[Bound::exponentials] = {logits, 2 * logits};
  return c;
}

}  // namespace

std::vector<NamedCase> operator_cases() {
  return {
      {"selective_scan", selective_scan},
      {"linear_attention", linear_attention},
      {"softmax_attention", softmax_attention},
      {"selective_scan_complex", selective_scan_complex},
      {"channel_decay_attention", channel_decay_attention},
      {"head_decay_attention", head_decay_attention},
      {"delta_rule", delta_rule},
      {"causal_linear_attention", causal_linear_attention},
      {"score_attention", score_attention},
      {"fft_convolution", fft_convolution},
      {"vandermonde_kernel", vandermonde_kernel},
      {"cauchy_kernel", cauchy_kernel},
      {"diagonal_ssm", diagonal_ssm},
      {"pole_convolution", pole_convolution},
      {"dplr_recurrence", dplr_recurrence},
      {"bilinear_step", bilinear_step},
      {"gated_map", gated_map},
      {"mlp", mlp},
      {"residual_mlp", residual_mlp},
      {"linear_cross_entropy", linear_cross_entropy},
  };
}

}  // namespace longwave::bench
