#pragma once

#include <torch/nn/module.h>

#include <vector>

namespace longwave {

/// Linear map over time, x [b, l, c] -> [b, p, c]: one for all channels (names weight, bias) or one for each channel
/// (names 0.weight, 0.bias, 1.weight, ...). Weights and biases from U(-1/sqrt(l), 1/sqrt(l)).
class TimeLinear final : public torch::nn::Module {
 public:
  struct Sizes {
    std::int64_t in = 0, out = 0, channels = 0;
  };

  TimeLinear(const Sizes& sizes, bool individual);
  at::Tensor forward(const at::Tensor& x) const;

 private:
  std::vector<at::Tensor> weights_, biases_;  // one of each, or one for each channel
};

}  // namespace longwave
