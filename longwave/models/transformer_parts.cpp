#include "longwave/models/transformer_parts.h"

#include <cmath>

#include "longwave/nn/dropout_draw.h"
#include "longwave/ops/mlp.h"
#include "longwave/ops/rms_norm.h"

namespace longwave {

torch::nn::Linear normal_linear(std::int64_t in, std::int64_t out, double std) {
  torch::nn::Linear linear(in, out);
  const at::NoGradGuard no_grad;
  linear->weight.normal_(0, std);
  linear->bias.zero_();
  return linear;
}

RmsNorm::RmsNorm(std::int64_t width) { weight = register_parameter("weight", at::ones({width})); }

at::Tensor RmsNorm::forward(const at::Tensor& x) const { return ops::rms_norm(x, weight); }

Mlp::Mlp(std::int64_t width, std::int64_t depth) {
  c_fc = register_module("c_fc", normal_linear(width, 4 * width));
  c_proj = register_module("c_proj", normal_linear(4 * width, width, 0.02 / std::sqrt(2.0 * depth)));
}

at::Tensor mlp_block(const at::Tensor& x, const RmsNorm& norm, Mlp& mlp, const Dropout& dropout, bool training) {
  const DropoutDraw draw(dropout, training);
  return ops::residual_mlp(x, norm.weight, mlp.c_fc->weight, mlp.c_fc->bias, mlp.c_proj->weight, mlp.c_proj->bias,
                           draw.p, draw.key);
}

}  // namespace longwave
