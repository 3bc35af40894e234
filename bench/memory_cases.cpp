#include <ATen/ATen.h>
#include <fmt/format.h>

#include "bench/case_parts.h"
#include "bench/operator_cases.h"
#include "longwave/ops/adamw.h"
#include "longwave/ops/batch_norm.h"
#include "longwave/ops/diagonal_scan.h"
#include "longwave/ops/dropout.h"
#include "longwave/ops/gated_activation.h"
#include "longwave/ops/gated_linear_unit.h"
#include "longwave/ops/linear_scan.h"
#include "longwave/ops/low_rank.h"
#include "longwave/ops/minimal_gates.h"
#include "longwave/ops/residual_norm.h"
#include "longwave/ops/rms_norm.h"
#include "longwave/ops/rotary.h"
#include "longwave/ops/short_convolution.h"
#include "longwave/ops/steps.h"
#include "longwave/ops/wkv4.h"

namespace longwave::bench {
namespace {

using at::Tensor;

constexpr std::int64_t kB = 8, kD = 256;

/// A case on sequences, whose sizes may be followed by `more`.
std::int64_t steps() { return steps_of(2048); }

Case sequence_case(const std::string& more = {}) {
  return {.sizes = fmt::format("b{} t{} d{}{}", kB, steps(), kD, more)};
}

Tensor sequence(std::int64_t width = kD) { return at::randn({kB, steps(), width}); }

/// Weights of a norm, not far from one.
Tensor norm_weight() { return 1 + at::randn({kD}) / 8; }

/// x, y; x, dy, dx.
Case rms_norm() {
  auto c = sequence_case();
  const auto x = leaf(c, "x", sequence()), weight = leaf(c, "weight", norm_weight());
  c.forward = [=]() -> Tensors { return {ops::rms_norm(x, weight)}; };
  add_bytes(c, x, 2, 5);
  return c;
}

/// x, y; x, dy, dx.
Case layer_norm() {
  auto c = sequence_case();
  const auto x = leaf(c, "x", sequence()), weight = leaf(c, "weight", norm_weight()),
             bias = leaf(c, "bias", at::randn({kD}));
  c.forward = [=]() -> Tensors { return {ops::layer_norm(x, weight, bias)}; };
  add_bytes(c, x, 2, 5);
  return c;
}

/// x, residual, sum, y; sum, both gradients that come, one that goes to both inputs.
Case residual_norm() {
  auto c = sequence_case();
  const auto x = leaf(c, "x", sequence()), residual = leaf(c, "residual", sequence()),
             weight = leaf(c, "weight", norm_weight());
  c.forward = [=]() -> Tensors {
    const auto [y, sum] = ops::residual_rms_norm(x, residual, weight);
    return {y, sum};
  };
  add_bytes(c, x, 4, 8);
  return c;
}

/// x, y; x, dy, dx.
Case batch_norm() {
  auto c = sequence_case();
  const auto x = leaf(c, "x", sequence()), weight = leaf(c, "weight", norm_weight()),
             bias = leaf(c, "bias", at::randn({kD}));
  c.forward = [=]() -> Tensors { return {ops::batch_norm(x, weight, bias, {}, 1e-5).y}; };
  add_bytes(c, x, 2, 5);
  return c;
}

/// x, y; x, dy, dx.
Case short_convolution() {
  auto c = sequence_case(" w4");
  const auto x = leaf(c, "x", sequence()), weight = leaf(c, "weight", at::randn({kD, 4}) / 2),
             bias = leaf(c, "bias", at::randn({kD}));
  c.forward = [=]() -> Tensors { return {ops::short_convolution(x, weight, bias, true)}; };
  add_bytes(c, x, 2, 5);
  return c;
}

/// Of halves: two of x, y; two of x, dy, two of dx.
Case gated_linear_unit() {
  auto c = sequence_case();
  const auto x = leaf(c, "x", sequence(2 * kD)), bias = leaf(c, "bias", at::randn({2 * kD}));
  c.forward = [=]() -> Tensors { return {ops::gated_linear_unit(x, bias)}; };
  add_bytes(c, x, 1.5, 4);
  return c;
}

/// x, up, y; x, up, dy, dx, dup.
Case gated_activation() {
  auto c = sequence_case(" SiLU");
  const auto x = leaf(c, "x", sequence()), up = leaf(c, "up", sequence());
  c.forward = [=]() -> Tensors { return {ops::gated_activation(x, {}, up, ops::HiddenFunction::silu)}; };
  add_bytes(c, x, 3, 8);
  return c;
}

/// Of halves: both maps, keep, input; the maps, the gradients of keep and input, those of both maps.
Case minimal_gates() {
  auto c = sequence_case(" GRU");
  const auto maps = leaf(c, "maps", sequence(2 * kD));
  c.forward = [=]() -> Tensors {
    const auto [keep, input] = ops::minimal_gates(maps, {}, false);
    return {keep, input};
  };
  add_bytes(c, maps, 2, 5);
  return c;
}

/// x, y; dy, dx.
Case rotary() {
  auto c = sequence_case(" h4");
  const auto x = leaf(c, "x", at::randn({kB, steps(), 4, kD / 4}));
  c.forward = [=]() -> Tensors { return {ops::rotary(x, ops::rotary_ratio(kD / 4, 10000), ops::RotaryPairs::half)}; };
  add_bytes(c, x, 2, 4);
  return c;
}

/// a, u, h; a, h, dh, da, du.
Case linear_scan() {
  auto c = sequence_case();
  const auto a = leaf(c, "a", at::sigmoid(2 + sequence())), u = leaf(c, "u", sequence());
  c.forward = [=]() -> Tensors { return {ops::linear_scan(a, u)}; };
  add_bytes(c, u, 3, 8);
  return c;
}

/// u, h; h, dh, du.
Case diagonal_scan() {
  const std::int64_t n = kD / 2;
  auto c = sequence_case(" complex");
  const auto radius = 0.9 + at::rand({n}) * 0.099, angle = at::rand({n}) * M_PI;
  const auto pole = leaf(c, "pole", at::stack({radius * angle.cos(), radius * angle.sin()})),
             u = leaf(c, "u", at::randn({kB, steps(), 2, n}));
  c.forward = [=]() -> Tensors { return {ops::diagonal_scan(pole, u).h}; };
  add_bytes(c, u, 2, 5);
  return c;
}

/// k, v, y; k, v, dy, dk, dv.
Case wkv4() {
  auto c = sequence_case();
  const auto w = leaf(c, "w", at::exp(at::rand({kD}) * 5 - 5)), u = leaf(c, "u", at::randn({kD})),
             k = leaf(c, "k", sequence()), v = leaf(c, "v", sequence());
  c.forward = [=]() -> Tensors { return {ops::wkv4(w, u, k, v).y}; };
  add_bytes(c, k, 3, 8);
  return c;
}

/// x, y; dy, dx.
Case fill_steps() {
  auto c = sequence_case();
  const auto x = leaf(c, "x", sequence()), valid = constant(c, "valid", at::randint(2, {kB, steps(), 1}));
  const auto steps = valid.to(at::kBool);
  c.forward = [=]() -> Tensors { return {ops::fill_steps(x, steps, 0)}; };
  add_bytes(c, x, 2, 4);
  return c;
}

/// x, y; dy, dx.
Case reverse_steps() {
  auto c = sequence_case();
  const auto x = leaf(c, "x", sequence()),
             lengths = constant(c, "lengths", at::randint(steps() / 2, steps() + 1, {kB}));
  const auto steps = lengths.to(at::kLong);
  c.forward = [=]() -> Tensors { return {ops::reverse_steps(x, steps)}; };
  add_bytes(c, x, 2, 4);
  return c;
}

/// Of complex numbers a feature and node: the four sums, y; the sums, dy, the gradients of the sums.
Case low_rank_response() {
  const std::int64_t h = 256, l = 2049;
  Case c{.sizes = fmt::format("h{} l{} rank 1", h, l)};
  const auto s = leaf(c, "s", at::randn({2, 2, h, l, 2}) / 4), tangent = constant(c, "tangent", 10 * at::rand({l}));
  c.forward = [=]() -> Tensors {
    return {at::view_as_real(ops::low_rank_response(at::view_as_complex(s), tangent, 1))};
  };
  add_bytes(c, s, 1.25, 3.5);
  return c;
}

/// The weights of six blocks of width 256: attention and an MLP.
std::vector<Tensor> block_weights() {
  std::vector<Tensor> all;
  for (int layer = 0; layer < 6; ++layer)
    for (const std::vector<std::int64_t>& sizes : std::vector<std::vector<std::int64_t>>{
             {256}, {768, 256}, {256, 256}, {256}, {1024, 256}, {1024}, {256, 1024}, {256}})
      all.push_back(at::randn(sizes) / 16);
  return all;
}

/// Constants of the case named "NAME.0", "NAME.1", ...
Tensors constants(Case& c, const std::string& name, const Tensors& values) {
  Tensors all;
  for (const auto& value : values) all.push_back(constant(c, name + "." + std::to_string(all.size()), value));
  return all;
}

/// In place. The weight, its gradient and both averages are read; all but the gradient are written.
Case adamw() {
  Case c{.sizes = "6 blocks, d256"};
  const auto w = constants(c, "w", block_weights()), g = constants(c, "g", block_weights()),
             m = constants(c, "m", block_weights());
  Tensors v;
  for (const auto& x : block_weights()) v.push_back((at::rand_like(x) + 0.5) / 256);
  v = constants(c, "v", v);
  c.forward = [=]() -> Tensors {
    ops::adamw_step(w, g, m, v, {.lr = 1, .step = 10});
    return {};
  };
  for (const auto& x : w) add_bytes(c, x, 7);
  return c;
}

/// Every gradient is read.
Case grad_norm() {
  Case c{.sizes = "6 blocks, d256"};
  const auto g = constants(c, "g", block_weights());
  c.forward = [=]() -> Tensors { return {at::scalar_tensor(ops::grad_norm(g))}; };
  for (const auto& x : g) add_bytes(c, x, 1);
  return c;
}

/// x, y; dy, dx. The choice of what to drop is drawn, not read.
Case dropout() {
  auto c = sequence_case(" p0.1");
  const auto x = leaf(c, "x", sequence());
  c.forward = [=]() -> Tensors { return {ops::dropout(x, 0.1, 1)}; };
  add_bytes(c, x, 2, 4);
  return c;
}

}  // namespace

std::vector<NamedCase> memory_cases() {
  return {
      {"rms_norm", rms_norm},
      {"layer_norm", layer_norm},
      {"residual_norm", residual_norm},
      {"batch_norm", batch_norm},
      {"short_convolution", short_convolution},
      {"gated_linear_unit", gated_linear_unit},
      {"gated_activation", gated_activation},
      {"minimal_gates", minimal_gates},
      {"rotary", rotary},
      {"linear_scan", linear_scan},
      {"diagonal_scan", diagonal_scan},
      {"wkv4", wkv4},
      {"fill_steps", fill_steps},
      {"reverse_steps", reverse_steps},
      {"low_rank_response", low_rank_response},
      {"adamw", adamw},
      {"grad_norm", grad_norm},
      {"dropout", dropout},
  };
}

}  // namespace longwave::bench
