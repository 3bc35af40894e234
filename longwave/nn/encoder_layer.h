#pragma once

#include <torch/nn/modules/normalization.h>

#include "longwave/nn/attention_layer.h"
#include "longwave/nn/feed_forward.h"

namespace longwave {

struct EncoderLayerOptions {
  std::int64_t d_model = 0, n_heads = 0, d_ff = 0;
  Activation activation = Activation::gelu;
  Dropout dropout;
};

/// Post-norm transformer layer on x [b, t, d]: x = norm1(x + attention(x)); x = norm2(x + conv2(act(conv1(x)))),
/// dropout after attention, activation and conv2. Names: attention.*, conv1, conv2 (kernel 1), norm1, norm2.
class EncoderLayer final : public torch::nn::Module {
 public:
  EncoderLayer(const EncoderLayerOptions& options, AttentionLayer::Inner inner);
  at::Tensor forward(const at::Tensor& x);

 private:
  EncoderLayerOptions options_;
  std::shared_ptr<AttentionLayer> attention_;
  std::shared_ptr<PointwiseConv> conv1_, conv2_;
  torch::nn::LayerNorm norm1_{nullptr}, norm2_{nullptr};
};

}  // namespace longwave
