#pragma once

#include "longwave/nn/encoder_layer.h"

namespace longwave {

/// Post-norm transformer decoder layer on x [b, t, d] with memory [b, s, d]: norm1(x + self_attention(x)), then
/// norm2(x + cross_attention(x, memory)), then norm3(x + feed-forward), dropout after each part and the activation.
/// Names: self_attention.*, cross_attention.*, conv1, conv2 (kernel 1), norm1, norm2, norm3.
class DecoderLayer final : public torch::nn::Module {
 public:
  DecoderLayer(const EncoderLayerOptions& options, AttentionLayer::Inner self, AttentionLayer::Inner cross);
  at::Tensor forward(at::Tensor x, const at::Tensor& memory);

 private:
  EncoderLayerOptions options_;
  std::shared_ptr<AttentionLayer> self_, cross_;
  std::shared_ptr<PointwiseConv> conv1_, conv2_;
  torch::nn::LayerNorm norm1_{nullptr}, norm2_{nullptr}, norm3_{nullptr};
};

}  // namespace longwave
