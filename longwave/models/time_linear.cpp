#include "longwave/models/time_linear.h"

#include <torch/nn/modules/linear.h>

namespace longwave {

TimeLinear::TimeLinear(const Sizes& sizes, bool individual) {
  const auto keep = [&](const torch::nn::Linear& linear) {
    weights_.push_back(linear->weight);
    biases_.push_back(linear->bias);
  };
  if (individual) {
    for (std::int64_t c = 0; c < sizes.channels; ++c)
      keep(register_module(std::to_string(c), torch::nn::Linear(sizes.in, sizes.out)));
    return;
  }
  keep(torch::nn::Linear(sizes.in, sizes.out));
  register_parameter("weight", weights_[0]);
  register_parameter("bias", biases_[0]);
}

at::Tensor TimeLinear::forward(const at::Tensor& x) const {
  if (weights_.size() == 1 && children().empty())
    return at::linear(x.transpose(1, 2), weights_[0], biases_[0]).transpose(1, 2);
  const auto weight = at::stack(weights_);             // [c, p, l]
  const auto bias = at::stack(biases_).unsqueeze(-1);  // [c, p, 1]
  return at::baddbmm(bias, weight, x.permute({2, 1, 0})).permute({2, 1, 0});
}

}  // namespace longwave
