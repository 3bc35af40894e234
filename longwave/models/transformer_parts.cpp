#include "longwave/models/transformer_parts.h"

#include <cmath>

namespace longwave {

torch::nn::Linear normal_linear(std::int64_t in, std::int64_t out, double std) {
  torch::nn::Linear linear(in, out);
  const at::NoGradGuard no_grad;
  linear->weight.normal_(0, std);
  linear->bias.zero_();
  return linear;
}

RmsNorm::RmsNorm(std::int64_t width) { weight = register_parameter("weight", at::ones({width})); }

at::Tensor RmsNorm::forward(const at::Tensor& x) const {
  return x * (x.square().mean(-1, true) + 1e-5).rsqrt() * weight;
}

Mlp::Mlp(std::int64_t width, std::int64_t depth) {
  c_fc = register_module("c_fc", normal_linear(width, 4 * width));
  c_proj = register_module("c_proj", normal_linear(4 * width, width, 0.02 / std::sqrt(2.0 * depth)));
}

at::Tensor Mlp::forward(const at::Tensor& x) { return c_proj->forward(at::gelu(c_fc->forward(x))); }

at::Tensor mlp_block(const at::Tensor& x, const RmsNorm& norm, Mlp& mlp, const Dropout& dropout, bool training) {
  return x + dropout(mlp.forward(norm.forward(x)), training);
}

}  // namespace longwave
