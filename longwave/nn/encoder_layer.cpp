#include "longwave/nn/encoder_layer.h"

namespace longwave {

EncoderLayer::EncoderLayer(const EncoderLayerOptions& options, AttentionLayer::Inner inner) : options_(options) {
  const auto d = options.d_model;
  attention_ = register_module("attention", std::make_shared<AttentionLayer>(d, options.n_heads, std::move(inner)));
  conv1_ = register_module("conv1", std::make_shared<PointwiseConv>(d, options.d_ff));
  conv2_ = register_module("conv2", std::make_shared<PointwiseConv>(options.d_ff, d));
  norm1_ = register_module("norm1", torch::nn::LayerNorm(torch::nn::LayerNormOptions({d})));
  norm2_ = register_module("norm2", torch::nn::LayerNorm(torch::nn::LayerNormOptions({d})));
}

at::Tensor EncoderLayer::forward(const at::Tensor& x) {
  const auto& dropout = options_.dropout;
  const auto attended = norm1_(x + dropout(attention_->forward(x, x, x), is_training()));
  const auto hidden = feed_forward(attended, {conv1_->matrix(), conv1_->bias, conv2_->matrix(), conv2_->bias},
                                   options_.activation, dropout, is_training());
  return norm2_(attended + dropout(hidden, is_training()));
}

}  // namespace longwave
