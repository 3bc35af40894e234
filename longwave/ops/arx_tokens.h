#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace longwave::ops {

struct ArxTokenWeights {
  at::Tensor main_weight, main_bias, main_norm;  // [d, s], [d], [d]
  at::Tensor exo_weight, exo_bias, exo_norm;     // the same
  at::Tensor mix_weight, mix_bias;               // [j, c], [j]
  at::Tensor positions;                          // [j, 2 n, d]
  at::Tensor norm;                               // [d]
};

/// Two tokens a segment and target channel, the last j channels of z [b, c, n, s] being the targets:
///   main = linear(z of the target, main_weight, main_bias),
///   exogenous = linear(mix_weight z + mix_bias over channels, exo_weight, exo_bias),
///   token = rms_norm(dropout(rms_norm(main or exogenous, its norm), p, key) + position, norm),
/// the exogenous one of a segment first: [b, j, 2 n, d]. float runs the fused kernel (differentiable once, nothing but
/// its inputs stored) where z needs no gradient; otherwise it is composed of the operators named here.
at::Tensor arx_tokens(const at::Tensor& z, const ArxTokenWeights& weights, double p, std::int64_t key,
                      double eps = 1e-5);

}  // namespace longwave::ops
