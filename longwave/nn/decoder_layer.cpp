#include "longwave/nn/decoder_layer.h"

namespace longwave {

DecoderLayer::DecoderLayer(const EncoderLayerOptions& options, AttentionLayer::Inner self, AttentionLayer::Inner cross)
    : options_(options) {
  const auto d = options.d_model;
  const auto norm = [&](const char* name) {
    return register_module(name, torch::nn::LayerNorm(torch::nn::LayerNormOptions({d})));
  };
  self_ = register_module("self_attention", std::make_shared<AttentionLayer>(d, options.n_heads, std::move(self)));
  cross_ = register_module("cross_attention", std::make_shared<AttentionLayer>(d, options.n_heads, std::move(cross)));
  conv1_ = register_module("conv1", std::make_shared<PointwiseConv>(d, options.d_ff));
  conv2_ = register_module("conv2", std::make_shared<PointwiseConv>(options.d_ff, d));
  norm1_ = norm("norm1");
  norm2_ = norm("norm2");
  norm3_ = norm("norm3");
}

at::Tensor DecoderLayer::forward(at::Tensor x, const at::Tensor& memory) {
  const auto drop = [&](const at::Tensor& y) { return options_.dropout(y, is_training()); };
  x = norm1_(x + drop(self_->forward(x, x, x)));
  x = norm2_(x + drop(cross_->forward(x, memory, memory)));
  const auto hidden = feed_forward(x, {conv1_->matrix(), conv1_->bias, conv2_->matrix(), conv2_->bias},
                                   options_.activation, options_.dropout, is_training());
  return norm3_(x + drop(hidden));
}

}  // namespace longwave
