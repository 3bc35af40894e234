#include "bench/operator_cases.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "bench/case_parts.h"
#include "longwave/ops/gated_linear_attention.h"
#include "longwave/ops/selective_scan.h"
#include "longwave/ops/softmax_attention.h"

namespace longwave::bench {
namespace {

using at::Tensor;

/// Exponentials: one for every state forward, and once more backward, where the decays are computed again.
Case selective_scan() {
  const std::int64_t b = 4, t = 2048, d = 256, n = 16;
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
  const auto states = static_cast<double>(b * t * d * n);
  c.work[Bound::exponentials] = {states, 2 * states};
  return c;
}

/// Without decay and normaliser. A step: 2 products of width 32 (the visible half of a chunk of 64) and 2 with the
/// state forward; 5 of either kind backward, of which the scores and the state once again.
Case linear_attention() {
  const std::int64_t b = 8, h = 8, t = 4096, e = 64;
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
  const std::int64_t b = 2, h = 8, t = 2048, e = 64;
  Case c{.sizes = fmt::format("b{} h{} t{} d{} causal", b, h, t, e), .target = 4};
  const auto q = leaf(c, "q", at::randn({b, t, h, e})), k = leaf(c, "k", at::randn({b, t, h, e})),
             v = leaf(c, "v", at::randn({b, t, h, e}));
  c.forward = [=]() -> Tensors { return {std::get<0>(ops::softmax_attention(q, k, v, {}))}; };
  const double product = static_cast<double>(b * h * t * t * e);
  c.work[Bound::gemm_flops] = {2 * product, 7 * product};
  return c;
}

}  // namespace

std::vector<NamedCase> operator_cases() {
  return {
      {"selective_scan", selective_scan},
      {"linear_attention", linear_attention},
      {"softmax_attention", softmax_attention},
  };
}

}  // namespace longwave::bench
