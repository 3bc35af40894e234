#include "longwave/nn/distil.h"

#include "longwave/nn/embedding.h"

namespace longwave {

DistilLayer::DistilLayer(std::int64_t d) {
  conv_ = register_module("downConv", torch::nn::Conv1d(d, d, 3));
  norm_ = register_module("norm", torch::nn::BatchNorm1d(d));
}

at::Tensor DistilLayer::forward(const at::Tensor& x) {
  const auto mixed = circular_conv(x, conv_->weight, conv_->bias, /*padding=*/2).transpose(1, 2);  // [b, d, t + 2]
  return at::max_pool1d(at::elu(norm_->forward(mixed)), {3}, {2}, {1}).transpose(1, 2);
}

}  // namespace longwave
