#pragma once

#include <torch/nn/modules/linear.h>

#include <memory>

#include "longwave/nn/dropout.h"
#include "longwave/nn/module.h"

namespace longwave {

/// Linear layer with weights N(0, std) and zero bias, the initialisation of the GPT family.
torch::nn::Linear normal_linear(std::int64_t in, std::int64_t out, double std = 0.02);

/// x / sqrt(mean(x^2) + 1e-5) * weight over the last axis.
struct RmsNorm final : Module {
  explicit RmsNorm(std::int64_t width);
  at::Tensor forward(const at::Tensor& x) const;
  at::Tensor weight;  // [d]
};

/// d -> 4d -> GELU -> d. `depth` scales the initial output weights by 1 / sqrt(2 depth).
struct Mlp final : Module {
  Mlp(std::int64_t width, std::int64_t depth);
  torch::nn::Linear c_fc{nullptr}, c_proj{nullptr};
};

/// x + dropout(mlp(norm(x))) with x [..., d].
at::Tensor mlp_block(const at::Tensor& x, const RmsNorm& norm, Mlp& mlp, const Dropout& dropout, bool training);

/// Modules under the names "0", "1", ...
template <class Part>
struct PartList final : Module {
  template <class Make>
  void fill(std::int64_t count, const Make& make) {
    for (std::int64_t i = 0; i < count; ++i) parts.push_back(register_module(std::to_string(i), make()));
  }
  Part& operator[](std::int64_t i) const { return *parts[i]; }
  std::vector<std::shared_ptr<Part>> parts;
};

}  // namespace longwave
