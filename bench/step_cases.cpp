// Recurrences one step at a time (b = t = 1), as a stream calls them: a state is given and left. Without gradients.

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "bench/case_parts.h"
#include "bench/operator_cases.h"
#include "longwave/ops/diagonal_scan.h"
#include "longwave/ops/diagonal_ssm.h"
#include "longwave/ops/dplr_recurrence.h"
#include "longwave/ops/gated_linear_attention.h"
#include "longwave/ops/linear_scan.h"
#include "longwave/ops/recurrent.h"
#include "longwave/ops/selective_scan.h"
#include "longwave/ops/short_convolution.h"
#include "longwave/ops/wkv4.h"

namespace longwave::bench {
namespace {

using at::Tensor;

constexpr std::int64_t kD = 256, kHeads = 4, kWidth = kD / kHeads;

Case step_case(const std::string& more = {}) { return {.sizes = fmt::format("b1 t1 d{}{}", kD, more)}; }

/// What is given and what comes out passes once.
Case bound_by_traffic(Case c) {
  for (const auto& [name, given] : c.leaves) add_bytes(c, given, 1);
  for (const auto& out : c.forward()) add_bytes(c, out, 1);
  return c;
}

Tensor input() { return at::randn({1, 1, kD}); }

Case selective_scan() {
  const std::int64_t n = 16;
  auto c = step_case(" n16");
  const ops::SelectiveScanInputs in{.u = constant(c, "u", input()),
                                    .delta = constant(c, "delta", input()),
                                    .A = constant(c, "A", -at::arange(1, n + 1, at::kFloat).repeat({kD, 1})),
                                    .B = constant(c, "B", at::randn({1, 1, n})),
                                    .C = constant(c, "C", at::randn({1, 1, n})),
                                    .D = constant(c, "D", at::randn({kD})),
                                    .z = {},
                                    .delta_bias = constant(c, "delta_bias", at::randn({kD}) - 4),
                                    .delta_softplus = true,
                                    .state = constant(c, "state", at::randn({1, kD, n})),
                                    .lengths = {}};
  c.forward = [in]() -> Tensors {
    const auto result = ops::selective_scan(in);
    return {result.y, result.state};
  };
  c.work[Bound::exponentials].forward = static_cast<double>(kD * n);
  return bound_by_traffic(c);
}

Case linear_scan() {
  auto c = step_case();
  const auto a = constant(c, "a", at::sigmoid(2 + input())), u = constant(c, "u", input()),
             state = constant(c, "state", at::randn({1, kD}));
  c.forward = [=]() -> Tensors { return {ops::linear_scan(a, u, state)}; };
  return bound_by_traffic(c);
}

/// Poles inside the unit circle, real parts before imaginary ones.
Tensor poles(at::IntArrayRef sizes) {
  const auto radius = 0.7 + at::rand(sizes) / 4, angle = at::rand(sizes) * M_PI;
  return at::stack({radius * angle.cos(), radius * angle.sin()});
}

Case diagonal_scan() {
  const std::int64_t n = kD / 2;
  auto c = step_case(" complex");
  const auto pole = constant(c, "pole", poles({n})), u = constant(c, "u", at::randn({1, 1, 2, n})),
             state = constant(c, "state", at::randn({1, 2, n}));
  c.forward = [=]() -> Tensors { return {ops::diagonal_scan(pole, u, false, state).h}; };
  return bound_by_traffic(c);
}

/// Coefficients in the order in which the operator reads them, as layers keep them for their steps.
Case diagonal_ssm() {
  const std::int64_t n = 16;
  auto c = step_case(" n16 complex");
  const auto read = [](const Tensor& x) { return x.transpose(-1, -2); };
  const auto numbers = [&](const char* name, const Tensor& x) { return read(constant(c, name, x)); };
  const auto a = numbers("a", poles({n, kD})), b = numbers("b", at::randn({2, n, kD}) / 4),
             out = numbers("c", at::randn({2, n, kD}) / 4), state = numbers("state", at::randn({1, 2, n, kD})),
             x = constant(c, "x", input());
  c.forward = [=]() -> Tensors {
    const auto result = ops::diagonal_ssm(x, {a, b, out}, {.state = state, .lengths = {}});
    return {result.y, read(result.state)};
  };
  c.work[Bound::gemm_flops].forward = 14 * static_cast<double>(kD * n);
  return bound_by_traffic(c);
}

struct Heads {
  Tensor q, k, v, state;
};
Heads heads(Case& c) {
  const auto numbers = [] { return at::randn({1, 1, kHeads, kWidth}); };
  const auto k = numbers();
  return {constant(c, "q", numbers() / 8), constant(c, "k", k / k.norm(2, -1, true)), constant(c, "v", numbers()),
          constant(c, "state", at::randn({1, kHeads, kWidth, kWidth}))};
}
Tensors outputs(const ops::AttentionResult& result) { return {result.o, result.final_state}; }

/// decay: log decays [1, 1, heads] or [1, 1, heads, width]; undefined: none.
Case attention(const Tensor& decay) {
  auto c = step_case(" h4");
  const auto h = heads(c);
  const auto g = decay.defined() ? constant(c, "g", decay) : Tensor();
  c.forward = [=]() -> Tensors { return outputs(ops::gated_linear_attention(h.q, h.k, h.v, g, {}, h.state)); };
  return bound_by_traffic(c);
}
Case linear_attention() { return attention({}); }
Case channel_decay_attention() { return attention(at::log_sigmoid(at::randn({1, 1, kHeads, kWidth})) / 16); }
Case head_decay_attention() { return attention(at::log_sigmoid(at::randn({1, 1, kHeads})) / 16); }

Case delta_rule() {
  auto c = step_case(" h4");
  const auto h = heads(c);
  const auto beta = constant(c, "beta", at::sigmoid(at::randn({1, 1, kHeads})));
  c.forward = [=]() -> Tensors { return outputs(ops::delta_rule(h.q, h.k, h.v, beta, {}, h.state)); };
  return bound_by_traffic(c);
}

Case wkv4() {
  auto c = step_case();
  const auto w = constant(c, "w", at::exp(at::rand({kD}) * 5 - 5)), u = constant(c, "u", at::randn({kD})),
             k = constant(c, "k", input()), v = constant(c, "v", input()),
             state = constant(c, "state", at::rand({1, 3, kD}) + 0.5);
  c.forward = [=]() -> Tensors {
    const auto result = ops::wkv4(w, u, k, v, state);
    return {result.y, result.final_state};
  };
  c.work[Bound::exponentials].forward = 4.0 * kD;
  return bound_by_traffic(c);
}

/// The cell alone: its input map is a product of any library.
Case lstm_cell() {
  auto c = step_case(" LSTM");
  const auto wx = constant(c, "wx", at::randn({1, 1, 4, 1, kD})), r = constant(c, "r", at::randn({1, kD, 4, kD}) / 16),
             bias = constant(c, "bias", at::randn({4, 1, kD})), state = constant(c, "state", at::randn({1, 2, 1, kD}));
  c.forward = [=]() -> Tensors {
    const auto result = ops::recurrent(wx, r, bias, state, {}, {.cell = ops::Cell::lstm});
    return {result.y, result.last};
  };
  return bound_by_traffic(c);
}

Case short_convolution() {
  auto c = step_case(" w4");
  const auto x = constant(c, "x", input()), weight = constant(c, "weight", at::randn({kD, 4}) / 2),
             bias = constant(c, "bias", at::randn({kD})), state = constant(c, "state", at::randn({1, 4, kD}));
  c.forward = [=]() -> Tensors {
    return {ops::short_convolution(x, weight, bias, true, state), ops::short_convolution_state(x, state)};
  };
  return bound_by_traffic(c);
}

Case dplr_recurrence() {
  const std::int64_t n = 32;
  auto c = step_case(" n32 rank 1");
  auto g = poles({n, kD});
  g[0] -= 1;
  const ops::DplrCoefficients k{.g = constant(c, "g", g),
                                .b = constant(c, "b", at::randn({2, n, kD}) / 4),
                                .p = constant(c, "p", at::randn({1, 2, n, kD}) / 64),
                                .q = constant(c, "q", at::randn({1, 2, n, kD}) / 64),
                                .c = constant(c, "c", at::randn({1, 2, n, kD}) / 4)};
  const auto x = constant(c, "x", input()), state = constant(c, "state", at::randn({1, 2, n, kD}));
  c.forward = [=]() -> Tensors {
    const auto result = ops::dplr_recurrence(x, k, state);
    return {result.y, result.state};
  };
  c.work[Bound::gemm_flops].forward = 24 * static_cast<double>(kD * n);
  return bound_by_traffic(c);
}

}  // namespace

std::vector<NamedCase> step_cases() {
  return {
      {"selective_scan_step", selective_scan},
      {"linear_scan_step", linear_scan},
      {"diagonal_scan_step", diagonal_scan},
      {"diagonal_ssm_step", diagonal_ssm},
      {"linear_attention_step", linear_attention},
      {"channel_decay_attention_step", channel_decay_attention},
      {"head_decay_attention_step", head_decay_attention},
      {"delta_rule_step", delta_rule},
      {"wkv4_step", wkv4},
      {"lstm_cell_step", lstm_cell},
      {"short_convolution_step", short_convolution},
      {"dplr_recurrence_step", dplr_recurrence},
  };
}

}  // namespace longwave::bench
