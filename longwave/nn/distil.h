#pragma once

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>

namespace longwave {

/// Halves the steps between two encoder layers: circular convolution, batch norm, ELU, max-pooling.
/// x [b, t, d] -> [b, floor((t + 1) / 2) + 1, d]. Names: downConv, norm. "Informer" (Zhou et al. 2021), section 3.
class DistilLayer final : public torch::nn::Module {
 public:
  explicit DistilLayer(std::int64_t d);
  at::Tensor forward(const at::Tensor& x);

 private:
  torch::nn::Conv1d conv_{nullptr};
  torch::nn::BatchNorm1d norm_{nullptr};
};

}  // namespace longwave
