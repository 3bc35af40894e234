#include <ATen/ATen.h>
#include <fmt/format.h>

#include "bench/case_parts.h"
#include "bench/operator_cases.h"
#include "longwave/ops/arx_tokens.h"
#include "longwave/ops/masked_series.h"
#include "longwave/ops/segments.h"
#include "longwave/ops/var_attention.h"

namespace longwave::bench {
namespace {

using at::Tensor;

/// A batch of windows of 21 channels and the segments that forecasters read them as.
constexpr std::int64_t kB = 32, kL = 1024, kC = 21, kS = 96, kN = 11;
constexpr std::int64_t kD = 64, kHeads = 8, kLayers = 3;

/// Weights of a norm, not far from one.
Tensor norm_weight(at::IntArrayRef sizes) { return 1 + at::randn(sizes) / 8; }

/// x, z.
Case scaled_segments() {
  Case c{.sizes = fmt::format("b{} l{} c{} s{}", kB, kL, kC, kS)};
  const auto x = constant(c, "x", at::randn({kB, kL, kC}) + 2);
  c.forward = [=]() -> Tensors {
    const auto [z, mean, deviation] = ops::scaled_segments(x, kS);
    return {z, mean, deviation};
  };
  add_bytes(c, x, 2);
  return c;
}

/// The forecasts of all segments, the segments; the same and the gradient of the former.
Case next_segments() {
  Case c{.sizes = fmt::format("b{} l{} c{} s{}", kB, kL, kC, kS)};
  const auto next = leaf(c, "next", at::randn({kB, kC, kN, kS}));
  const ops::ScaledSegments of{.z = constant(c, "z", at::randn({kB, kC, kN, kS})),
                               .mean = constant(c, "mean", at::randn({kB, kC, 1})),
                               .deviation = constant(c, "deviation", at::rand({kB, kC, 1}))};
  c.forward = [=]() -> Tensors {
    const auto [forecast, loss] = ops::next_segments(next, of);
    return {forecast, loss};
  };
  add_bytes(c, next, 2, 5);
  return c;
}

/// Products with a segment: of its values, of the mixed channels, of the channels that are mixed; backward there is no
/// gradient of the values.
Case arx_tokens() {
  Case c{.sizes = fmt::format("b{} c{} n{} s{} d{}", kB, kC, kN, kS, kD)};
  const auto z = constant(c, "z", at::randn({kB, kC, kN, kS}));
  const ops::ArxTokenWeights w{.main_weight = leaf(c, "main_weight", at::randn({kD, kS}) / 8),
                               .main_bias = leaf(c, "main_bias", at::randn({kD})),
                               .main_norm = leaf(c, "main_norm", norm_weight({kD})),
                               .exo_weight = leaf(c, "exo_weight", at::randn({kD, kS}) / 8),
                               .exo_bias = leaf(c, "exo_bias", at::randn({kD})),
                               .exo_norm = leaf(c, "exo_norm", norm_weight({kD})),
                               .mix_weight = leaf(c, "mix_weight", at::randn({kC, kC}) / 4),
                               .mix_bias = leaf(c, "mix_bias", at::randn({kC})),
                               .positions = leaf(c, "positions", at::randn({kC, 2 * kN, kD})),
                               .norm = leaf(c, "norm", norm_weight({kD}))};
  c.forward = [=]() -> Tensors { return {ops::arx_tokens(z, w, 0, 0)}; };
  const double segments = kB * kC * kN, map = kS * kD, mix = kC * kS;
  c.work[Bound::gemm_flops] = {2 * segments * (2 * map + mix), 2 * segments * (5 * map + 2 * mix)};
  return c;
}

/// Products of a token: the maps of all layers, the visible half of the tokens, and the read-out of every second one.
Case var_attention() {
  const std::int64_t b = kB * kC, t = 2 * kN, e = kD / kHeads;
  Case c{.sizes = fmt::format("b{} t{} d{} h{} {} layers", b, t, kD, kHeads, kLayers)};
  const auto y = leaf(c, "y", at::randn({b, t, kD}));
  const ops::VarAttentionWeights w{.input_norm = leaf(c, "input_norm", norm_weight({kD})),
                                   .weight = leaf(c, "weight", at::randn({2 * kLayers * kD, kD}) / 8),
                                   .bias = leaf(c, "bias", at::randn({2 * kLayers * kD}) / 8),
                                   .map_norm = leaf(c, "map_norm", norm_weight({2 * kLayers * kHeads, e}) / 4),
                                   .structural = leaf(c, "structural", at::randn({kHeads, e, e}) / 4),
                                   .output_norm = leaf(c, "output_norm", norm_weight({kD}))};
  const ops::VarAttentionOptions options{.keys = std::vector<std::int64_t>(kLayers)};
  c.forward = [=]() -> Tensors { return {ops::var_attention(y, w, options)}; };
  add_products(c, b * t, static_cast<double>(kLayers * (2 * kD * kD + t * kD)) + static_cast<double>(kD * e) / 2);
  return c;
}

/// x, z; x, dz, dx.
Case masked_series() {
  const std::int64_t f = 64;
  Case c{.sizes = fmt::format("b{} f{} l{}", kB, f, kL)};
  const auto x = leaf(c, "x", at::randn({kB, f, kL})), scale = leaf(c, "scale", at::rand({kB, f, 1}) + 0.5),
             mask_weight = leaf(c, "mask_weight", at::randn({f, kL}) / 32),
             mask_bias = leaf(c, "mask_bias", at::rand({f})), ramp = constant(c, "ramp", at::linspace(0, 2, kL));
  c.forward = [=]() -> Tensors {
    const auto [z, changes] = ops::masked_series(x, scale, mask_weight, mask_bias, ramp);
    return {z, changes};
  };
  add_bytes(c, x, 2, 5);
  return c;
}

}  // namespace

std::vector<NamedCase> forecaster_cases() {
  return {
      {"scaled_segments", scaled_segments}, {"next_segments", next_segments}, {"arx_tokens", arx_tokens},
      {"var_attention", var_attention},     {"masked_series", masked_series},
  };
}

}  // namespace longwave::bench
