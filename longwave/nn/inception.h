#pragma once

#include <torch/nn/module.h>

#include <vector>

#include "longwave/nn/module.h"

namespace longwave {

/// Mean of square convolutions of sizes 1, 3, 5, ... with zero padding ("kernels.i.weight", "kernels.i.bias").
/// The mean of the outputs is the output of the mean kernel, so one convolution of the largest size does it.
/// "TimesNet" (Wu et al. 2023), section 3.2. x [b, in, rows, columns] -> [b, out, rows, columns].
class Inception final : public Module {
 public:
  Inception(std::int64_t in, std::int64_t out, std::int64_t kernels);

  at::Tensor forward(const at::Tensor& x);

 private:
  std::vector<at::Tensor> weights_, biases_;
};

}  // namespace longwave
