#include "longwave/nn/inception.h"

#include <torch/nn/init.h>

#include "longwave/nn/path.h"

namespace longwave {

Inception::Inception(std::int64_t in, std::int64_t out, std::int64_t kernels) {
  for (std::int64_t i = 0; i < kernels; ++i) {
    auto& kernel = submodule(*this, "kernels." + std::to_string(i));
    auto weight = at::empty({out, in, 2 * i + 1, 2 * i + 1});
    torch::nn::init::kaiming_normal_(weight, 0, torch::kFanOut, torch::kReLU);
    weights_.push_back(kernel.register_parameter("weight", weight));
    biases_.push_back(kernel.register_parameter("bias", at::zeros({out})));
  }
}

at::Tensor Inception::forward(const at::Tensor& x) {
  const auto count = static_cast<std::int64_t>(weights_.size());
  std::vector<at::Tensor> padded;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto margin = count - 1 - i;
    padded.push_back(at::constant_pad_nd(weights_[i], {margin, margin, margin, margin}));
  }
  const auto weight = at::stack(padded).mean(0), bias = at::stack(biases_).mean(0);
  return at::conv2d(x, weight, bias, /*stride=*/1, /*padding=*/count - 1);
}

}  // namespace longwave
